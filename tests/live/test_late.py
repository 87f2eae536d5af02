"""Late events judged as they come: the same as a replay of the whole topic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.live.late import Batch, Late, judge, why_not_followed
from lib.replay.engine import replay
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import replay_input
from lib.replay.windows import HoppingWindow, SessionWindow, TumblingWindow

SESSIONS, TUMBLING = SessionWindow(2_000), TumblingWindow(3_000)
SETTINGS = [
    FlinkSetting(SESSIONS, delay_ms=500),
    FlinkSetting(SESSIONS, emission_ms=0),
    FlinkSetting(SESSIONS, delay_ms=100, allowed_lateness_ms=700, per_partition=False),
    FlinkSetting(TUMBLING, delay_ms=300),
    FlinkSetting(HoppingWindow(4_000, 1_000), api="sql"),
    KafkaStreamsSetting(SESSIONS, grace_ms=300),
    KafkaStreamsSetting(SESSIONS, caching=False, repartitioned=False),
    KafkaStreamsSetting(TUMBLING, grace_ms=100),
    SparkSetting(SESSIONS, delay_ms=500),
    SparkSetting(SESSIONS, delay_ms=500, trigger_ms=700),
    SparkSetting(TUMBLING, delay_ms=200, trigger_ms=1_000),
    BeamSetting(SESSIONS, delay_ms=500),
    BeamSetting(TUMBLING, allowed_lateness_ms=500, per_partition=False),
]


def topic(random, events, keys, partitions):
    """Events of `keys` that come now and then seconds late, over `partitions`."""
    received = np.cumsum(random.integers(0, 120, events)) + 1_000_000
    late = np.where(random.random(events) < 0.3, random.integers(0, 9_000, events), 0)
    key = random.integers(0, keys, events)
    return Batch(
        received - 50 - late,
        key.astype(np.int32),
        random.integers(0, partitions, events).astype(np.int32),
        received,
    )


def whole(batch, setting, texts, partitions):
    every = replay_input(batch.event_time, batch.key, batch.partition, batch.received, texts)
    assert int(batch.partition.max()) == partitions - 1
    return replay(every, setting)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@given(
    st.integers(0, 2**32), st.integers(60, 600), st.integers(1, 6), st.integers(1, 3),
    st.integers(2, 12),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_a_topic_followed_in_pieces_has_the_drops_of_the_whole(
    setting, seed, events, keys, partitions, pieces
):
    # Given a topic in which every partition has an event at once
    random = np.random.default_rng(seed)
    batch = topic(random, events, keys, partitions)
    batch.partition[:partitions] = np.arange(partitions)
    texts = [f"key {k}" for k in range(keys)]
    # When it is followed in pieces
    late, found = Late(setting), []
    for some in np.array_split(np.arange(events), pieces):
        late, dropped = judge(late, batch.taken(some), texts, partitions)
        found.append(dropped)
    # Then each event has the fate that it has in the whole topic
    expected = whole(batch, setting, texts, partitions)
    assert np.concatenate(found).tolist() == (expected.window < 0).tolist()
    assert (late.judged, late.dropped) == (events, int((expected.window < 0).sum()))


def test_what_is_kept_does_not_grow_with_the_topic():
    random, setting = np.random.default_rng(1), FlinkSetting(SESSIONS, delay_ms=500)
    batch, late, held = topic(random, 20_000, 5, 2), Late(setting), []
    for some in np.array_split(np.arange(20_000), 40):
        late, _ = judge(late, batch.taken(some), list("abcde"), 2)
        held.append(len(late.summary) + len(late.recent))
    assert late.dropped > 0
    assert max(held[20:]) <= 2 * max(held[:20])


def test_a_partition_that_has_its_first_event_held_the_watermark_back_until_then():
    # Given a topic in which partition 1 has its first event late
    setting = FlinkSetting(SESSIONS, emission_ms=0)
    times = np.array([0, 60_000, 0, 60_000, 120_000, 0])
    batch = Batch(
        times, np.zeros(6, np.int32), np.array([0, 0, 0, 1, 0, 1], np.int32), times * 0 + 9
    )
    batch = Batch(times, batch.key, batch.partition, 100_000 + 5_000 * np.arange(6))
    late = Late(setting)
    for some in (slice(0, 3), slice(3, 6)):
        late, _ = judge(late, batch.taken(some), ["a"], 2)
    assert late.dropped == int((whole(batch, setting, ["a"], 2).window < 0).sum()) == 1


@pytest.mark.parametrize(
    "setting",
    [
        FlinkSetting(SESSIONS, idle_ms=1_000),
        FlinkSetting(SESSIONS, catching_up=True),
        SparkSetting(SESSIONS, waiting=True),
        SparkSetting(SESSIONS, batch_records=10),
    ],
    ids=str,
)
def test_what_depends_on_more_is_not_followed(setting):
    assert why_not_followed(setting)
    assert not why_not_followed(FlinkSetting(SESSIONS))


def test_an_application_that_would_have_stopped_judges_nothing_more():
    setting = KafkaStreamsSetting(SESSIONS)
    ahead = Batch(
        np.array([10**10, 0]), np.zeros(2, np.int32), np.zeros(2, np.int32), np.array([0, 1])
    )
    late, dropped = judge(Late(setting), ahead, ["a"], 1)
    assert late.stopped
    assert not dropped.any()
    assert judge(late, ahead, ["a"], 1)[0] is late
