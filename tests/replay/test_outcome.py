"""Sessions kept whole, events dropped, how late results come: at literal times."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings

from lib.replay.engine import replay
from lib.replay.engines.flink import FlinkSetting
from lib.replay.input import replay_input, replay_input_of
from lib.replay.outcome import (
    EXACT,
    INCOMPLETE,
    MERGED,
    MIXED,
    SPLIT,
    dropped_events,
    outcome_of,
    session_fates,
)
from lib.replay.windows import SessionWindow
from tests.replay.sequences import one_key, settings_of_all_engines, topics

GAP_10 = FlinkSetting(SessionWindow(10), delay_ms=1_000)


def kinds(event_times, sessions, setting=GAP_10):
    return session_fates(replay(one_key(*event_times), setting), np.array(sessions)).kind.tolist()


def test_a_session_that_a_window_holds_exactly_is_exact():
    assert kinds([0, 5, 100], [0, 0, 1]) == [EXACT, EXACT]


def test_a_session_with_a_pause_longer_than_the_gap_is_split():
    assert kinds([0, 5, 16], [0, 0, 0]) == [SPLIT]


def test_two_sessions_closer_than_the_gap_are_merged():
    assert kinds([0, 5, 12], [0, 0, 1]) == [MERGED, MERGED]


def test_a_session_both_split_and_merged_is_mixed():
    assert kinds([0, 50, 55], [0, 0, 1]) == [MIXED, MERGED]


def test_a_session_that_lost_an_event_is_incomplete():
    no_delay = FlinkSetting(SessionWindow(10), emission_ms=0)

    assert kinds([0, 100, 0], [0, 1, 0], no_delay) == [INCOMPLETE, EXACT]


def test_a_session_that_lost_every_event_is_incomplete():
    no_delay = FlinkSetting(SessionWindow(10), emission_ms=0)

    assert kinds([100, 0], [0, 1], no_delay) == [EXACT, INCOMPLETE]


def test_events_of_no_session_are_not_counted_but_share_their_window():
    fates = session_fates(replay(one_key(0, 5, 100), GAP_10), np.array([0, -1, -1]))

    assert fates.kind.tolist() == [MERGED]


def test_a_result_is_as_late_as_its_coming_out_is_after_the_last_event():
    topic = replay_input(np.array([0, 7, 27]), np.zeros(3), received=np.array([2, 9, 31]))

    outcome = outcome_of(replay(topic, FlinkSetting(SessionWindow(10), 5, emission_ms=0)))

    assert (outcome.latency_median_ms, outcome.latency_p95_ms) == (31 - 7, 31 - 7)
    assert outcome.unclosed == 1


def test_no_result_has_no_latency():
    outcome = outcome_of(replay(one_key(0), GAP_10))

    assert (outcome.latency_median_ms, outcome.latency_p95_ms, outcome.unclosed) == (None, None, 1)


def test_dropped_events_say_which_whose_and_by_how_much():
    events = pd.DataFrame(
        {
            "Timestamp": [0, 100, 3],
            "KafkaTimestamp": [1, 101, 102],
            "ClientID": pd.Categorical(["a", "b", "a"]),
            "KafkaPartition": [0, 0, 0],
            "KafkaOffset": [7, 8, 9],
        }
    )

    dropped = dropped_events(
        events, replay(replay_input_of(events), FlinkSetting(SessionWindow(10), emission_ms=0))
    )

    assert dropped.to_dict("records") == [
        {
            "ClientID": "a",
            "KafkaPartition": 0,
            "KafkaOffset": 9,
            "Timestamp": 3,
            "KafkaTimestamp": 102,
            "MissedByMs": 99 - 12 + 1,
        }
    ]


@settings(max_examples=300, deadline=None)
@given(topics(), settings_of_all_engines)
def test_an_exact_session_is_one_window_of_its_events_only(topic, setting):
    true_session = topic.event_time.astype(np.int32) // 20 % 3
    replayed = replay(topic, setting)
    fates = session_fates(replayed, true_session)

    members = [set(np.flatnonzero(replayed.window == w)) for w in range(len(replayed.key))]
    for session, kind in enumerate(fates.kind):
        own = set(np.flatnonzero(true_session == session))
        assert (kind == EXACT) == (bool(own) and own in members)
