"""Event times in every unit, as epoch milliseconds."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.times.reading import FAR_AHEAD, FAR_OUTSIDE, MISSING, NOT_A_TIME, READABLE, read_times
from lib.core.times.recognition import recognise_unit

MS = 1540726486041  # 2018-10-28T11:34:46.041Z


def read(values, unit, **options):
    times = read_times(pa.array(values), unit, **options)
    return [
        int(ms) if problem == READABLE else None
        for ms, problem in zip(times.ms, times.problem, strict=True)
    ]


@pytest.mark.parametrize(
    ("value", "unit", "ms"),
    [
        (1540726486, "s", 1540726486000),
        (1540726486.041, "s", MS),
        (MS, "ms", MS),
        (1540726486041.75, "ms", MS),
        (1540726486041999, "us", MS),
        (1540726486041999999, "ns", MS),
        ("1540726486041", "ms", MS),
        (" 1540726486.041 ", "s", MS),
        ("1540726486041999999", "ns", MS),
        ("1.540726486041e9", "s", MS),
        ("2018-10-28T11:34:46.041Z", "iso", MS),
        ("2018-10-28T11:34:46.041+00:00", "iso", MS),
        ("2018-10-28T12:34:46.041+01:00", "iso", MS),
        ("2018-10-28T06:34:46.041-0500", "iso", MS),
        ("2018-10-28T11:34:46.041", "iso", MS),
        ("2018-10-28 11:34:46.041", "iso", MS),
        ("2018-10-28T11:34:46.041999999Z", "iso", MS),
        ("20181028T113446Z", "iso", 1540726486000),
        ("2018-10-28", "iso", 1540684800000),
        (-1, "us", -1),
    ],
)
def test_an_event_time_is_the_millisecond_it_happened_in(value, unit, ms):
    assert read([value], unit) == [ms]


def test_iso_times_with_and_without_offset_may_stand_side_by_side():
    values = ["2018-10-28T11:34:46.041", "2018-10-28T12:34:46.041+01:00", "2018-10-28T11:34Z"]

    assert read(values, "iso") == [MS, MS, 1540726440000]


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (["soon"], "iso"),
        (["2018-13-01T00:00:00Z"], "iso"),
        (["2018"], "iso"),
        ([MS], "iso"),
        ([str(MS)], "iso"),
        (["2018-10-28T11:34:46Z"], "ms"),
        (["0x10"], "ms"),
        (["99999999999999999999999"], "ms"),
        ([math.nan], "s"),
        ([math.inf], "s"),
        ([1e300], "s"),
        ([2**62], "s"),
        ([True], "ms"),
    ],
)
def test_what_is_written_otherwise_is_no_time(values, unit):
    assert read_times(pa.array(values), unit).problem.tolist() == [NOT_A_TIME]


def test_null_is_missing():
    times = read_times(pa.array([None, MS], pa.int64()), "ms")

    assert times.problem.tolist() == [MISSING, READABLE]
    assert times.ms.tolist() == [0, MS]


def test_seconds_among_milliseconds_are_far_outside():
    times = read_times(pa.array([MS, MS + 1, MS // 1000]), "ms")

    assert times.problem.tolist() == [READABLE, READABLE, FAR_OUTSIDE]


def test_milliseconds_among_seconds_are_far_ahead():
    times = read_times(pa.array([MS // 1000, MS // 1000 + 1, MS]), "s")

    assert times.problem.tolist() == [READABLE, READABLE, FAR_AHEAD]


def test_small_times_of_a_made_up_topic_are_not_far_outside():
    assert read([0, 1000, 2000], "ms") == [0, 1000, 2000]


def test_far_outside_can_be_judged_by_a_known_time():
    assert read([1000], "ms", around=MS) == [None]


def test_dictionaries_read_like_text():
    column = pa.chunked_array([pa.array(["2018-10-28T11:34:46.041Z"] * 2).dictionary_encode()])

    assert read_times(column, "iso").ms.tolist() == [MS, MS]


moments = st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1))  # noqa: DTZ001 - zones below
zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.lists(st.builds(lambda t, z: t.replace(tzinfo=z), moments, zones), min_size=1))
def test_iso_times_are_what_datetime_reads(times):
    texts = [time.isoformat() for time in times]

    found = read_times(pa.array(texts), "iso", around=2_000_000_000_000)

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    wanted = [(time - epoch) // timedelta(milliseconds=1) for time in times]
    near = found.problem == READABLE
    assert set(found.problem.tolist()) <= {READABLE, FAR_OUTSIDE, FAR_AHEAD}
    assert found.ms[near].tolist() == np.array(wanted)[near].tolist()


@given(st.lists(st.integers(0, 4_102_444_800_000), min_size=1))
def test_float_seconds_give_back_the_milliseconds_they_were_made_from(ms):
    column = pa.array([value / 1000.0 for value in ms])

    assert read_times(column, "s").ms.tolist() == ms


@given(
    st.one_of(
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)).map(lambda v: pa.array(v, "int64")),
        st.lists(st.none() | st.floats()).map(lambda v: pa.array(v, "float64")),
        st.lists(st.none() | st.booleans()).map(lambda v: pa.array(v, "bool")),
        st.lists(st.none() | st.text() | st.text("0123456789.+-eTZ:")).map(
            lambda v: pa.array(v, "string")
        ),
        st.integers(0, 5).map(pa.nulls),
    ),
    st.sampled_from(["s", "ms", "us", "ns", "iso"]),
)
def test_any_column_is_read_or_says_why_not(column, unit):
    times = read_times(column, unit)
    recognise_unit(column)

    assert len(times.ms) == len(times.problem) == len(column)
    assert ((times.problem == MISSING) == np.array([v is None for v in column.to_pylist()])).all()


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([1540726486, 1540726487], "s"),
        ([1540726486.041], "s"),
        ([MS], "ms"),
        ([MS * 1000], "us"),
        ([MS * 1_000_000], "ns"),
        (["1540726486041"], "ms"),
        (["2018-10-28T11:34:46.041Z"], "iso"),
        (["2018-10-28 11:34:46"], "iso"),
        ([0, 1000], "ms"),
        ([0.5, 1.5], "s"),
        ([None, MS], "ms"),
    ],
)
def test_a_unit_is_recognised_by_form_and_size(values, unit):
    assert recognise_unit(pa.array(values)) == unit


@pytest.mark.parametrize("column", [pa.array(["a", "b"]), pa.array([True]), pa.nulls(2)])
def test_what_is_no_time_has_no_unit(column):
    assert recognise_unit(column) is None
