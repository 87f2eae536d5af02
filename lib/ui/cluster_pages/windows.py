"""What the Windows page shows of a topic that a cluster holds: each setting is replayed there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.charts.skew import drawn_skew
from lib.charts.skew_data import ENGINE_CLOCK, JUDGED
from lib.core.columns import CLIENT, EVENTS
from lib.core.errors import NotInBlocksError, SkewlineError
from lib.core.formatting import escaped_markdown
from lib.events.table import TimeDomain
from lib.replay.advisor import elsewhere
from lib.replay.sentences import NO_ADVICE
from lib.replay.sweep import curve_of, curve_settings, idle_settings, tradeoff_settings
from lib.report.report import Asked
from lib.ui import parameters
from lib.ui.answers import impossible_times
from lib.ui.chart import show_over_time
from lib.ui.cluster_pages.export import export_dropped_told, fits
from lib.ui.cluster_pages.parts import show_refusal
from lib.ui.parts.advice import (
    advice_told,
    choose_goal,
    draw_tradeoff,
    say_no_setting,
    show_elsewhere,
)
from lib.ui.parts.blame import DrawnFault, fault_told, idle_ms
from lib.ui.parts.engine_settings import choose_setting, say_remark, say_stop
from lib.ui.parts.outcome import (
    advised_delay,
    draw_curves,
    dropped_told,
    figures,
    gaps,
    on_received_time,
)
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.replay.advisor import Advice
    from lib.replay.engine import Setting
    from lib.replay.outcome import Outcome
    from lib.report.report import Replayed, Report
    from lib.ui.cluster.told import OnCluster
    from lib.ui.view import View

_OTHER_FIELDS: Final = (
    "Windows are grouped by client, session, partition, or a field that was chosen to be kept when "
    "the cluster was asked. To choose others, let the topic go."
)

_NAMES: Final = {CLIENT: Asked().key}
"""What reports call columns that windows are grouped by."""


def windows_told(view: View, told: OnCluster) -> None:
    """Draw the controls, what the engine makes of the whole topic, and the setting that holds."""
    whole = told.of_all
    report = whole.report
    setting, key = choose_setting(whole.keys())
    say_remark(report.topic, key, setting, _without_client(report) if key == CLIENT else 0)
    result = st.container()
    st.subheader("A setting that holds", anchor=False)
    goal = choose_goal(setting, has_sessions=report.topic.fields.session is not None)
    try:
        asked = replace(report.asked, setting=setting, goal=goal, key=_NAMES.get(key, key))
        replayed, drawn = whole.replayed(asked)
        seen = drawn if told is whole else told.drawn(asked)  # the plot alone is of what is seen
    except SkewlineError as error:
        show_refusal(error)
        return
    with result:
        st.subheader("Result", anchor=False)
        figures(replayed.outcome)
        if not say_stop(replayed.outcome):
            _on_received_time(whole, asked, replayed.outcome)
    _advice(view, whole, replayed, asked)
    if seen is not None:
        st.subheader("Skew plot", anchor=False)
        zero_ms = view.times.zero_ms
        plot = drawn_skew(seen.skew, JUDGED, ENGINE_CLOCK, zero_ms=zero_ms, scale=view.scale)
        show_over_time(plot, parameters.REPLAY_CHART, TimeDomain.EVENT, zero_ms)
    if drawn is not None:
        st.subheader("Dropped events", anchor=False)
        make = weakly(lambda told: told.dropped(asked), whole)
        every = make if fits(replayed.outcome.dropped) else None
        dropped_told(drawn.dropped, replayed.outcome, view.times, view.name, every)
    if not replayed.outcome.stopped:  # all else stands on the whole topic
        _once_opened("Whose fault", parameters.FAULT_OPEN, partial(_fault, view, whole, asked))
        _once_opened(
            "Latency against dropped events, the other engines, other settings",
            parameters.OTHER_SETTINGS_OPEN,
            partial(_other_settings, whole, asked, replayed),
        )
    st.caption(_OTHER_FIELDS)


def _on_received_time(whole: OnCluster, asked: Asked, outcome: Outcome) -> None:
    try:
        received = whole.on_received(asked)
    except SkewlineError as error:
        show_refusal(error)
    else:
        on_received_time(received, asked.setting.window, outcome)


def _once_opened(title: str, key: str, draw: Callable[[], None]) -> None:
    """Draw what takes many replays, once that is opened."""
    below = st.expander(title, key=key, on_change="rerun")
    if below.open:
        with below:
            try:
                draw()
            except SkewlineError as error:
                show_refusal(error)


def _fault(view: View, whole: OnCluster, asked: Asked) -> None:
    """Draw of whom and because of whom events are dropped."""
    setting, report = asked.setting, whole.report
    assert report.analysis is not None  # or there were no event to replay
    fault_told(
        DrawnFault(
            whole.fault(asked, idle_ms(setting)),
            setting,
            asked.goal,
            partial(_idle, whole, asked),
            report.topic.report.topic,
            report.analysis.clocks,
            view.times.zero_ms,
            view.scale,
        )
    )


def _idle(whole: OnCluster, asked: Asked) -> dict[int | None, Outcome]:
    """Return what other idle timeouts would do."""
    settings = idle_settings(asked.setting)
    if not settings:
        return {}
    return dict(zip(settings, whole.tried(asked, [*settings.values()]), strict=True))


def _other_settings(whole: OnCluster, asked: Asked, replayed: Replayed) -> None:
    """Draw what settings around the present and the advised one would do."""
    _around_advice(whole, asked, replayed.advice)
    _curves(whole, asked, replayed.advice)
    if whole.report.topic.fields.session is None:
        gaps(whole.gaps(asked), asked.setting)


def _around_advice(whole: OnCluster, asked: Asked, advice: Advice | None) -> None:
    if advice is None:
        st.caption("No setting is advised, so there is none to draw around.")
        return
    around = tradeoff_settings(advice.setting, whole.held.topic.contents.events)
    draw_tradeoff(curve_of(around, whole.tried(asked, around)), advice)
    others: list[tuple[Setting, Outcome | None]] = []
    for each in elsewhere(advice.setting):
        try:
            (outcome,) = whole.tried(asked, [each])
        except NotInBlocksError:
            others.append((each, None))
        else:
            others.append((each, outcome))
    show_elsewhere(advice, others)


def _curves(whole: OnCluster, asked: Asked, advice: Advice | None) -> None:
    setting, events = asked.setting, whole.held.topic.contents.events
    advised_ms = advised_delay(setting, advice)
    over_gap, over_delay = (
        curve_of(some, whole.tried(asked, some))
        for some in curve_settings(setting, events, advised_ms)
    )
    draw_curves(over_gap, over_delay, setting, advised_ms)


def _advice(view: View, whole: OnCluster, replayed: Replayed, asked: Asked) -> None:
    report, advice = whole.report, replayed.advice
    if advice is not None:
        advised = replace(asked, setting=advice.setting)
        export = partial(export_dropped_told, whole, advised, advice.outcome.dropped)
        advice_told(advice, asked.goal, report.topic, replayed.key, view.times, export)
    elif replayed.no_advice == NO_ADVICE:
        assert report.analysis is not None  # or there were no event to replay
        say_no_setting(impossible_times(report.analysis, view.times.zone))
    else:
        st.info(escaped_markdown(replayed.no_advice), icon=":material/search_off:")


def _without_client(report: Report) -> int:
    """Return how many events have no client, of those that were received at a known time."""
    assert report.analysis is not None
    clocks = report.analysis.clocks
    return int(clocks.loc[clocks[CLIENT].isna(), EVENTS].sum())
