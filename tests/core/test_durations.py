"""Durations that are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.durations import MOST_MS, duration_ms, written_ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("26 s", 26_000),
        ("250ms", 250),
        ("1.5 min", 90_000),
        ("2h", 7_200_000),
        ("1h30m", 5_400_000),
        ("1 d 2 h", 93_600_000),
        (" 2 Hours ", 7_200_000),
        ("26", 26_000),
        ("0", 0),
        (".5 s", 500),
    ],
)
def test_a_duration_is_read_as_people_write_it(text, ms):
    assert duration_ms(text) == ms


def test_a_number_alone_counts_the_unit_that_is_asked_for():
    assert duration_ms("200", unit="ms") == 200


@pytest.mark.parametrize(
    "text",
    ["", "soon", "s", "-5 s", "nan", "1e400", "1,5 s", "5 s 1 min", "1 s 2 s", "1m30", "0.1 ms"],
)
def test_what_is_no_duration_of_whole_milliseconds_is_none(text):
    assert duration_ms(text) is None


@pytest.mark.parametrize("text", ["36501 d", "9" * 40, "\u0665 s"])
def test_more_than_a_hundred_years_and_other_digits_are_none(text):
    assert duration_ms(text) is None


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (250, "250 ms"),
        (26_500, "26.5 s"),
        (90_000, "90 s"),
        (930_000, "15 min 30 s"),
        (7_200_000, "2 h"),
        (7_260_050, "2 h 60.05 s"),
        (93_600_000, "1 d 2 h"),
    ],
)
def test_a_duration_is_written_in_a_unit_that_suits_it(ms, text):
    assert written_ms(ms) == text


@given(st.integers(0, MOST_MS))
def test_what_is_written_is_read_as_the_same(ms):
    assert duration_ms(written_ms(ms)) == ms


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    found = duration_ms(text)
    assert found is None or 0 <= found <= MOST_MS
