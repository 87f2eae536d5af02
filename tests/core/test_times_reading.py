"""Times in every form, as epoch milliseconds, against truth that Python's library gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.times.forms import FORMS, NUMBERS
from lib.core.times.reading import (
    MISSING,
    NOT_A_TIME,
    READABLE,
    UNCLEAR_ZONE,
    read_times,
    read_times_by_group,
)
from lib.core.times.two_columns import date_and_time, seconds_and_fraction

MS = 1704164650398  # 2024-01-02T03:04:10.398Z
SECOND = 1704164650000
MIDNIGHT = 1704153600000


def read(values, form, **options):
    times = read_times(pa.array(values), form, **options)
    return [
        int(ms) if problem == READABLE else None
        for ms, problem in zip(times.ms, times.problem, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2024-01-02 03:04:10,398", MS),
        ("2024-01-02T03:04:10.398UTC", MS),
        ("2024-01-02 03:04:10.398 GMT", MS),
        ("2024-01-02 04:04:10.398+01", MS),
        ("2024-01-02 04:04:10.398 +01:00", MS),
        ("2024-01-02T04:04:10.398 GMT+01:00", MS),
        ("2024-01-01T22:04:10.398\u221205:00", MS),
        ("2024-01-02T08:49:10.398+05:45", MS),
        ("2024-01-02T04:04:10.398[Europe/Berlin]", MS),
        ("2024-01-02 04:04:10.398 Europe/Berlin", MS),
        ("2024-01-02 04:04:10.398 CET", MS),
        ("2024-01-01 22:04:10.398 EST", MS),
        ("2024-01-02 04:04:10.398 +0100 +0100", MS),
        ("2024-01-02T03:04:10.398+0000[Z]", MS),
        ("2024/1/2 3:04:10 am", SECOND),
        ("2024-01-02 3:04:10.398 AM", MS),
        ("2024-01-01 12:00 AM", 1704067200000),
        ("2024-01-01 12:00 PM", 1704110400000),
        ("2024.01.02 03:04:10", SECOND),
        ("2024-01-02T03:04:10.3Z", 1704164650300),
        ("2024-01-02T03:04:10.39Z", 1704164650390),
        ("2024-01-02T03:04:10.398999999Z", MS),
        ("2024-01-02T03:04:10.398999999999Z", MS),
        ("2024-01-02T03:04Z", 1704164640000),
        ("2024-01-02T03Z", 1704164400000),
        ("2024-01-02", MIDNIGHT),
        ("2024-01-02Z", MIDNIGHT),
        ("2024-01-01T24:00:00Z", MIDNIGHT),
        ("2016-12-31T23:59:60Z", 1483228800000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("20240102T030410,398Z", MS),
        ("20240102T040410+0100", SECOND),
        ("20240102 030410", SECOND),
        ("2024W012T030410Z", SECOND),
        ("2024-W01-2", MIDNIGHT),
        ("2020-W53-5", 1609459200000),
        ("2024-366T00:00Z", 1735603200000),
        ("2024002T030410Z", SECOND),
        ('"2024-01-02T03:04:10.398Z"', MS),
    ],
)
def test_a_time_with_the_year_first_is_read(text, ms):
    assert read([text], "iso") == [ms]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2 Jan 2024 03:04:10 GMT", SECOND),
        ("Tue, 2 Jan 2024 04:04:10 +0100 (CET)", SECOND),
        ("Mon, 01 Jan 2024 22:04:10 EST", SECOND),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777000),
        ("Sun Nov  6 08:49:37 1994", 784111777000),
        ("[02/Jan/2024:04:04:10 +0100]", SECOND),
        ("Tue Jan 02 04:04:10 +0100 2024", SECOND),
        ("Tue Jan  2 03:04:10 UTC 2024", SECOND),
        ("Tue 02 Jan 2024 03:04:10 AM UTC", SECOND),
        ("January 2, 2024 at 3:04:10 AM UTC", SECOND),
        ("Jan 2, 2024, 3:04:10\u202fAM", SECOND),
        ("Jan 2, 2024 @ 03:04:10.398", MS),
        ("January 2nd 2024, 03:04:10.398", MS),
        ("02-Jan-2024 03:04:10.398", MS),
        ("2 SEPTEMBER 2024", 1725235200000),
        ("2024-Jan-02 03:04:10", SECOND),
    ],
)
def test_a_time_with_the_month_by_name_is_read(text, ms):
    assert read([text], "named_month", around=ms) == [ms]


@pytest.mark.parametrize(
    ("text", "form", "ms"),
    [
        ("02/01/2024 03:04:10", "day_first", SECOND),
        ("01/02/2024 03:04:10", "month_first", SECOND),
        ("1/2/2024, 3:04:10 AM", "month_first", SECOND),
        ("02-01-2024 03:04", "day_first", 1704164640000),
        ("02.01.2024", "day_first", MIDNIGHT),
        ("02/01/2024 04:04:10.398 +0100", "day_first", MS),
        ("13/01/2024", "month_first", None),
        ("01/13/2024", "day_first", None),
        ("20240102", "compact", MIDNIGHT),
        ("202401020304", "compact", 1704164640000),
        ("20240102030410.398", "compact", MS),
        ("20240102040410+0100", "compact", SECOND),
        ("20240102030410398", "compact", MS),
        (20240102030410, "compact", SECOND),
        (20240102030410.0, "compact", SECOND),
        (20240102030410.5, "compact", None),
        ("[2024, 1, 2, 3, 4]", "java_array", 1704164640000),
        ("[2024,1,2,3,4,10]", "java_array", SECOND),
        ("[2024,1,2]", "java_array", MIDNIGHT),
        ("/Date(1704164650398)/", "dotnet_date", MS),
        ("/Date(1704164650398-0500)/", "dotnet_date", MS),
        ('{"$date":1704164650398}', "mongo_date", MS),
        ('{ "$date" : { "$numberLong" : "-1" } }', "mongo_date", -1),
        ('{"nanos":398000000,"seconds":"1704164650"}', "seconds_nanos", MS),
        ('{"_seconds":1704164650,"_nanoseconds":398000000}', "seconds_nanos", MS),
        ('{"epochSecond":1704164650,"nano":398000000}', "seconds_nanos", MS),
        ('{"seconds":1704164650}', "seconds_nanos", SECOND),
        ("1704164650398123", "us", MS),
        ("1704164650398123456", "ns", MS),
        ("1704164650.398", "s", MS),
        (1.704164650398e9, "s", MS),
        ("1.704164650398E9", "s", MS),
        (19724, "days", MIDNIGHT),
        (638397614503980000, "dotnet_ticks", MS),
        (638397614503980000.0, "dotnet_ticks", MS),
        (133486382503980000, "filetime", MS),
        (133486382503980000.0, "filetime", MS),
        (13348638250398000, "webkit_us", MS),
        (725857450.398, "apple_s", MS),
        (725857450398000000, "apple_ns", MS),
        (1167264018, "gps_s", 1483228800000),  # 2017-01-01, after the last leap second
        (1167264016, "gps_s", 1483228799000),  # 2016-12-31T23:59:59
        (0, "gps_s", 315964800000),
        (46828799, "gps_s", 362793599000),  # 1981-06-30T23:59:59, before the first
        (46828801, "gps_s", 362793600000),  # 1981-07-01
        (3913153450, "ntp_s", SECOND),
        (45293.127898125, "excel_days", MS),
        (45293, "excel_days", MIDNIGHT),
        (2460311.627898125, "julian_days", MS),
    ],
)
def test_a_time_in_another_form_is_read(text, form, ms):
    assert read([text], form, around=SECOND if ms is None else ms) == [ms]


def test_java_arrays_with_milliseconds_are_told_from_those_with_nanoseconds():
    assert read(["[2024,1,2,3,4,10,398]", "[2024,1,2,3,4,10,7]"], "java_array") == [
        MS,
        1704164650007,
    ]
    assert read(["[2024,1,2,3,4,10,398000000]", "[2024,1,2,3,4,10,7]"], "java_array") == [
        MS,
        SECOND,
    ]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024-02-30T00:00:00Z", "iso"),
        ("2023-02-29", "iso"),
        ("2024-01-02T25:00:00Z", "iso"),
        ("2024-01-02T24:00:01Z", "iso"),
        ("2024-01-02T03:60:00Z", "iso"),
        ("2024-01-02T03:04:60Z", "iso"),
        ("2024-01-02 03:04:10,398 +19:00", "iso"),
        ("2024-01-02T03:04:10+01:75", "iso"),
        ("2024-01-02T03:04:10[Europe/Atlantis]", "iso"),
        ("2024-01-02 13:04:10 PM", "iso"),
        ("2024-W54-1", "iso"),
        ("2024-W53-1", "iso"),
        ("2023-366T00:00Z", "iso"),
        ("2024-01-02 03:04:10 Z trailing", "iso"),
        ("Jan  2 03:04:10", "named_month"),
        ("31 Feb 2024 00:00:00", "named_month"),
        ("Tue, 02 Foo 2024 03:04:10 GMT", "named_month"),
        ("01/02/24", "day_first"),
        ("20241302000000", "compact"),
        ("[2024,13,2]", "java_array"),
        ('{"$date":"soon"}', "mongo_date"),
        ('{"$date":null}', "mongo_date"),
        ('{"seconds":1,"nanos":0,"more":2}', "seconds_nanos"),
    ],
)
def test_what_is_on_no_calendar_or_clock_is_no_time(text, form):
    assert read([text], form) == [None]


@pytest.mark.parametrize("zone", ["CST", "IST", "BST", "AST"])
def test_an_abbreviation_that_means_several_zones_is_not_guessed(zone):
    text = [f"Tue Jan 02 11:04:10 {zone} 2024"]

    assert read_times(pa.array([*text, "soon"]), "named_month").problem.tolist() == [
        UNCLEAR_ZONE,
        NOT_A_TIME,
    ]
    assert read(text, "named_month", zone="Asia/Shanghai") == [SECOND]


@pytest.mark.parametrize(
    ("text", "zone"),
    [("14:04:10", "AEDT"), ("13:04:10", "AEST"), ("00:04:10", "BRT"), ("11:04:10", "SGT")],
)
def test_an_abbreviation_of_one_zone_is_read(text, zone):
    assert read([f"2024-01-02 {text} {zone}"], "iso") == [SECOND]


def test_odd_forms_among_iso_times_are_read_too():
    values = ["2024-01-02T03:04:10.398Z", "soon", "2024-01-02 03:04:10,398", "2024/01/02", None]

    times = read_times(pa.array(values), "iso")

    assert times.problem.tolist() == [READABLE, NOT_A_TIME, READABLE, READABLE, MISSING]
    assert times.ms.tolist() == [MS, 0, MS, MIDNIGHT, 0]
    assert times.local == 2


@pytest.mark.parametrize(
    ("column", "local"),
    [
        (pa.array([MS], pa.timestamp("ms", "UTC")), 0),
        (pa.array([MS * 1000], pa.timestamp("us")), 1),
        (pa.array([MS * 1_000_000], pa.timestamp("ns", "Asia/Tokyo")), 0),
    ],
)
def test_timestamps_of_arrow_are_read(column, local):
    times = read_times(column, "iso")

    assert (times.ms.tolist(), times.local) == ([MS], local)


def test_dates_of_arrow_are_read():
    assert read(pa.array([19724], pa.date32()), "iso") == [MIDNIGHT]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["2024-01-02 03:04:10,398"] * 3).dictionary_encode(),
        pa.chunked_array([pa.array(["2024-01-02 03:04:10,398"]).dictionary_encode()] * 3),
        pa.array(["2024-01-02 03:04:10,398"] * 3, pa.large_string()),
    ],
)
def test_text_of_any_arrow_type_is_read(column):
    times = read_times(column, "iso")

    assert (times.ms.tolist(), times.local) == ([MS] * 3, 3)


@pytest.mark.parametrize("kind", [pa.uint64(), pa.int32(), pa.float32(), pa.decimal128(20, 0)])
def test_numbers_of_any_arrow_type_are_read(kind):
    assert read_times(pa.array([1_048_576]).cast(kind), "ms").ms.tolist() == [1_048_576]


def test_unsigned_numbers_that_no_int64_holds_are_no_times():
    column = pa.array([2**63], pa.uint64())

    assert read_times(column, "ms").problem.tolist() == [NOT_A_TIME]


def test_seconds_and_nanos_become_one_column():
    seconds = pa.array([1704164650, 1704164650, None, -1, 2**62])
    nanos = pa.array([398_999_999, None, 5, 999_000_000, 0])

    column = seconds_and_fraction(seconds, nanos)

    assert read_times(column, "ns", around=0).ms.tolist()[3] == -1
    assert column.to_pylist() == [
        1704164650_398_999_999,
        1704164650_000_000_000,
        None,
        -1_000_000,
        2**63 - 1,
    ]


@pytest.mark.parametrize("per_second", [1_000, 1_000_000, 1_000_000_000])
def test_seconds_and_a_fraction_become_one_column(per_second):
    seconds, fraction = pa.array([1704164650, 1704164651]), pa.array([398 * per_second // 1_000, 0])

    column = seconds_and_fraction(seconds, fraction, per_second)

    assert column.to_pylist() == [1704164650_398_000_000, 1704164651_000_000_000]


def test_seconds_as_text_and_nanos_as_floats_become_one_column():
    column = seconds_and_fraction(pa.array(["1704164650", "soon"]), pa.array([398e6, float("nan")]))

    assert column.to_pylist() == [1704164650_398_000_000, None]


@pytest.mark.parametrize(
    ("date", "time", "form"),
    [
        (pa.array(["2024-01-02"]), pa.array(["03:04:10"]), "iso"),
        (pa.array(["02.01.2024"]), pa.array(["03:04:10"]), "day_first"),
        (pa.array([20240102]), pa.array([30410]), "iso"),
        (pa.array([19724], pa.date32()), pa.array([11050], pa.time32("s")), "iso"),
    ],
)
def test_a_date_and_a_time_of_day_become_one_column(date, time, form):
    column = date_and_time(date, time)

    assert read_times(column, form).ms.tolist() == [SECOND]


def test_each_group_is_read_in_its_own_form():
    column = pa.array([MS, SECOND // 1000, None, MS + 1])

    times = read_times_by_group(column, np.array([7, 3, 3, 7]), "ms", {"s": np.array([3])})

    assert times.problem.tolist() == [READABLE, READABLE, MISSING, READABLE]
    assert times.ms.tolist() == [MS, SECOND, 0, MS + 1]


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime(1971, 1, 1), datetime(2099, 1, 1)  # noqa: DTZ001 - zones below
instants = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
offsets = st.integers(-14 * 4, 14 * 4).map(lambda q: timezone(timedelta(minutes=15 * q)))
moments = st.builds(lambda instant, zone: instant.astimezone(zone), instants, offsets)


def to_ms(time: datetime) -> int:
    return (time - EPOCH) // timedelta(milliseconds=1)


def whole_seconds(time: datetime) -> int:
    return to_ms(time) // 1000 * 1000


def with_comma(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="milliseconds").replace(".", ",")


def as_java(time: datetime) -> str:
    utc = time.astimezone(UTC)
    parts = [*utc.timetuple()[:6], utc.microsecond * 1000 or 1000]
    return f"[{','.join(map(str, parts))}]"


WRITERS = [
    ("iso", with_comma, to_ms),
    ("iso", lambda t: t.isoformat().lower(), to_ms),
    ("iso", lambda t: t.strftime("%Y-%m-%d %H:%M:%S.%f %z"), to_ms),
    ("iso", lambda t: t.strftime("%Y/%m/%d %I:%M:%S.%f %p %z"), to_ms),
    ("iso", lambda t: t.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ[UTC]"), to_ms),
    ("iso", lambda t: t.strftime("%G-W%V-%uT%H:%M:%S.%f%z"), to_ms),
    ("iso", lambda t: t.strftime("%Y-%jT%H:%M:%S.%f%z"), to_ms),
    ("iso", lambda t: t.strftime("%Y%m%dT%H%M%S.%f%z"), to_ms),
    ("named_month", format_datetime, whole_seconds),
    ("named_month", lambda t: t.strftime("%d/%b/%Y:%H:%M:%S %z"), whole_seconds),
    (
        "named_month",
        lambda t: t.astimezone(UTC).strftime("%a %b %d %H:%M:%S UTC %Y"),
        whole_seconds,
    ),
    ("named_month", lambda t: t.astimezone(UTC).ctime(), whole_seconds),
    ("named_month", lambda t: t.strftime("%A, %d-%B-%Y %I:%M:%S.%f %p %z"), to_ms),
    ("day_first", lambda t: t.strftime("%d/%m/%Y %H:%M:%S.%f %z"), to_ms),
    ("month_first", lambda t: t.strftime("%m-%d-%Y %I:%M:%S.%f %p %z"), to_ms),
    ("compact", lambda t: t.strftime("%Y%m%d%H%M%S.%f%z"), to_ms),
    ("compact", lambda t: t.astimezone(UTC).strftime("%Y%m%d%H%M%S%f"), to_ms),
    ("java_array", as_java, to_ms),
    ("dotnet_date", lambda t: f"/Date({to_ms(t)}+0200)/", to_ms),
    ("mongo_date", lambda t: f'{{"$date":"{t.isoformat()}"}}', to_ms),
    ("mongo_date", lambda t: f'{{"$date":{{"$numberLong":"{to_ms(t)}"}}}}', to_ms),
    (
        "seconds_nanos",
        lambda t: f'{{"seconds":{to_ms(t) // 1000},"nanos":{t.microsecond * 1000}}}',
        to_ms,
    ),
]


@pytest.mark.parametrize(("form", "write", "truth"), WRITERS)
@given(times=st.lists(moments, min_size=1, max_size=5))
def test_any_instant_reads_back_from_text(form, write, truth, times):
    texts = [write(time) for time in times]

    found = read_times(pa.array(texts), form, around=2_000_000_000_000)

    near = found.problem != NOT_A_TIME
    assert near.all(), texts
    readable = found.problem == READABLE
    assert found.ms[readable].tolist() == np.array([truth(t) for t in times])[readable].tolist()


@pytest.mark.parametrize("form", [form for form in NUMBERS if form.name != "gps_s"])
@given(ms=st.lists(st.integers(631_152_000_000, 2_500_000_000_000), min_size=1))
def test_any_millisecond_reads_back_from_a_count(form, ms):
    counts = [Fraction(value - form.zero_ms) / form.unit_ms for value in ms]
    exact = pa.array([count.numerator // count.denominator for count in counts])
    rounded = pa.array([float(count) for count in counts])

    if form.unit_ms <= 1:  # a coarser count needs a fraction
        assert read_times(exact, form.name, around=ms[0]).ms.tolist() == ms
        assert read_times(exact.cast(pa.string()), form.name, around=ms[0]).ms.tolist() == ms
    if form.name != "julian_days":  # a double holds 40 µs of it
        near = read_times(rounded, form.name, around=ms[0])
        assert near.ms.tolist() == ms


columns = st.one_of(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)).map(lambda v: pa.array(v, "int64")),
    st.lists(st.none() | st.floats()).map(lambda v: pa.array(v, "float64")),
    st.lists(st.none() | st.booleans()).map(lambda v: pa.array(v, "bool")),
    st.lists(st.none() | st.text() | st.text('0123456789.+-/eTZWC:,[]{}" ')).map(
        lambda v: pa.array(v, "string")
    ),
    st.lists(st.sampled_from([None, "2024-01-02", "13/01/2024", "9", "Jan 2"])).map(
        lambda v: pa.array(v, "string").dictionary_encode()
    ),
    st.integers(0, 5).map(pa.nulls),
)


@given(columns, st.sampled_from([*FORMS]), st.sampled_from([None, "Europe/Berlin", "-03:30"]))
def test_any_column_is_read_or_says_why_not(column, form, zone):
    times = read_times(column, form, zone=zone)

    assert len(times.ms) == len(times.problem) == len(column)
    assert ((times.problem == MISSING) == np.array([v is None for v in column.to_pylist()])).all()
    assert (times.ms[times.problem == NOT_A_TIME] == 0).all()


numbers_as_text = st.from_regex(r"\A[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}( [0-9:.]{1,12})?\Z")


@given(st.lists(numbers_as_text), st.sampled_from(["iso", "day_first", "month_first"]))
def test_anything_like_a_date_is_read_or_says_why_not(texts, form):
    assert len(read_times(pa.array(texts, "string"), form).ms) == len(texts)


def test_event_times_read_the_common_forms():
    assert read_times(pa.array(["2024-01-02 03:04:10,398"]), "iso").ms.tolist() == [MS]
