"""What is said of a setting and of the advice."""

from __future__ import annotations

import pytest

from lib.replay.advisor import Advice, Reason, Refusal, Tried
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.goal import Goal
from lib.replay.outcome import Outcome
from lib.replay.sentences import advice_sentence, held_back_sentence, latency_means
from lib.replay.windows import SessionWindow

FLINK = FlinkSetting(SessionWindow(30_000))


def outcome(median_ms=None, p95_ms=None):
    return Outcome(
        events=250_000,
        dropped=1,
        sessions=None,
        windows=50,
        latency_median_ms=median_ms,
        latency_p95_ms=p95_ms,
        unclosed=20,
    )


def advice(refusal=None, median_ms=None, dropped=(0.0,)):
    tried = tuple(
        Tried(n, n + 1, n, n, FLINK, share, None, True) for n, share in enumerate(dropped)
    )
    return Advice(FLINK, outcome(median_ms, median_ms), 0, tried, refusal)


class TestLatency:
    def test_without_a_result_nothing_is_said_of_how_long_results_took(self):
        assert latency_means(outcome()) == (
            "From a window's last event to the moment its final result came out. 20 windows had no "
            "final result by the end of the topic."
        )

    def test_below_zero_it_says_why(self):
        assert "clocks of clients run ahead" in latency_means(outcome(-600_000, -60_000))
        assert "run ahead" not in latency_means(outcome(30_000, 60_000))

    def test_results_do_not_come_out_within_less_than_nothing(self):
        said = advice_sentence(advice(median_ms=-600_000), Goal(), str)

        assert "come out 10 min or more before the event time of their window's last event" in said


@pytest.mark.parametrize(
    ("setting", "is_held_back"),
    [
        (FLINK, True),
        (FlinkSetting(FLINK.window, api="sql"), True),
        (FlinkSetting(FLINK.window, idle_ms=60_000), False),
        (FlinkSetting(FLINK.window, per_partition=False), False),
        (BeamSetting(FLINK.window), True),
        (BeamSetting(FLINK.window, per_partition=False), False),
        (KafkaStreamsSetting(FLINK.window), False),
        (SparkSetting(FLINK.window), False),
    ],
)
def test_partitions_without_a_record_hold_back_results_where_the_smallest_watermark_holds(
    setting, is_held_back
):
    one, several = held_back_sentence(setting, [3]), held_back_sentence(setting, [3, 5])

    assert held_back_sentence(setting, []) == ""
    assert bool(one) == bool(several) == is_held_back
    if is_held_back:
        assert one.startswith("Partition 3 has no record: with this setting a job gives no result")
        assert several.startswith("2 partitions have no record: with this setting a job gives no")


@pytest.mark.parametrize("refusal", [None, Refusal(Reason.FAILS)])
@pytest.mark.parametrize("far_ahead", [0, 2])
def test_nothing_holds_without_the_condition_that_every_partition_has_events(refusal, far_ahead):
    said = advice_sentence(advice(refusal), Goal(), str, far_ahead, empty=[3])

    assert " holds:" not in said
    assert ("every partition has events: what was chosen" in said) == (refusal is None)
    assert said.endswith(held_back_sentence(FLINK, [3]))


@pytest.mark.parametrize("refusal", [None, Refusal(Reason.FAILS)])
def test_nothing_holds_without_the_condition_that_records_years_ahead_are_filtered_out(refusal):
    said = advice_sentence(advice(refusal), Goal(), str, far_ahead=2)

    assert " holds:" not in said
    assert (" holds once records years ahead are filtered out: " in said) == (refusal is None)
    assert "2 records whose event time is more than 20 years ahead: an engine reads them" in said


def test_a_few_late_events_are_told_as_all_that_there_are():
    refusal = Refusal(Reason.ONE_OUTAGE, at=1, at_ms=7, together=4, in_all=True)

    said = advice_sentence(advice(refusal), Goal(), str)

    assert "in a few moments only, the most at 7: 4 in all. The goal lets 250 be dropped" in said


def test_one_late_event_is_told_as_the_only_one():
    refusal = Refusal(Reason.ONE_OUTAGE, at=1, at_ms=7, together=1, in_all=True)

    said = advice_sentence(advice(refusal), Goal(), str)

    assert "The only late event came at 7. The goal lets 250 be dropped in the whole topic" in said


class TestShares:
    @pytest.mark.parametrize(
        ("most", "share"), [(0.0001, "99.99 %"), (0.0005, "99.95 %"), (1e-7, "more than 99.999 %")]
    )
    def test_all_but_what_a_goal_lets_go_is_not_all(self, most, share):
        refusal = Refusal(Reason.CHANGES, at=1, at_ms=1, before_ms=43_100, after_ms=348_000)

        said = advice_sentence(advice(refusal), Goal(most), str)

        assert f"{share} of a stretch's events are typically at most 43.1 s out of order" in said
        assert "drops less than 0.001 % of all 250,000 events" in said

    @pytest.mark.parametrize(
        ("dropped", "text"),
        [
            ((0.0, 0.139), "dropped 0–13.9 % in 2 of 2"),
            ((1e-7, 0.139), "dropped less than 0.001 % to 13.9 % in 2 of 2"),
            ((0.0, 1e-7), "dropped 0 % to less than 0.001 % in 2 of 2"),
        ],
    )
    def test_two_shares_are_told_with_what_they_are_above_or_below(self, dropped, text):
        assert text in advice_sentence(advice(dropped=dropped), Goal(), str)
