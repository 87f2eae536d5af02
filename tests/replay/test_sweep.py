"""Settings one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from lib.core.columns import DELAY_MS, DROPPED_SHARE, EXACT_SHARE, GAP_MS, LATENCY_MEDIAN_MS
from lib.replay.engine import with_delay, with_length
from lib.replay.engines.flink import FlinkSetting
from lib.replay.sweep import curve
from lib.replay.windows import SessionWindow
from tests.replay.sequences import one_key

TOPIC = one_key(0, 5, 100, 5, 60)
SESSIONS = np.array([0, 0, 1, 0, 2])
SETTING = FlinkSetting(SessionWindow(10), emission_ms=0)


def test_a_row_has_what_the_setting_drops_and_breaks():
    [row] = curve(TOPIC, [SETTING], SESSIONS).to_dict("records")

    assert row[DROPPED_SHARE] == 2 / 5
    assert row[EXACT_SHARE] == pytest.approx(1 / 3)
    assert row[LATENCY_MEDIAN_MS] == 100 - 5


def test_without_true_sessions_there_is_no_column_for_them():
    assert EXACT_SHARE not in curve(TOPIC, [SETTING])


def test_a_setting_without_a_final_result_has_no_latency():
    assert np.isnan(curve(one_key(0), [SETTING])[LATENCY_MEDIAN_MS]).all()


def test_the_rows_are_in_the_order_of_the_settings():
    settings = [with_delay(with_length(SETTING, gap), 7) for gap in (50, 10)]

    table = curve(TOPIC, settings)

    assert table[GAP_MS].tolist() == [50, 10]
    assert table[DELAY_MS].tolist() == [7, 7]
