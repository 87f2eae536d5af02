"""The Windows page's controls, and replays kept for all viewers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import duration
from lib.events.table import SESSION
from lib.replay import (
    BeamSetting,
    FlinkSetting,
    KafkaStreamsSetting,
    Replay,
    ReplayInput,
    SessionWindow,
    Setting,
    SparkSetting,
    TumblingWindow,
    replay,
    replay_input_of,
)
from lib.replay.sweep import Outcome, curve, outcome_of, with_delay, with_gap

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from lib.loading.load import LoadedTopic
    from lib.replay import Window

ENGINES: Final = ("Flink DataStream", "Flink SQL", "Kafka Streams", "Spark", "Beam")
WINDOWS: Final = ("Session", "Tumbling")

GAPS_S: Final = (
    1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200,
)  # fmt: skip
"""Session gaps and window sizes to choose from, s."""

DELAYS_S: Final = (0, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3600)
"""Watermark delays, graces and latenesses to choose from, s."""

MOST_FOR_CURVES: Final = 300_000
"""Events, the first in arrival order, on which many settings are tried at once."""


def choose_setting() -> Setting:
    """Draw the controls and return the setting that they make."""
    engine = st.segmented_control(
        "Engine", ENGINES, default=ENGINES[0], required=True, key="engine", bind="query-params"
    )
    kind = st.segmented_control(
        "Window", WINDOWS, default=WINDOWS[0], required=True, key="window_kind", bind="query-params"
    )
    left, middle, right = st.columns(3)
    with left:
        title = "Session gap" if kind == "Session" else "Window size"
        length_ms = _duration_slider(title, GAPS_S, 30, key="session_gap")
    window: Window = SessionWindow(length_ms) if kind == "Session" else TumblingWindow(length_ms)
    with middle:
        title = "Grace" if engine == "Kafka Streams" else "Watermark delay"
        delay_ms = _duration_slider(title, DELAYS_S, 5, key="delay")
    with right:
        return _engine_setting(str(engine), window, delay_ms)


def _engine_setting(engine: str, window: Window, delay_ms: int) -> Setting:
    match engine:
        case "Kafka Streams":
            caching = st.toggle(
                "Record cache",
                value=True,
                key="caching",
                bind="query-params",
                help="statestore.cache.max.bytes, on by default: a session in the cache can be "
                "joined although it closed. Off: withCachingDisabled().",
            )
            return KafkaStreamsSetting(window, delay_ms, caching=caching)
        case "Spark":
            records = st.number_input(
                "Records a micro-batch", 1, value=1_000, key="batch", bind="query-params"
            )
            return SparkSetting(window, delay_ms, batch_records=int(records))
        case "Beam":
            return BeamSetting(window, delay_ms, _lateness())
        case "Flink SQL":
            return _with_flink_source(FlinkSetting(window, delay_ms, api="sql"))
        case _:
            return _with_flink_source(FlinkSetting(window, delay_ms, _lateness()))


def _lateness() -> int:
    return _duration_slider("Allowed lateness", DELAYS_S, 0, key="lateness")


def _with_flink_source(setting: FlinkSetting) -> FlinkSetting:
    with st.popover("Watermark source", icon=":material/tune:", width="stretch"):
        per_partition = st.toggle(
            "A watermark per partition",
            key="per_partition",
            bind="query-params",
            help="As when the strategy is given to the Kafka source: the smallest holds.",
        )
        emission_ms = st.number_input(
            "Emitted every, ms (0: after every event)",
            0,
            value=0,
            step=100,
            key="emission",
            bind="query-params",
            help="pipeline.auto-watermark-interval; 200 ms is Flink's default.",
        )
        idle_s = st.number_input(
            "A partition is idle after, s (0: never)",
            0,
            value=0,
            key="idle",
            bind="query-params",
            disabled=not emission_ms,
            help="withIdleness; found out at emissions only.",
        )
    idle_ms = int(idle_s) * 1000 if idle_s and emission_ms else None
    return replace(
        setting, per_partition=per_partition, emission_ms=int(emission_ms), idle_ms=idle_ms
    )


def _duration_slider(title: str, seconds: tuple[int, ...], default: int, *, key: str) -> int:
    chosen = st.select_slider(
        title,
        seconds,
        value=default,
        format_func=lambda s: duration(s * 1000) if s else "0",
        key=key,
        bind="query-params",
    )
    return int(chosen) * 1000


def true_sessions(topic: LoadedTopic) -> NDArray[np.integer] | None:
    """Return the session code of every event; None where the topic itself has no sessions."""
    if topic.fields.session is None:
        return None
    codes: NDArray[np.integer] = topic.events.table[SESSION].cat.codes.to_numpy()
    return codes


def arrivals_for(topic: LoadedTopic) -> ReplayInput:
    """Return the events of a topic as the engines read them, by client."""
    found: ReplayInput = _arrivals(topic.version, topic)
    return found


def arrivals_of_first(
    topic: LoadedTopic, most: int
) -> tuple[ReplayInput, NDArray[np.integer] | None]:
    """Return the first events of a topic, at most so many, and true sessions if any."""
    sessions = true_sessions(topic)
    events = replay_input_of(topic.events.table.head(most))
    return events, None if sessions is None else sessions[:most]


def replay_of(topic: LoadedTopic, setting: Setting) -> tuple[Replay, Outcome]:
    """Return what the engine would have made of the whole topic, and that in numbers."""
    found: tuple[Replay, Outcome] = _replay(topic.version, setting, topic)
    return found


def curves_of(topic: LoadedTopic, setting: Setting) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curves over the gap and over the delay, all else as in `setting`."""
    found: tuple[pd.DataFrame, pd.DataFrame] = _curves(topic.version, setting, topic)
    return found


@st.cache_resource(max_entries=2, show_spinner=False)
def _arrivals(version: object, _topic: LoadedTopic) -> ReplayInput:  # noqa: ARG001
    return replay_input_of(_topic.events.table)


@st.cache_resource(max_entries=2, show_spinner="Replaying the topic…")
def _replay(
    version: object,  # noqa: ARG001
    setting: Setting,
    _topic: LoadedTopic,
) -> tuple[Replay, Outcome]:
    replayed = replay(arrivals_for(_topic), setting)
    return replayed, outcome_of(replayed, true_sessions(_topic))


@st.cache_data(max_entries=32, show_spinner="Trying other settings…")
def _curves(
    version: object,  # noqa: ARG001
    setting: Setting,
    _topic: LoadedTopic,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    events, sessions = arrivals_of_first(_topic, MOST_FOR_CURVES)
    gaps = [with_gap(setting, 1000 * gap) for gap in GAPS_S]
    delays = [with_delay(setting, 1000 * delay) for delay in DELAYS_S]
    return curve(events, gaps, sessions), curve(events, delays, sessions)
