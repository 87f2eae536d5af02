"""The figures of what is visible, and the advice in one line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.analysis.summary import AHEAD_MEANS, MEDIAN_DELAY_MEANS, summarise
from lib.core.formatting import delay_text, escaped_markdown, share_text
from lib.decoding.rejected import far_ahead_sentence
from lib.replay.goal import Goal
from lib.replay.sentences import NO_ADVICE, TOO_FEW, held_back_sentence, named
from lib.report.report import initial_setting
from lib.ui import parameters
from lib.ui.answers import impossible_times_in, with_received
from lib.ui.replays import advice_of, replay_of

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from lib.analysis.summary import Summary
    from lib.core.moments import Times
    from lib.loading.load import LoadedTopic
    from lib.replay.advisor import Advice
    from lib.ui.visible import Visible

_GOAL: Final = Goal(float(parameters.LOSE.default) / 100)
"""Where the Windows page begins, too."""


def summary_of(visible: Visible) -> Summary:
    """Return the headline figures of what is visible."""
    return visible.found(("summary",), lambda: summarise(visible.table, visible.rows))


def figures(summary: Summary, *, delays_tell: bool) -> None:
    """Show how many events, of whom, and how late, where that can be told."""
    with st.container(horizontal=True):
        st.metric("Events", f"{summary.events:,}", border=True)
        st.metric("Clients", f"{summary.clients:,}", border=True)
        st.metric("Sessions", f"{summary.sessions:,}", border=True)
        median_ms, largest_ms = summary.median_delay_ms, summary.largest_delay_ms
        if delays_tell and median_ms is not None and largest_ms is not None:
            st.metric(
                "Median delay",
                delay_text(median_ms),
                border=True,
                help=MEDIAN_DELAY_MEANS,
            )
            st.metric(
                "Largest delay",
                delay_text(largest_ms),
                border=True,
                help="No event shown arrived later after it happened.",
            )
            st.metric(
                "Clock ahead",
                f"{summary.ahead:,}",
                border=True,
                help=AHEAD_MEANS,
            )


def when(summary: Summary, times: Times) -> str:
    """Return when events happened and arrived, in a sentence."""
    written = times.stretch
    happened = f"Events happened {written(summary.first_event_ms, summary.last_event_ms)}"
    if summary.first_received_ms is None or summary.last_received_ms is None:
        return f"{happened}."
    return (
        f"{happened}; they arrived {written(summary.first_received_ms, summary.last_received_ms)}."
    )


def advice_line(visible: Visible) -> None:
    """Say which setting of the first engine keeps the default goal, with the way to all others."""
    if not visible.delays_tell:
        return
    timed = replace(visible, topic=with_received(visible.topic))
    sentence = _place_of_advice()
    sentence.markdown(":material/hourglass_top: Looking for the watermark delay that this needs…")
    advice = advice_of(timed, initial_setting(), _GOAL)
    no_advice = TOO_FEW
    if len(timed.topic.events.table) > 1:
        why = "" if advice else impossible_times_in(visible.topic, visible.times.zone)
        no_advice = f"{NO_ADVICE} {why}".strip()
    sentence.markdown(_said(advice, no_advice, visible.whole))
    replay_of(timed, initial_setting(), spinner="")  # what the Windows page begins with


def advice_told(advice: Advice | None, no_advice: str, topic: LoadedTopic) -> None:
    """Say the advice that a report has for the setting of `advice_line`, or why it has none."""
    _place_of_advice().markdown(_said(advice, no_advice, topic))


def _place_of_advice() -> DeltaGenerator:
    place = st.container(border=True, horizontal=True, vertical_alignment="center")
    sentence = place.empty()
    place.page_link("pages/windows.py", label="On Windows", icon=":material/arrow_forward:")
    return sentence


def _said(advice: Advice | None, no_advice: str, topic: LoadedTopic) -> str:
    if advice is None:
        return escaped_markdown(f"{initial_setting().engine.label}: {no_advice}")
    outcome, contents = advice.outcome, topic.contents
    sentence = (
        f"**{named(advice.setting)} would drop {share_text(outcome.dropped_share)}** of the "
        f"{outcome.events:,} events of the whole topic"
        f"{' that have a received time' if contents.without_received else ''}."
    )
    tested = (
        "It was chosen on these same events: no promise for later ones."
        if advice.refusal
        else "Tested on later events, what was chosen so held."
    )
    ahead = f" {far_ahead_sentence(contents.far_ahead)}" if contents.far_ahead else ""
    held_back = held_back_sentence(advice.setting, topic.report.empty)
    return f"{sentence} {tested}{ahead} {held_back}".rstrip()
