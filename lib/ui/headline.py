"""The figures of what is visible, and the advice in one line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.analysis.summary import AHEAD_MEANS, MEDIAN_DELAY_MEANS, summarise
from lib.core.formatting import delay_text, escaped_markdown
from lib.replay.goal import Goal
from lib.replay.sentences import NO_ADVICE, named, share_text
from lib.report.report import initial_setting
from lib.ui import parameters
from lib.ui.answers import impossible_times_in, with_received
from lib.ui.replays import advice_of, replay_of

if TYPE_CHECKING:
    from lib.analysis.summary import Summary
    from lib.replay.advisor import Advice
    from lib.ui.visible import Visible

_GOAL: Final = Goal(float(parameters.LOSE.default) / 100)
"""Where the Windows page begins, too."""


def summary_of(visible: Visible) -> Summary:
    """Return the headline figures of what is visible."""
    return visible.found(("summary",), lambda: summarise(visible.table, visible.rows))


def figures(visible: Visible, summary: Summary) -> None:
    """Show how many events, of whom, and how late: of what is visible."""
    with st.container(horizontal=True):
        st.metric("Events", f"{summary.events:,}", border=True)
        st.metric("Clients", f"{summary.clients:,}", border=True)
        st.metric("Sessions", f"{summary.sessions:,}", border=True)
        median_ms, largest_ms = summary.median_delay_ms, summary.largest_delay_ms
        if visible.delays_tell and median_ms is not None and largest_ms is not None:
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
                help="No event arrived later after it happened.",
            )
            st.metric(
                "Clock ahead",
                f"{summary.ahead:,}",
                border=True,
                help=AHEAD_MEANS,
            )


def when(visible: Visible, summary: Summary) -> str:
    """Return when the visible events happened and arrived, in a sentence."""
    written = visible.times.stretch
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
    place = st.container(border=True, horizontal=True, vertical_alignment="center")
    sentence = place.empty()
    sentence.markdown(":material/hourglass_top: Looking for the watermark delay that this needs…")
    place.page_link("pages/windows.py", label="On Windows", icon=":material/arrow_forward:")
    sentence.markdown(_said(advice_of(timed, initial_setting(), _GOAL), visible))
    replay_of(timed, initial_setting(), spinner="")  # what the Windows page begins with


def _said(advice: Advice | None, visible: Visible) -> str:
    if advice is None:
        why = impossible_times_in(visible.topic, visible.times.zone)
        return escaped_markdown(f"{initial_setting().engine.label}: {NO_ADVICE} {why}".strip())
    outcome = advice.outcome
    sentence = (
        f"**{named(advice.setting)} would drop {share_text(outcome.dropped_share)}** of the "
        f"{outcome.events:,} events of the whole topic."
    )
    if advice.refusal is None:
        return f"{sentence} Tested on later events, what was chosen so held."
    return f"{sentence} It was chosen on these same events: no promise for later ones."
