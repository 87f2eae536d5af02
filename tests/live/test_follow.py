"""A topic followed: each record is read and counted once, as a load counts it."""

import json
import time

import numpy as np
import pytest

from lib.analysis.analyse import analyse
from lib.analysis.delays import delay_distribution
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME
from lib.live.counts import ENDS, lately, over_time, quantiles
from lib.live.follow import follow, pattern_of, refreshed
from lib.live.silence import silent
from lib.loading.load import load
from lib.replay.engine import replay
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.input import replay_input_of
from lib.replay.windows import SessionWindow
from lib.sources.base import Everything, LastMinutes
from lib.sources.files.folder import samples
from lib.sources.kafka import KafkaTopics
from tests.support.broker import Record
from tests.support.memory import MemoryTopic

START_MS = 1_545_230_000_000
SETTING = FlinkSetting(SessionWindow(2_000), delay_ms=500)


def value(i, *, clients=4, late_ms=0):
    event = {"ClientID": f"c{i % clients}", "SessionID": "s", "EventID": i // clients}
    return json.dumps(event | {"Timestamp": START_MS + 100 * i - late_ms}).encode()


def records(numbers, partitions=2):
    """Events ten a second, some seconds late, a client always on one partition; and one bad."""
    made = []
    for i in numbers:
        late = 7_000 if i % 13 == 5 else 0
        made.append(
            Record(
                b"not JSON" if i == 33 else value(i, late_ms=late),
                partition=i % 4 % partitions,
                timestamp_ms=START_MS + 100 * i + 50,
            )
        )
    return made


def facts_of_load(topic, setting):
    """What a load counts."""
    table = topic.events.table
    delay = (table[RECEIVED_TIME] - table[EVENT_TIME]).to_numpy()
    replayed = replay(replay_input_of(table), setting)
    return {
        "events": len(table),
        "rejected": topic.rejected.num_rows,
        "clients": sorted(table[CLIENT].unique()),
        "delays": np.bincount(np.searchsorted(ENDS, delay), minlength=len(ENDS) + 1).tolist(),
        "dropped": int((replayed.window < 0).sum()),
    }


def facts_of(followed):
    """What was counted while it was followed."""
    counts = followed.counts
    return {
        "events": counts.events,
        "rejected": counts.rejected,
        "clients": sorted(followed.clients),
        "delays": counts.delays.tolist(),
        "dropped": followed.late.dropped,
    }


@pytest.mark.parametrize(
    "setting", [SETTING, KafkaStreamsSetting(SessionWindow(2_000), grace_ms=500)], ids=str
)
def test_what_was_followed_on_a_broker_counts_as_a_load_of_the_same_offsets(
    broker, make_topic, produce, setting
):
    # Given a topic of Kafka that is followed while it grows
    source, topic = KafkaTopics(broker.settings()), make_topic(partitions=2)
    produce(topic, records(range(200)))
    followed = follow(source, pattern_of(load(source, topic, Everything())), 60, setting)
    for first in (200, 340, 350):
        produce(topic, records(range(first, first + (140 if first == 200 else 10))))
        followed = refreshed(source, followed)
    followed = refreshed(source, followed)
    # When the same offsets are loaded
    whole = load(source, topic, LastMinutes(60))
    # Then both count the same, and nothing is left to be judged
    assert facts_of(followed) == facts_of_load(whole, setting)
    assert followed.late.dropped > 0
    assert followed.late.judged == followed.counts.events == 359
    assert not len(followed.waiting)


def test_of_very_many_clients_those_not_heard_for_longest_are_forgotten(monkeypatch):
    # Given a topic whose clients are others all the time, followed while it grows
    monkeypatch.setattr("lib.live.follow.MOST_CLIENTS", 40)
    values = [value(i, late_ms=7_000 if i % 13 == 5 else 0) for i in range(2_000)]
    values = [
        text.replace(b'"c', b'"%d-' % (i // 20)) if i % 3 else text for i, text in enumerate(values)
    ]
    topic = MemoryTopic(block_records=50, first_ms=1_000)
    topic.write(*values[:200])
    followed = follow(topic, pattern_of(load(topic, "topic", Everything())), 60, SETTING)
    for first in range(200, 2_000, 100):
        topic.write(*values[first : first + 100])
        followed = refreshed(topic, followed)
        assert len(followed.clients) <= 60
    # Then what it counts is what a load counts, and clients that stay are known for as long
    expected = facts_of_load(load(topic, "topic", Everything()), SETTING)
    told = facts_of(refreshed(topic, followed))
    assert told | {"clients": 0} == expected | {"clients": 0}
    assert followed.forgotten > 300
    assert set(told["clients"]) > {"c0", "c1", "c2", "c3"}
    assert followed.silence.waits[followed.clients.get_loc("c0")].sum() > 100


def memory_topic(*numbers):
    topic = MemoryTopic(block_records=50, first_ms=1_000)
    topic.write(*map(value, numbers))
    return topic


def test_a_refresh_reads_only_what_is_new():
    topic = memory_topic(*range(20))
    followed = follow(topic, pattern_of(load(topic, "topic", Everything())), 10, SETTING)
    topic.read_offsets.clear()
    topic.write(*map(value, range(20, 25)))
    followed = refreshed(topic, followed)
    assert topic.read_offsets == [(0, n) for n in range(20, 25)]
    assert followed.counts.events == 25


def test_a_topic_that_was_made_anew_is_followed_anew_and_it_is_said():
    topic = memory_topic(*range(20))
    loaded = load(topic, "topic", Everything())
    followed = follow(topic, pattern_of(loaded), 10, SETTING)
    shorter = memory_topic(*range(5))
    followed = refreshed(shorter, followed)
    assert followed.counts.events == 5
    assert followed.anew == (
        "The topic does not hold what was read of it: it was made anew or overwritten, or it is a "
        "file that changed. Following began anew with the last 10 minutes."
    )


def test_an_empty_refresh_changes_no_count():
    topic = memory_topic(*range(20))
    before = follow(topic, pattern_of(load(topic, "topic", Everything())), 10, SETTING)
    after = refreshed(topic, before)
    assert facts_of(after) == facts_of(before)
    assert after.late.judged == 20


def test_the_time_of_the_topic_goes_on_from_its_newest_event():
    topic = memory_topic(*range(20))
    followed = follow(topic, pattern_of(load(topic, "topic", Everything())), 10, SETTING)
    assert followed.now_ms(followed.heard_at + 2.5) == followed.counts.newest_ms + 2_500


def test_the_time_of_a_topic_with_dates_is_that_of_the_clock():
    loaded = load(samples(), "sessions-10", Everything())
    followed = follow(samples(), pattern_of(loaded), 60, SETTING)
    of_clock = 1000 * time.time()
    assert abs(followed.now_ms(time.monotonic()) - of_clock) < 60_000  # and not of 2018


@pytest.mark.parametrize("name", ["sessions-10", "sessions-100"])
def test_what_a_silence_held_back_is_what_the_outages_page_says(name):
    loaded = load(samples(), name, Everything())
    followed = follow(samples(), pattern_of(loaded), 120, SETTING)
    outages = analyse(loaded.events.table).outages
    said = {(row.LastHeard, row.BackAt): row.HeldBack for row in outages.itertuples()}
    same = [e for e in followed.silence.ended if (e.last_heard_ms, e.back_ms) in said]
    assert same
    for each in same:
        assert each.held_back == said[each.last_heard_ms, each.back_ms]


def test_a_client_that_falls_silent_and_is_back():
    # Given clients that are heard every second, of which one is cut off
    topic = MemoryTopic(block_records=50, first_ms=1_000)
    topic.write(*[value(i, clients=2) for i in range(100)])
    loaded = load(topic, "topic", Everything())
    followed = follow(topic, pattern_of(loaded), 60, SETTING)
    newest = followed.counts.newest_ms
    assert not len(silent(followed.silence, newest))
    # When only the other one is heard for a while
    topic.write(*[value(i, clients=2) for i in range(100, 160, 2)])
    followed = refreshed(topic, followed)
    # Then it is silent
    [client] = silent(followed.silence, followed.counts.newest_ms)
    assert followed.clients[client] == "c1"
    # And when its events come, how many were held back is told
    topic.write(*[value(i, clients=2) for i in range(101, 161, 2)])
    followed = refreshed(topic, followed)
    [ended] = followed.silence.ended
    assert followed.clients[ended.client] == "c1"
    assert ended.back_ms - ended.last_heard_ms == 31_000
    assert client not in silent(followed.silence, followed.counts.newest_ms)


def test_stretches_cover_the_last_minutes_and_no_more():
    topic = MemoryTopic(block_records=100, first_ms=1_000)
    topic.write(*map(value, range(200)))
    followed = follow(topic, pattern_of(load(topic, "topic", Everything())), 2, SETTING)
    table = over_time(followed.counts)
    assert len(table) == 121
    assert table["Events"].tolist() == [1] * 121
    assert followed.counts.events == 200
    assert lately(followed.counts, 10).sum() == 11


def test_quantiles_are_the_ends_of_bins_that_hold_them():
    counts = np.zeros(len(ENDS) + 1, int)
    delays = np.array([-5, 0, 3, 250, 9_000])
    np.add.at(counts, np.searchsorted(ENDS, delays), 1)
    found = quantiles(counts, (0.2, 0.5, 0.8, 1.0))
    assert found[0] == 0
    for told, true in zip(found[1:], delays[2:], strict=True):
        assert true <= told <= 1.07 * true + 1
    assert quantiles(counts * 0, (0.5,)) == [None]


def test_bins_are_finer_than_those_of_the_distribution():
    topic = load(memory_topic(*range(20)), "topic", Everything())
    ends = delay_distribution(topic.events.table)["To"]
    assert set(ends) <= set(ENDS.tolist())
