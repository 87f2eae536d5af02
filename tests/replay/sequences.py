"""Sequences of events for the tests of `lib.replay`: written out, and drawn by hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import ReplayInput, replay_input
from lib.replay.windows import HoppingWindow, Replay, SessionWindow, TumblingWindow


def one_key(*event_times):
    """Events of one client on one partition, received as they come."""
    return replay_input(np.array(event_times, dtype=np.int64), np.zeros(len(event_times), np.int32))


def windows_of(replay: Replay):
    """The windows as a set of (key, start, end, its events)."""
    bounds = (replay.key.tolist(), replay.start.tolist(), replay.end.tolist())
    return set(zip(*bounds, events_of_windows(replay), strict=True))


def events_of_windows(replay: Replay):
    """The events of each window, in a tuple."""
    events = [[] for _ in replay.key]
    for event, window in zip(*(numbers.tolist() for numbers in replay.members), strict=True):
        events[window].append(event)
    return [tuple(found) for found in events]


def dropped_by(replay: Replay):
    """By how many ms each dropped event missed, by its place in arrival order."""
    return {int(i): int(replay.missed_by_ms[i]) for i in np.flatnonzero(replay.late)}


# Small numbers on purpose: they make equal times, exact distances and merges likely.
times = st.integers(0, 60)
windows = st.one_of(
    st.builds(SessionWindow, st.integers(1, 12)),
    st.builds(TumblingWindow, st.integers(1, 12)),
    st.builds(
        lambda advance_ms, parts: HoppingWindow(advance_ms * parts, parts),
        st.integers(1, 5),
        st.integers(2, 4),
    ),
)
milliseconds = st.integers(0, 12)


@st.composite
def topics(draw) -> ReplayInput:
    """Up to 40 events of up to 3 clients on up to 3 partitions."""
    rows = draw(
        st.lists(
            st.tuples(times, st.integers(0, 2), st.integers(0, 2), st.integers(0, 9)), max_size=40
        )
    )
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return replay_input(columns[0], columns[1], columns[2], np.cumsum(columns[3]))


flink_settings = st.one_of(
    st.builds(
        FlinkSetting,
        windows,
        milliseconds,
        allowed_lateness_ms=milliseconds,
        emission_ms=milliseconds,
        per_partition=st.booleans(),
    ),
    st.builds(
        FlinkSetting, windows, milliseconds, api=st.just("sql"), emission_ms=st.integers(0, 12)
    ),
    st.builds(
        FlinkSetting,
        windows,
        milliseconds,
        emission_ms=st.integers(1, 12),
        per_partition=st.booleans(),
        idle_ms=st.integers(1, 12),
        catching_up=st.booleans(),
        fetch_records=st.integers(1, 12),
        read_per_s=st.integers(1, 2_000),
    ),
)
kafka_streams_settings = st.builds(
    KafkaStreamsSetting,
    windows,
    milliseconds,
    caching=st.booleans(),
    commit_ms=milliseconds,
    repartitioned=st.booleans(),
    most_ahead_ms=st.none() | st.integers(0, 80),
)
spark_settings = st.builds(
    SparkSetting,
    windows,
    milliseconds,
    waiting=st.booleans(),
    trigger_ms=st.integers(0, 12),
    batch_records=st.none() | st.integers(1, 12),
    batch_ends=st.just(())
    | st.lists(st.integers(1, 40), unique=True).map(lambda ends: tuple(sorted(ends))),
)
beam_settings = st.builds(
    BeamSetting,
    windows,
    milliseconds,
    milliseconds,
    st.booleans(),
    st.sampled_from(["java", "python"]),
)
settings_of_all_engines = st.one_of(
    flink_settings, kafka_streams_settings, spark_settings, beam_settings
)
