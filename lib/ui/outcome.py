"""What a setting did, in figures and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from lib.charts import windows as charts
from lib.charts.delay import LateMarks, skew_plot
from lib.charts.rows import written
from lib.core.formatting import duration
from lib.events.table import CLIENT
from lib.replay import KafkaStreamsSetting, SessionWindow
from lib.replay.gaps import gap_distribution, inter_event_gaps, knee_ms
from lib.replay.outcome import dropped_events, replay_processing_time
from lib.replay.sweep import Outcome, delay_ms, length_ms, outcome_of
from lib.ui.whatif import MOST_FOR_CURVES, arrivals_for, curves_of, true_sessions

if TYPE_CHECKING:
    import altair as alt

    from lib.replay import Replay, Setting
    from lib.ui.page import Visible

_HELP = {
    "Exact": "One window holds exactly the events of the session.",
    "Incomplete": "A window of its own, but events of the session were dropped.",
    "Split": "Several windows hold the session and nothing else.",
    "Merged": "One window holds the session and events of another.",
    "Mixed": "Several windows hold the session, and share it with others.",
}


def figures(judged: Outcome) -> None:
    """Show the figures of a replay."""
    with st.container(horizontal=True):
        for name, count in _session_counts(judged).items():
            st.metric(name, f"{count:,}", border=True, help=_HELP[name])
        st.metric(
            "Dropped",
            f"{judged.dropped:,} ({judged.dropped_share:.2%})",
            border=True,
            help="Events that the engine drops as late.",
        )
        st.metric(
            "Result latency",
            _latency(judged.latency_median_ms),
            border=True,
            help="From a window's last event to the moment its final result came out: half of the "
            f"results took no longer, 95 % no longer than {_latency(judged.latency_p95_ms)}. "
            f"{judged.unclosed:,} windows had no final result by the end of the topic.",
        )


def on_received_time(visible: Visible, window: SessionWindow, judged: Outcome) -> None:
    """Show what the same gap makes of received times, beside what the engine makes."""
    replayed = replay_processing_time(arrivals_for(visible.topic), window)
    rows = {
        "event time, as set": judged,
        "received time": outcome_of(replayed, true_sessions(visible.topic)),
    }
    st.markdown("**The same gap on received time**, as processing-time windows would have it")
    st.dataframe(
        pd.DataFrame([{"Windows on": name} | _row(one) for name, one in rows.items()]),
        hide_index=True,
        alt="The result on event time beside that of the same gap on received time",
    )


def _row(judged: Outcome) -> dict[str, object]:
    return {
        **_session_counts(judged),
        "Dropped": judged.dropped,
        "Result latency": _latency(judged.latency_median_ms),
        "95 % within": _latency(judged.latency_p95_ms),
        "Still open": judged.unclosed,
    }


def _session_counts(judged: Outcome) -> dict[str, int]:
    found = judged.sessions
    if found is None:
        return {}
    counts = (found.exact, found.incomplete, found.split, found.merged, found.mixed)
    return dict(zip(_HELP, counts, strict=True))


def skew(visible: Visible, replayed: Replay) -> None:
    """Draw the skew plot with the engine's clock and the dropped events in red."""
    judged = LateMarks(replayed.clock, ~replayed.kept, ("kept", "dropped"))
    drawn = skew_plot(
        visible.table, visible.rows, judged, zero_ms=visible.zero_ms, scale=visible.scale
    )
    st.altair_chart(
        drawn.chart,
        key="whatif_skew",
        alt=f"Received time over event time; {drawn.late:,} events are dropped",
    )
    st.caption(
        f"{'Every event is a point' if drawn.are_points else 'Counts of all events'}: "
        f"{drawn.events:,} in the window, {drawn.late:,} of them dropped. The green line is the "
        "watermark, or stream time, by which the engine judged."
    )


def dropped_list(visible: Visible, replayed: Replay) -> None:
    """Show the dropped events, and offer them all as a file."""
    dropped = dropped_events(visible.table, replayed)
    if dropped.empty:
        st.success("No event is dropped.", icon=":material/check_circle:")
        return
    shown = dropped.nlargest(1_000, "MissedByMs")
    shown = shown.assign(**{CLIENT: shown[CLIENT].map(written).astype(str)})
    st.dataframe(
        shown.assign(MissedByMs=shown["MissedByMs"] / 1000).rename(
            columns={"MissedByMs": "Missed by (s)"}
        ),
        hide_index=True,
        height=250,
        alt="Dropped events, those that missed by the most first",
    )
    st.caption(f"{min(len(dropped), 1_000):,} of {len(dropped):,} dropped events.")
    st.download_button(
        "Download the dropped events",
        lambda: dropped.to_csv(index=False),
        file_name=f"{visible.topic.report.topic}-dropped.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def curves(visible: Visible, setting: Setting) -> None:
    """Draw what other gaps, and other delays, would do."""
    over_gap, over_delay = curves_of(visible.topic, setting)
    is_session = isinstance(setting.window, SessionWindow)
    left, right = st.columns(2)
    with left:
        title = "Session gap" if is_session else "Window size"
        _curve(charts.setting_curve(over_gap, "GapMs", length_ms(setting), f"{title}, s"), title)
    with right:
        title = "Grace" if isinstance(setting, KafkaStreamsSetting) else "Watermark delay"
        _curve(charts.setting_curve(over_delay, "DelayMs", delay_ms(setting), f"{title}, s"), title)
    tried = min(len(visible.table), MOST_FOR_CURVES)
    part = "" if tried == len(visible.table) else f", on the first {tried:,} events"
    st.caption(f"Everything else as set{part}. The dashed line is the present setting.")


def _curve(panels: dict[str, alt.LayerChart], over: str) -> None:
    with st.container(gap=None):
        for name, panel in panels.items():
            st.altair_chart(panel, key=f"{name} over {over}", alt=f"{name} over {over.lower()}")


def gaps(visible: Visible, setting: Setting) -> None:
    """Draw the gaps between events, where the topic has no sessions of its own."""
    between = inter_event_gaps(arrivals_for(visible.topic))
    knee = knee_ms(between)
    if knee is None:
        st.info("There are too few events of one client to compare gaps.", icon=":material/info:")
        return
    st.altair_chart(
        charts.gap_histogram(
            gap_distribution(between), [("knee", knee), ("present gap", length_ms(setting))]
        ),
        key="gaps",
        alt=f"Time between neighbouring events of a client; the knee is at {duration(knee)}",
    )
    st.caption(
        f"The topic has no sessions of its own, so none can be exact or split. Beyond the knee at "
        f"{duration(knee)} a longer session gap joins few further events."
    )


def _latency(ms: float | None) -> str:
    return "none" if ms is None else duration(ms)
