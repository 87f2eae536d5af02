"""The setting that keeps a goal, and when it may be relied on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.topics_with_late_events import TOPICS
from lib.replay.advisor import FEWER_STRETCHES, STRETCHES, Reason, advise, elsewhere
from lib.replay.engine import delay_ms, replay, with_length
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.goal import Goal
from lib.replay.input import replay_input
from lib.replay.outcome import outcome_of
from lib.replay.sentences import advice_sentence
from lib.replay.windows import SessionWindow, TumblingWindow
from tests.replay.sequences import settings_of_all_engines

SECOND = 1_000
FLINK = FlinkSetting(SessionWindow(2 * SECOND))
ENGINES = [
    FLINK,
    FlinkSetting(SessionWindow(2 * SECOND), emission_ms=200, per_partition=True),
    KafkaStreamsSetting(SessionWindow(2 * SECOND)),
    SparkSetting(SessionWindow(2 * SECOND), batch_records=50),
    BeamSetting(SessionWindow(2 * SECOND)),
]


def ten_clients(seed=7, late_share=0.01, late_s=(30, 300), pauses=20, spoil=lambda *_: None):
    """Ten clients, each with sessions of 20 events a second apart and a pause of a minute.

    `spoil` may change the delays, ms, given those and the event times.
    """
    rng = np.random.default_rng(seed)
    client, session, number = np.indices((10, pauses, 20)).reshape(3, -1)
    happened = session * 80 * SECOND + number * SECOND + client * 137
    delay = 50 + rng.integers(0, 100, len(happened))
    late = rng.random(len(happened)) < late_share
    delay[late] += rng.integers(late_s[0] * SECOND, late_s[1] * SECOND, late.sum())
    spoil(delay, happened)
    received = happened + delay
    order = np.argsort(received, kind="stable")
    topic = replay_input(happened[order], client[order], client[order] % 3, received[order])
    return topic, (client * pauses + session)[order]


def paused_sessions(longest_s=20, merged=0.0, begin=0):
    """Ten clients with 300 sessions each, of 10 events among which is a pause, 1 s or more.

    Between two sessions is a minute; of a share `merged` of them three quarters of the longest.
    """
    rng = np.random.default_rng(7)
    short = rng.random((10, 300)) < merged
    steps = np.full((10, 300, 10), 100)
    steps[:, :, 0] = np.where(short, longest_s * SECOND * 3 // 4, 60 * SECOND)
    steps[:, :, 5] = rng.integers(1, longest_s + 1, (10, 300)) * SECOND
    happened = begin + np.cumsum(steps.reshape(10, -1), axis=1)
    received = happened + rng.integers(0, 100, happened.shape)
    order = np.argsort(received, axis=None, kind="stable")
    codes = np.repeat(np.arange(3_000), 10)[order]
    topic = replay_input(happened.ravel()[order], codes // 300, None, received.ravel()[order])
    return topic, codes


@pytest.fixture(scope="module")
def short():
    return ten_clients()


@pytest.fixture(scope="module")
def long():
    return ten_clients(pauses=100)


class TestAdvice:
    @pytest.mark.parametrize("setting", ENGINES, ids=lambda s: type(s).__name__)
    def test_says_of_the_topic_and_of_each_stretch_what_a_plain_replay_says(self, long, setting):
        events, sessions = long

        advice = advise(events, setting, Goal(0.005), sessions)

        whole = outcome_of(replay(events, advice.setting), sessions)
        assert (advice.outcome.dropped, advice.outcome.sessions.exact) == (
            whole.dropped,
            whole.sessions.exact,
        )
        for one in advice.tried:
            assert one.begin_ms == events.received[one.begin]
            assert one.end_ms == events.received[one.end - 1]
            dropped = ~replay(events, one.setting).kept[one.begin : one.end]
            assert one.dropped_share == dropped.mean()
            assert one.kept_goal == (one.dropped_share <= 0.005)

    def test_tries_every_stretch_of_the_second_half_with_what_those_before_it_say(self, long):
        events, _ = long

        advice = advise(events, FLINK, Goal(0.005))

        assert [one.begin for one in advice.tried] == [
            len(events) * k // STRETCHES for k in range(STRETCHES // 2, STRETCHES)
        ]
        # What comes later changes nothing of what was chosen before.
        begin = advice.tried[-1].begin
        moved = events.event_time.copy()
        moved[begin:] -= 1_000 * SECOND
        later = replace(events, event_time=moved)
        assert [one.setting for one in advise(later, FLINK, Goal(0.005)).tried] == [
            one.setting for one in advice.tried
        ]

    def test_interval_is_of_the_shares_that_the_stretches_dropped(self, long):
        advice = advise(long[0], FLINK, Goal(0.005))

        shares = [one.dropped_share for one in advice.tried]
        assert advice.dropped_shares == (min(shares), max(shares))

    def test_is_none_where_only_a_delay_longer_than_the_topic_keeps_the_goal(self, short):
        events, _ = short
        dated = events.event_time.copy()
        dated[len(events) // 2] += 365 * 86_400 * SECOND

        merged = replace(FLINK, per_partition=False)
        assert advise(replace(events, event_time=dated), merged, Goal(0.001)) is None

    def test_holds_where_late_events_are_alike_throughout(self, long):
        advice = advise(long[0], FLINK, Goal(0.005))

        assert advice.holds
        assert advice.kept == len(advice.tried) == STRETCHES // 2

    def test_margin_is_part_of_the_delay(self, long):
        events, _ = long

        advice = advise(events, FLINK, Goal(0.005))

        less = replace(advice.setting, delay_ms=delay_ms(advice.setting) - advice.margin_ms)
        each = np.array_split(~replay(events, less).kept, STRETCHES)
        assert advice.margin_ms > 0
        assert max(part.mean() for part in each) <= 0.005

    def test_does_not_rely_on_a_slow_partition_that_holds_the_watermark_back(self):
        def slow(delay, happened):
            of_partition_2 = np.isin(happened % SECOND, [274, 685, 96])
            delay[of_partition_2] = 400 * SECOND

        events, _ = ten_clients(pauses=100, spoil=slow)

        advice = advise(events, replace(FLINK, per_partition=True), Goal(0.005))

        assert replay(events, FLINK).dropped <= 0.005 * len(events)  # without any delay
        rest = events.taken(np.flatnonzero(events.partition != 2))
        assert replay(rest, FLINK).dropped > 0.005 * len(rest)
        assert replay(rest, advice.setting).dropped <= 0.005 * len(rest)

    def test_without_any_late_event_no_delay_is_needed(self):
        advice = advise(ten_clients(late_share=0, pauses=100)[0], FLINK, Goal(0.005))

        assert delay_ms(advice.setting) == 0
        assert advice.holds

    def test_tumbling_windows_have_a_setting_too(self, long):
        setting = FlinkSetting(TumblingWindow(60 * SECOND))

        advice = advise(long[0], setting, Goal(0.005))

        assert advice.holds
        assert advice.outcome.dropped_share <= 0.005

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 2)), min_size=2, max_size=80),
        settings_of_all_engines,
        st.sampled_from([0, 0.05, 0.3]),
        st.sampled_from([None, 0.2]),
    )
    def test_never_claims_what_a_replay_contradicts(self, rows, setting, dropped, broken):
        times, keys = np.array(rows).T
        sessions, goal = (times // 20).astype(np.int32), Goal(dropped, broken)
        events = replay_input(times, keys)

        advice = advise(events, setting, goal, sessions)

        if advice is None:
            assert not goal.is_met_by(outcome_of(replay(events, setting), sessions))
        else:
            assert goal.is_met_by(outcome_of(replay(events, advice.setting), sessions))
            assert not advice.holds  # of so few events nothing can be promised


class TestRefusal:
    def test_of_a_short_topic_says_how_long_it_would_have_to_be(self, short):
        advice = advise(short[0], FLINK, Goal(0.001))

        assert (advice.refusal.reason, advice.refusal.needed) == (Reason.TOO_SHORT, 40_000)
        assert len(advice.tried) == FEWER_STRETCHES // 2
        assert advice.outcome.dropped_share <= 0.001

    def test_of_few_sessions_says_how_many_there_would_have_to_be(self, long):
        advice = advise(long[0], FLINK, Goal(0.005, most_broken=0.02), long[1])

        assert advice.refusal.reason is Reason.TOO_SHORT
        assert (advice.refusal.needed, advice.refusal.of_sessions) == (2_000, True)

    def test_of_a_goal_that_lets_nothing_go(self, long):
        assert advise(long[0], FLINK, Goal(0)).refusal.reason is Reason.NOTHING

    def test_of_a_topic_that_changes_says_when(self):
        def slower(delay, happened):
            later = happened > happened.max() * 0.6
            delay[later] += np.random.default_rng(1).integers(0, 60 * SECOND, later.sum())

        events, _ = ten_clients(late_share=0, pauses=100, spoil=slower)

        refusal = advise(events, FLINK, Goal(0.005)).refusal

        assert refusal.reason is Reason.CHANGES
        assert 0.55 < refusal.at / len(events) < 0.65

    def test_of_a_topic_with_one_long_outage_says_when_its_events_arrived(self):
        def outage(delay, happened):
            end = happened.max() // 2
            cut_off = (happened > end - 2_000 * SECOND) & (happened <= end)
            cut_off &= happened % SECOND == 137 * 4  # the fifth client
            delay[cut_off] = end - happened[cut_off]

        events, _ = ten_clients(late_share=0.001, late_s=(3, 6), pauses=100, spoil=outage)

        refusal = advise(events, FLINK, Goal(0.005)).refusal

        assert refusal.reason is Reason.ONE_OUTAGE
        late = events.received - events.event_time > 100 * SECOND
        assert refusal.at in np.flatnonzero(late)

    @pytest.mark.parametrize("held", [2, 4])
    @pytest.mark.parametrize("window", [SessionWindow(2 * SECOND), TumblingWindow(2 * SECOND)])
    def test_of_a_topic_with_one_short_outage_however_little_it_held_back(self, window, held):
        def outage(delay, happened):
            of_one = np.flatnonzero((happened % SECOND == 137) & (happened > happened.max() // 3))
            delay[of_one[:held]] += 85 * SECOND

        events, _ = ten_clients(late_share=0, pauses=100, spoil=outage)

        advice = advise(events, FlinkSetting(window), Goal(0.005))

        assert 0 < advice.outcome.dropped <= held
        assert (advice.refusal.reason, advice.refusal.in_all) == (Reason.ONE_OUTAGE, True)

    def test_of_a_burst_that_lies_across_a_cut_says_what_the_other_stretches_need(self):
        def outage(delay, happened):
            cut = np.sort(happened)[len(happened) // 2]
            a_fifth = np.random.default_rng(1).random(len(happened)) < 0.2
            for began, ended, arrives in ((420, 340, -10), (160, 80, 5)):  # seconds around the cut
                struck = (happened > cut - began * SECOND) & (happened < cut - ended * SECOND)
                late = struck & a_fifth
                delay[late] = (cut + arrives * SECOND - happened)[late]

        events, _ = ten_clients(late_share=0, pauses=100, spoil=outage)

        advice = advise(events, FLINK, Goal(0.01))

        assert advice.refusal.reason is Reason.ONE_OUTAGE
        assert advice.refusal.before_ms == 0 < advice.refusal.after_ms
        assert "the other stretches none" in advice_sentence(advice, Goal(0.01), str)

    def test_of_a_topic_that_needs_no_delay_but_came_near_to_it_a_few_times(self):
        def nearly(delay, happened):
            for place in (0.2, 0.35, 0.5):
                end = int(happened.max() * place) // (80 * SECOND) * 80 * SECOND + 20 * SECOND
                cut_off = (happened > end - 25 * SECOND) & (happened <= end)
                cut_off &= happened % SECOND == 137 * 4  # the fifth client
                delay[cut_off] = end - happened[cut_off]

        events, _ = ten_clients(late_share=0, pauses=100, spoil=nearly)

        advice = advise(events, FlinkSetting(SessionWindow(40 * SECOND)), Goal(0.005))

        assert (advice.refusal.reason, delay_ms(advice.setting)) == (Reason.NEAR, 0)
        assert advice.refusal.before_ms < 2 * SECOND < 10 * SECOND < advice.refusal.after_ms

    def test_of_a_topic_whose_last_stretch_fails(self):
        def last(delay, happened):
            late = (happened > happened.max() * 0.90) & (happened < happened.max() * 0.93)
            late &= np.random.default_rng(1).random(len(happened)) < 0.05
            delay[late] += 410 * SECOND

        events, _ = ten_clients(pauses=100, spoil=last)

        advice = advise(events, FLINK, Goal(0.005))

        assert advice.refusal.reason is Reason.FAILS
        assert advice.refusal.at == advice.tried[-1].begin
        assert not advice.tried[-1].kept_goal


class TestGap:
    def test_is_the_longest_pause_when_hardly_a_session_may_break(self, long):
        advice = advise(long[0], FLINK, Goal(0.02, most_broken=0.05), long[1])

        assert advice.setting.window.length_ms == SECOND
        assert advice.outcome.sessions.broken_share <= 0.05
        assert advice.holds

    def test_leaves_half_of_what_may_be_broken_to_late_events_and_to_chance(self):
        events, sessions = paused_sessions()

        advice = advise(events, FLINK, Goal(0.01, most_broken=0.2), sessions)

        assert advice.setting.window.length_ms == 18 * SECOND  # a tenth of the pauses is longer
        assert advice.outcome.sessions.broken_share < 0.15
        assert advice.holds

    def test_is_the_one_that_breaks_fewest_where_none_leaves_so_much(self):
        events, sessions = paused_sessions(merged=0.07)

        advice = advise(events, FLINK, Goal(0.01, most_broken=0.25), sessions)

        assert advice.setting.window.length_ms == 20 * SECOND
        assert 0.125 < advice.outcome.sessions.broken_share <= 0.25

    def test_is_the_one_asked_about_where_that_alone_keeps_the_goal(self):
        first, of_first = paused_sessions(longest_s=4, merged=0.15)
        second, of_second = paused_sessions(begin=int(first.event_time.max()))
        both = [(getattr(first, n), getattr(second, n)) for n in ("event_time", "key", "received")]
        event_time, key, received = map(np.concatenate, both)
        events, setting = replay_input(event_time, key, None, received), replace(FLINK, delay_ms=1)
        sessions = np.concatenate((of_first, of_first.max() + 1 + of_second))
        goal = Goal(0.01, most_broken=0.2)

        of_the_first_half = advise(events, setting, goal, sessions)
        asked = advise(events, with_length(setting, 20 * SECOND), goal, sessions)

        assert of_the_first_half is None
        assert asked.setting.window.length_ms == 20 * SECOND
        assert asked.outcome.sessions.broken_share < 0.2

    def test_is_one_ms_longer_in_beam(self, long):
        advice = advise(long[0], ENGINES[4], Goal(0.02, most_broken=0.05), long[1])

        assert advice.setting.window.length_ms == SECOND + 1

    def test_none_is_advised_where_sessions_cannot_be_told_apart(self):
        event_time = np.arange(100)
        interleaved = np.arange(100) % 2  # two sessions of one client at the same time
        events = replay_input(event_time, np.zeros(100))

        assert advise(events, FLINK, Goal(most_broken=0.1), interleaved) is None
        assert advise(events, FLINK, Goal(most_broken=0.1), np.repeat([0, 1, 2, 3], 25)) is None


def test_what_holds_is_kept_by_the_next_stretch_and_by_another_seed():
    draw, setting, goal = TOPICS["links bad for 15 min"], FLINK, Goal(0.005)
    kept = []
    for seed in range(4):
        topic = draw(seed, 21_000)
        advice = advise(topic.first(20_000), setting, goal)
        if advice.holds:
            kept.append(np.mean(~replay(topic, advice.setting).kept[20_000:]) <= 0.005)
            kept.append(replay(draw(seed + 50, 20_000), advice.setting).dropped <= 100)
    assert len(kept) >= 4
    assert all(kept)


def test_elsewhere_is_every_other_engine_with_the_same_delay():
    others = elsewhere(FlinkSetting(SessionWindow(5), delay_ms=3))

    assert {type(other) for other in others} == {KafkaStreamsSetting, SparkSetting, BeamSetting}
    assert {delay_ms(other) for other in others} == {3}
