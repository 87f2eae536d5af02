"""What a setting did, in figures and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import streamlit as st

from lib.charts import windows as charts
from lib.charts.picture import Picture
from lib.charts.skew import skew_plot
from lib.charts.skew_data import judged_by_engine
from lib.core.columns import (
    CLIENT,
    DELAY_MS,
    EVENT_TIME,
    GAP_MS,
    LATENCY_MEDIAN_MS,
    MISSED_BY_MS,
    RECEIVED_TIME,
)
from lib.core.formatting import counted, duration, percent
from lib.events.client_names import written
from lib.events.table import TimeDomain
from lib.replay.engine import delay_ms, with_delay
from lib.replay.gaps import gap_distribution, knee_ms
from lib.replay.outcome import dropped_events
from lib.replay.sentences import DROPPED_MEANS, FATES, latency_means, latency_text
from lib.replay.windows import NO_INDEX, HoppingWindow, SessionWindow
from lib.ui import parameters
from lib.ui.chart import show_over_time, show_picture
from lib.ui.record_links import open_selected
from lib.ui.replays import advice_of, curves_of
from lib.ui.show import time_column, with_times_shown
from lib.ui.tables import MOST_ROWS, WholeTable, show_table, weakly

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.core.moments import Times
    from lib.loading.load import LoadedTopic
    from lib.replay.advisor import Advice
    from lib.replay.counted import Counted
    from lib.replay.engine import Setting
    from lib.replay.goal import Goal
    from lib.replay.outcome import Outcome
    from lib.replay.processing_time import OnReceived
    from lib.replay.windows import Replay, Window
    from lib.ui.visible import Visible


def figures(outcome: Outcome, *, with_latency: bool = True) -> None:
    """Show the figures of a replay; how late results come only where received times are known."""
    with st.container(horizontal=True):
        for name, count in _session_counts(outcome).items():
            of = f"Of {counted(outcome.sessions.sessions, 'session')}. " if outcome.sessions else ""
            st.metric(name, f"{count:,}", border=True, help=f"{of}{FATES[name]}")
        st.metric(
            "Dropped",
            f"{outcome.dropped:,} ({percent(outcome.dropped_share)})",
            border=True,
            help=DROPPED_MEANS,
        )
        if with_latency:
            st.metric(
                "Result latency",
                latency_text(outcome.latency_median_ms),
                border=True,
                help=latency_means(outcome),
            )

    if outcome.sessions is not None:
        st.caption(
            f"From Exact to Mixed: of {counted(outcome.sessions.sessions, 'session')} in the topic."
        )


def on_received_time(found: OnReceived, window: Window, outcome: Outcome) -> None:
    """Show what the same windows make of received times, beside what the engine makes."""
    rows = {"event time, as set": outcome, "received time": found.outcome}
    what = "gap" if isinstance(window, SessionWindow) else "windows"
    st.markdown(f"**The same {what} on received time**, as processing-time windows would have it")
    show_table(
        pd.DataFrame([{"Windows on": name} | _row(each) for name, each in rows.items()]),
        alt=f"The result on event time beside that of the same {what} on received time",
    )
    if found.elsewhere is None:
        return
    by = _OF_HOPPING if isinstance(window, HoppingWindow) else ""
    st.caption(
        f"{counted(found.elsewhere, 'event')} of the {found.kept:,} kept would be in "
        f"another window on received time{by}."
    )


_OF_HOPPING: Final = ", by the newest window that each is in"


def _row(outcome: Outcome) -> dict[str, object]:
    return {"Windows": outcome.windows, **figures_row(outcome)}


def figures_row(outcome: Outcome) -> dict[str, object]:
    """Return the figures of an outcome, named, as a row of a table."""
    return {
        **_session_counts(outcome),
        "Dropped": outcome.dropped,
        "Result latency": latency_text(outcome.latency_median_ms),
        "95 % within": latency_text(outcome.latency_p95_ms),
        "Windows without a final result": outcome.unclosed,
    }


def _session_counts(outcome: Outcome) -> dict[str, int]:
    found = outcome.sessions
    if found is None:
        return {}
    counts = (found.exact, found.incomplete, found.split, found.merged, found.mixed)
    return dict(zip(FATES, counts, strict=True))


def skew(visible: Visible, replayed: Replay) -> None:
    """Draw the skew plot with the engine's clock and the dropped events in red."""
    reached = np.maximum.accumulate(visible.table[RECEIVED_TIME].to_numpy())
    drawn = skew_plot(
        visible.table,
        visible.rows,
        judged_by_engine(replayed, reached),
        zero_ms=visible.zero_ms,
        scale=visible.scale,
    )
    show_over_time(drawn, parameters.REPLAY_CHART, TimeDomain.EVENT, visible.zero_ms)


def dropped_list(visible: Visible, replayed: Replay) -> None:
    """Show the dropped events, and offer them all as a file."""
    dropped = dropped_events(visible.table, replayed)
    if visible.order_only:
        dropped = dropped.drop(columns=RECEIVED_TIME)
    if dropped.empty:
        if replayed.stopped_at == NO_INDEX:
            st.success("No event is dropped.", icon=":material/check_circle:")
        return
    names, times = list(dropped.columns), visible.times

    def every(topic: LoadedTopic, replayed: Replay) -> pd.DataFrame:
        return dropped_events(topic.events.table, replayed)[names]

    make = weakly(every, visible.topic, replayed)
    whole = _every_dropped(visible.topic.report.topic, len(dropped), make, times)
    _dropped_table(dropped.nlargest(MOST_ROWS, MISSED_BY_MS), _OF_TOPIC, times, whole)


_OF_TOPIC: Final = "Of the whole topic"


def _every_dropped(
    topic: str, rows: int, make: Callable[[], pd.DataFrame], times: Times
) -> WholeTable:
    def shown() -> pd.DataFrame:
        events = make()
        return with_times_shown(events, _times_in(events), times)

    return WholeTable("the dropped events", f"{topic}-dropped.csv", rows, shown)


def dropped_told(
    dropped: pd.DataFrame,
    outcome: Outcome,
    times: Times,
    topic: str,
    make: Callable[[], pd.DataFrame] | None,
) -> None:
    """Show the dropped events that missed by the most, of a topic whose events are elsewhere.

    Parameters
    ----------
    topic
        What it is called.
    make
        Returns all dropped events, for a file; None where they are too many.
    """
    if not outcome.dropped:
        if not outcome.stopped:
            st.success("No event is dropped.", icon=":material/check_circle:")
        return
    if make is not None:
        whole = _every_dropped(topic, outcome.dropped, make, times)
        _dropped_table(dropped, _OF_TOPIC, times, whole)
        return
    shown = "" if len(dropped) == outcome.dropped else f"The first {len(dropped):,} of "
    of = f"{shown}{counted(outcome.dropped, 'event')}, those that missed by the most first"
    _dropped_table(dropped, f"{of}, of the whole topic", times)


def _times_in(events: pd.DataFrame) -> list[str]:
    return [name for name in (EVENT_TIME, RECEIVED_TIME) if name in events]


def _dropped_table(
    shown: pd.DataFrame, of: str, times: Times, whole: WholeTable | None = None
) -> None:
    columns = {
        CLIENT: shown[CLIENT].astype(object).map(written),
        MISSED_BY_MS: shown[MISSED_BY_MS] / 1000,
    }
    of_time = _times_in(shown)
    written_out = with_times_shown(shown.assign(**columns), of_time, times)
    chosen = show_table(
        written_out.rename(columns={MISSED_BY_MS: "Missed by (s)"}),
        whole=whole,
        order="those that missed by the most first",
        key=parameters.DROPPED_TABLE,
        on_select="rerun",
        selection_mode="single-row",
        config={name: time_column(times, "Time") for name in of_time},
        height=250,
        alt="Dropped events, those that missed by the most first",
    )
    st.caption(f"{of}. Select one for its record.")
    open_selected(chosen.selection.rows, shown)


def curves(visible: Visible, setting: Setting, goal: Goal) -> None:
    """Draw what other gaps, and other delays, would do; the advised delay is marked."""
    advised_ms = advised_delay(setting, advice_of(visible, setting, goal))
    draw_curves(*curves_of(visible, setting, advised_ms), setting, advised_ms)


def draw_curves(
    over_gap: pd.DataFrame, over_delay: pd.DataFrame, setting: Setting, advised_ms: int | None
) -> None:
    """Draw what other gaps, and other delays, would do; the advised delay is marked."""
    left, right = st.columns(2)
    with left:
        _curve(over_gap, GAP_MS, setting.window.length_ms, setting.window.length_title)
    with right:
        _curve(over_delay, DELAY_MS, delay_ms(setting), setting.engine.delay.title, advised_ms)
    is_open = any(table[LATENCY_MEDIAN_MS].isna().any() for table in (over_gap, over_delay))
    ends = "; that of the latency ends where no window has a final result" if is_open else ""
    marked = "" if advised_ms is None else ", the diamond the advised one"
    st.caption(
        "Everything else as set, on the whole topic. The dashed line is the present "
        f"setting{marked}. A curve goes from the shortest to the longest that was tried{ends}."
    )


def advised_delay(setting: Setting, advice: Advice | None) -> int | None:
    """Return the delay that is advised, ms; None where more than the delay would be another."""
    if advice is None:
        return None
    advised_ms = delay_ms(advice.setting)
    return advised_ms if with_delay(setting, advised_ms) == advice.setting else None


def _curve(
    table: pd.DataFrame, column: str, current_ms: int, title: str, advised_ms: int | None = None
) -> None:
    picture = charts.setting_curve(table, column, current_ms, title, advised_ms)
    show_picture(picture, parameters.curve_key(column))


def gaps(between: Counted, setting: Setting) -> None:
    """Draw the gaps between events, where the topic has no sessions of its own."""
    knee = knee_ms(between)
    if knee is None:
        st.info("There are too few events of one key to compare gaps.", icon=":material/info:")
        return
    drawn = charts.gap_histogram(
        gap_distribution(between), [("knee", knee), ("present gap", setting.window.length_ms)]
    )
    show_picture(
        Picture(
            drawn,
            f"Time between neighbouring events of a key; the knee is at {duration(knee)}",
            "The topic has no sessions of its own, so none can be exact or split. Beyond the knee "
            f"at {duration(knee)} a longer session gap joins few further events.",
        ),
        parameters.GAP_CHART,
    )
