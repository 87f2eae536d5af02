"""What holds for every topic and every setting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.replay.engine import delay_ms, replay, with_delay
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.windows import NO_INDEX, SessionWindow, TumblingWindow
from tests.replay.sequences import (
    dropped_by,
    events_of_windows,
    flink_settings,
    milliseconds,
    settings_of_all_engines,
    topics,
    windows_of,
)
from tests.support.plain_replay import replay_plainly

EXAMPLES = settings(max_examples=300, deadline=None)


def _reported(setting, window):
    """Kafka Streams reports the last event as a session's end, not the end of the gap."""
    sessions = isinstance(setting.window, SessionWindow)
    if sessions and isinstance(setting, KafkaStreamsSetting):
        return window.end - setting.window.gap_ms
    return window.end


@EXAMPLES
@given(topics(), settings_of_all_engines)
def test_windows_and_drops_are_those_of_the_plain_replay(topic, setting):
    replayed, plain = replay(topic, setting), replay_plainly(topic, setting)

    assert dropped_by(replayed) == plain.missed_by_ms
    assert windows_of(replayed) == {
        (w.key, w.start, _reported(setting, w), tuple(sorted(w.events))) for w in plain.windows
    }


@EXAMPLES
@given(topics(), settings_of_all_engines)
def test_final_results_come_out_when_the_plain_replay_has_them(topic, setting):
    replayed, plain = replay(topic, setting), replay_plainly(topic, setting)

    closed = {
        (key, start, members): (at, ms)
        for key, start, members, at, ms in zip(
            *(column.tolist() for column in (replayed.key, replayed.start)),
            events_of_windows(replayed),
            *(column.tolist() for column in (replayed.closed_at, replayed.closed_ms)),
            strict=True,
        )
    }
    assert {
        (w.key, w.start, tuple(sorted(w.events))): (w.closed_at, w.closed_ms) for w in plain.windows
    } == closed


@EXAMPLES
@given(topics(), settings_of_all_engines)
def test_every_event_until_the_application_stops_is_in_a_window_or_dropped(topic, setting):
    replayed = replay(topic, setting)
    read = len(topic) if replayed.stopped_at == NO_INDEX else replayed.stopped_at

    assert np.array_equal(replayed.kept[:read], ~replayed.late[:read])
    assert not (replayed.kept | replayed.late)[read:].any()
    assert np.array_equal(replayed.kept, replayed.window != NO_INDEX)
    assert np.array_equal(np.unique(replayed.members[0]), np.flatnonzero(replayed.kept))
    assert replayed.count.sum() == len(replayed.members[0])
    assert (replayed.count > 0).all()


@EXAMPLES
@given(topics(), settings_of_all_engines)
def test_a_window_holds_events_of_its_key_within_its_bounds(topic, setting):
    replayed = replay(topic, setting)
    event, window = replayed.members

    assert np.array_equal(replayed.key[window], topic.key[event])
    assert (replayed.start[window] <= topic.event_time[event]).all()
    assert (topic.event_time[event] <= replayed.end[window]).all()


@EXAMPLES
@given(topics(), settings_of_all_engines, st.integers(1, 20))
def test_a_larger_delay_loses_no_further_event(topic, setting, more_ms):
    larger = with_delay(setting, delay_ms(setting) + more_ms)

    assert (replay(topic, larger).kept | ~replay(topic, setting).kept).all()


@EXAMPLES
@given(topics(), settings_of_all_engines, st.data())
def test_a_dropped_event_is_kept_by_what_it_missed(topic, setting, data):
    dropped = dropped_by(replay(topic, setting))
    if not dropped:
        return
    event = data.draw(st.sampled_from(sorted(dropped)))

    enough = with_delay(setting, delay_ms(setting) + dropped[event])

    assert replay(topic, enough).kept[event]


@EXAMPLES
@given(topics(), flink_settings)
def test_nothing_is_dropped_when_the_watermark_stays_behind_everything(topic, setting):
    assert replay(topic, replace(setting, delay_ms=100)).dropped == 0


@EXAMPLES
@given(topics(), milliseconds)
def test_a_tumbling_window_starts_at_a_multiple_of_its_size(topic, grace_ms):
    replayed = replay(topic, KafkaStreamsSetting(TumblingWindow(7), grace_ms))

    assert (replayed.start % 7 == 0).all()
    assert (replayed.end - replayed.start == 7).all()
