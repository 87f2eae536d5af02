"""Settings one after the other."""

from __future__ import annotations

import numpy as np

from lib.replay import FlinkSetting, KafkaStreamsSetting, SessionWindow, TumblingWindow, replay
from lib.replay.sweep import curve, delay_ms, grid, length_ms, outcome_of, with_delay, with_gap
from tests.replay.sequences import one_key

TOPIC = one_key(0, 5, 100, 5, 60)
SESSIONS = np.array([0, 0, 1, 0, 1])
SETTING = FlinkSetting(SessionWindow(10))


def test_a_row_has_what_the_setting_drops_and_breaks():
    row = curve(TOPIC, [SETTING], SESSIONS).iloc[0]

    assert (row["GapMs"], row["DelayMs"], row["Dropped"], row["DroppedShare"]) == (10, 0, 2, 0.4)
    assert [row[kind] for kind in ("Exact", "Incomplete", "Split", "Merged", "Mixed")] == [
        0,
        2,
        0,
        0,
        0,
    ]


def test_without_true_sessions_there_are_no_columns_for_them():
    assert "Exact" not in curve(TOPIC, [SETTING])


def test_a_grid_goes_through_the_delays_of_each_gap():
    table = grid(TOPIC, SETTING, [10, 50], [0, 1, 2])

    assert table["GapMs"].tolist() == [10, 10, 10, 50, 50, 50]
    assert table["DelayMs"].tolist() == [0, 1, 2, 0, 1, 2]


def test_no_result_has_no_latency():
    judged = outcome_of(replay(one_key(0), SETTING))

    assert (judged.latency_median_ms, judged.latency_p95_ms, judged.unclosed) == (None, None, 1)


def test_the_delay_of_kafka_streams_is_its_grace():
    setting = with_delay(KafkaStreamsSetting(SessionWindow(10)), 7)

    assert (setting.grace_ms, delay_ms(setting)) == (7, 7)


def test_the_gap_of_tumbling_windows_is_their_size():
    setting = with_gap(FlinkSetting(TumblingWindow(10)), 7)

    assert (setting.window, length_ms(setting)) == (TumblingWindow(7), 7)
