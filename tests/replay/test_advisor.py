"""The smallest setting that keeps a promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lib.replay.advisor import FITTED_SHARE, Goal, advise, elsewhere, outcome_on_rest
from lib.replay.engine import delay_ms, replay, with_delay
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import replay_input
from lib.replay.outcome import outcome_of
from lib.replay.windows import SessionWindow

FLINK = FlinkSetting(SessionWindow(2_000))
ENGINES = [
    FLINK,
    KafkaStreamsSetting(SessionWindow(2_000)),
    SparkSetting(SessionWindow(2_000), batch_records=50),
    BeamSetting(SessionWindow(2_000)),
]


@pytest.fixture(scope="module")
def topic():
    """Ten clients, each with sessions of 20 events a second apart and a pause of a minute.

    One event in a hundred comes 30 s to 5 min late.
    """
    rng = np.random.default_rng(7)
    client, session, number = np.indices((10, 20, 20)).reshape(3, -1)
    happened = session * 80_000 + number * 1_000 + client * 137
    received = happened + 50 + rng.integers(0, 100, len(happened))
    late = rng.random(len(happened)) < 0.01
    received[late] += rng.integers(30_000, 300_000, late.sum())
    order = np.argsort(received, kind="stable")
    topic = replay_input(happened[order], client[order], received=received[order])
    return topic, (client * 20 + session)[order]


@pytest.mark.parametrize("setting", ENGINES, ids=lambda s: type(s).__name__)
def test_the_delay_advised_meets_the_goal_and_one_ms_less_does_not(topic, setting):
    events, _ = topic
    goal = Goal(most_dropped=0.002)

    advice = advise(events, setting, goal)

    part = int(len(events) * FITTED_SHARE)
    first = replay_input(
        events.event_time[:part], events.key[:part], received=events.received[:part]
    )
    less = with_delay(advice.setting, delay_ms(advice.setting) - 1)
    assert goal.is_met_by(advice.fitted)
    assert not goal.is_met_by(outcome_of(replay(first, less)))


def test_the_gap_advised_is_the_longest_pause_when_no_session_may_break(topic):
    events, sessions = topic

    advice = advise(events, FLINK, Goal(most_dropped=0, most_broken=0), sessions)

    assert advice.setting.window.length_ms == 1_000
    assert advice.fitted.sessions.broken_share == 0


def test_beam_needs_a_gap_one_ms_longer(topic):
    events, sessions = topic

    advice = advise(events, ENGINES[3], Goal(most_dropped=0, most_broken=0), sessions)

    assert advice.setting.window.length_ms == 1_001


def test_the_rest_is_outcome_with_what_the_engine_holds_from_before(topic):
    events, _ = topic
    setting = replace(FLINK, delay_ms=1_000)
    begin = 3_000

    rest = outcome_on_rest(events, setting, begin)

    assert rest.events == len(events) - begin
    assert rest.dropped == np.count_nonzero(~replay(events, setting).kept[begin:])


def test_advice_that_fails_on_the_rest_says_so():
    late_at_the_end = np.concatenate([np.arange(100) * 1_000, [1_000]])
    client = np.concatenate([np.zeros(100), [1]])

    advice = advise(replay_input(late_at_the_end, client), FLINK, Goal(most_dropped=0))

    assert delay_ms(advice.setting) == 0
    assert not advice.holds


def test_advice_that_fails_on_the_rest_comes_with_the_setting_that_all_events_need():
    late_at_the_end = np.concatenate([np.arange(100) * 1_000, [1_000]])
    client = np.concatenate([np.zeros(100), [1]])
    events, goal = replay_input(late_at_the_end, client), Goal(most_dropped=0)

    advice = advise(events, FLINK, goal)

    setting, outcome = advice.on_all
    less = with_delay(setting, delay_ms(setting) - 1)
    assert advice.to_set == setting
    assert outcome.dropped == 0
    assert not goal.is_met_by(outcome_of(replay(events, less)))


def test_advice_that_holds_is_the_setting_to_take(topic):
    events, _ = topic

    advice = advise(events, FLINK, Goal(most_dropped=0.05))

    assert advice.holds
    assert advice.on_all is None
    assert advice.to_set == advice.setting


def test_no_gap_is_advised_where_sessions_cannot_be_told_apart():
    event_time = np.arange(100)
    sessions = np.arange(100) % 2  # two sessions of one client at the same time

    advice = advise(
        replay_input(event_time, np.zeros(100)),
        FLINK,
        Goal(most_broken=0.1),
        np.repeat([0, 1, 2, 3], 25),
    )
    interleaved = advise(
        replay_input(event_time, np.zeros(100)), FLINK, Goal(most_broken=0.1), sessions
    )

    assert advice is None
    assert interleaved is None


def test_elsewhere_is_every_other_engine_with_the_same_delay():
    others = elsewhere(FlinkSetting(SessionWindow(5), delay_ms=3))

    assert {type(other) for other in others} == {KafkaStreamsSetting, SparkSetting, BeamSetting}
    assert {delay_ms(other) for other in others} == {3}
