"""How moments and stretches of time are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.moments import Times, are_dates

ZERO_MS = 1_545_261_518_000  # 2018-12-19T23:18:38Z
UTC, BERLIN, SINCE_ZERO = (Times(ZERO_MS, zone) for zone in ("UTC", "Europe/Berlin", None))
YEAR_MS = 365 * 86_400_000


@pytest.mark.parametrize(
    ("times", "length_ms", "said"),
    [
        (UTC, 637_000, "23:18:38–23:29:15 UTC, 19 Dec 2018"),
        (UTC, 1_200, "23:18:38.000–23:18:39.200 UTC, 19 Dec 2018"),
        (UTC, 3_600_000, "19 Dec 2018, 23:18:38 to 20 Dec 2018, 00:18:38 UTC"),
        (BERLIN, 637_000, "00:18:38–00:29:15 Europe/Berlin, 20 Dec 2018"),
        (SINCE_ZERO, 637_000, "0.0–637.0 s since zero"),
        (SINCE_ZERO, 1_200, "0.000–1.200 s since zero"),
    ],
)
def test_a_stretch(times, length_ms, said):
    assert times.stretch(ZERO_MS, ZERO_MS + length_ms) == said


def test_a_moment():
    assert UTC.moment(ZERO_MS) == "23:18:38 UTC, 19 Dec 2018"
    assert UTC.moment(ZERO_MS, exactly=True).endswith(" UTC, 19 Dec 2018")
    assert UTC.moment(ZERO_MS - ZERO_MS % 1000 + 7, exactly=True) == "23:18:38.007 UTC, 19 Dec 2018"
    assert SINCE_ZERO.moment(ZERO_MS + 3_918_041) == "3,918.041 s"
    assert SINCE_ZERO.moment(ZERO_MS - 100) == "−0.100 s"


def test_a_stretch_that_begins_before_zero_has_a_minus_sign():
    assert SINCE_ZERO.stretch(ZERO_MS - 100, ZERO_MS + 20_000) == "−0.1 to 20.0 s since zero"


@pytest.mark.parametrize(
    ("length_ms", "said"),
    [
        (1, "19 Dec 2018"),
        (86_400_000, "19–20 Dec 2018"),
        (13 * 86_400_000, "19 Dec 2018 – 1 Jan 2019"),
        (-30 * 86_400_000, "19 Nov – 19 Dec 2018"),
    ],
)
def test_the_days_of_a_stretch(length_ms, said):
    assert UTC.days(*sorted((ZERO_MS, ZERO_MS + length_ms))) == said


def test_times_that_count_from_zero_are_no_dates():
    assert are_dates(ZERO_MS, ZERO_MS + 1)
    assert are_dates(0, ZERO_MS)  # a clock that was never set, among others
    assert not are_dates(0, 5_000)
    assert not are_dates(ZERO_MS, 10**15)


@given(ms=st.integers(0, 100 * YEAR_MS), zone=st.sampled_from(["UTC", "Asia/Tokyo"]))
def test_what_a_clock_shows_says_when_it_was(ms, zone):
    times = Times(0, zone)
    assert times.epoch_ms(times.wall_clock(ms)) == ms
