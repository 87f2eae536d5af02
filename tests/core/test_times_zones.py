"""Local times in zones, against what Python's zoneinfo says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.errors import FieldsError
from lib.core.times.reading import read_times
from lib.core.times.zones import find_zone, to_instants

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2024-01-02 04:04:10", BERLIN, "2024-01-02T03:04:10"),
        ("2024-07-02 05:04:10", BERLIN, "2024-07-02T03:04:10"),
        ("2024-01-01 22:04:10", "America/New_York", "2024-01-02T03:04:10"),
        ("2024-01-02 08:49:10", "Asia/Kathmandu", "2024-01-02T03:04:10"),
        ("2024-01-02 08:34:10", "+05:30", "2024-01-02T03:04:10"),
        ("2024-01-01 23:34:10", "-0330", "2024-01-02T03:04:10"),
        ("2024-01-02 03:04:10", "UTC", "2024-01-02T03:04:10"),
    ],
)
def test_a_local_time_is_read_in_the_chosen_zone(text, zone, utc):
    times = read_times(pa.array([text]), "iso", zone=zone)

    assert times.ms.astype("datetime64[ms]") == np.datetime64(utc)
    assert (times.local, times.ambiguous, times.nonexistent) == (1, 0, 0)


def test_a_written_offset_stands_whatever_the_zone():
    values = ["2024-01-02T03:04:10Z", "2024-01-02 04:04:10", "2024-01-01T22:04:10-05:00"]

    times = read_times(pa.array(values), "iso", zone=BERLIN)

    assert times.ms.tolist() == [1704164650000] * 3
    assert times.local == 1


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("20240102040410", "compact"),
        ("[2024,1,2,4,4,10]", "java_array"),
        ("02.01.2024 04:04:10", "day_first"),
        ("01/02/2024 4:04:10 AM", "month_first"),
        ("Tue Jan  2 04:04:10 2024", "named_month"),
        ('{"$date":"2024-01-02T04:04:10"}', "mongo_date"),
    ],
)
def test_local_times_of_any_form_are_read_in_the_chosen_zone(text, form):
    times = read_times(pa.array([text]), form, zone=BERLIN)

    assert (times.ms.tolist(), times.local) == ([1704164650000], 1)


def test_numbers_count_local_time_if_a_zone_is_chosen():
    assert read_times(pa.array([1704168250000]), "ms", zone=BERLIN).ms.tolist() == [1704164650000]


def test_an_hour_that_came_twice_is_the_first_and_counted():
    values = ["2024-10-27 01:59:59", "2024-10-27 02:30:00", "2024-10-27 03:00:00"]

    times = read_times(pa.array(values), "iso", zone=BERLIN)

    assert times.ms.tolist() == [1729987199000, 1729989000000, 1729994400000]
    assert (times.ambiguous, times.nonexistent) == (1, 0)


def test_an_hour_that_never_came_is_counted_on_and_counted():
    values = ["2024-03-31 01:59:59", "2024-03-31 02:30:00", "2024-03-31 03:00:00"]

    times = read_times(pa.array(values), "iso", zone=BERLIN)

    assert times.ms.tolist() == [1711846799000, 1711848600000, 1711846800000]
    assert (times.ambiguous, times.nonexistent) == (0, 1)


def test_an_hour_that_came_twice_is_counted_where_the_value_names_its_zone():
    times = read_times(pa.array(["2024-10-27T02:30:00[Europe/Berlin]"]), "iso")

    assert (times.ms.tolist(), times.ambiguous, times.local) == ([1729989000000], 1, 0)


def test_doubtful_hours_are_counted_by_row_where_values_repeat():
    column = pa.array(["2024-10-27 02:30:00"] * 4 + ["2024-10-27 05:00:00"]).dictionary_encode()

    times = read_times(column, "iso", zone=BERLIN)

    assert (times.local, times.ambiguous) == (5, 4)


zones = st.sampled_from(
    [
        *("Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns"),
        *("America/Sao_Paulo", "Africa/Casablanca", "Asia/Tokyo", "Asia/Kathmandu"),
        *("Australia/Lord_Howe", "Pacific/Apia"),
    ]
)
local = st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1))  # noqa: DTZ001 - local
near_changes = st.builds(
    lambda year, month, minutes: datetime(year, month, 28) + timedelta(minutes=minutes),  # noqa: DTZ001 - local
    st.integers(1990, 2036),
    st.sampled_from([3, 10]),
    st.integers(-10 * 1440, 10 * 1440),
)


@given(st.lists(local | near_changes, min_size=1), zones)
def test_instants_are_those_of_zoneinfo(times, zone):
    place = ZoneInfo(zone)
    clock_ms = [(time.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1) for time in times]

    found = to_instants(np.array(clock_ms), find_zone(zone))

    for at, time in enumerate(times):
        first, second = (time.replace(tzinfo=place, fold=fold) for fold in (0, 1))
        offsets = first.utcoffset(), second.utcoffset()
        assert found.ms[at] == (first.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)
        assert found.ambiguous[at] == (offsets[0] > offsets[1])
        assert found.nonexistent[at] == (offsets[0] < offsets[1])


@given(st.lists(st.integers(-(2**62), 2**62)), zones)
def test_times_of_any_size_have_an_instant(clock_ms, zone):
    found = to_instants(np.array(clock_ms, np.int64), find_zone(zone))

    assert len(found.ms) == len(clock_ms)


@pytest.mark.parametrize("name", ["", "Europe/Atlantis", "../passwd", "+25:00", "Europe", "1"])
def test_what_is_no_zone_is_said(name):
    with pytest.raises(FieldsError, match="no time zone"):
        find_zone(name)
