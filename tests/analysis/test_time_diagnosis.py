"""What is wrong with times as a whole; and that nothing is said of ordinary traffic."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.analysis.time_diagnosis import diagnosed
from lib.core.blockwise import answered
from lib.core.times import diagnosis
from lib.core.times.reading import read_times

START = 1704164650000  # 2024-01-02T03:04:10Z
HOUR = 3_600_000
DAY = 24 * HOUR
YEAR = 365 * DAY
CLIENTS = np.repeat(np.arange(4), 50)


def diagnose(event_ms, received_ms, **known):
    return answered(diagnosed(event_ms, received_ms, **known))


@pytest.fixture
def received():
    """Four clients' received times over some minutes."""
    return START + np.arange(200) * 1731


@pytest.fixture
def events(received):
    """Event times 0.2 to 0.3 s before them."""
    return received - 200 - np.arange(200) % 100


def test_ordinary_times_are_in_order(events, received):
    assert diagnose(events, received, form="ms", groups=CLIENTS) is None
    assert diagnose(events, received) is None


@pytest.mark.parametrize(
    ("offset_ms", "zone"),
    [
        (HOUR, "+01:00"),
        (2 * HOUR, "+02:00"),
        (5.5 * HOUR, "+05:30"),
        (5.75 * HOUR, "+05:45"),
        (14 * HOUR, "+14:00"),
        (-5 * HOUR, "-05:00"),
        (-3.5 * HOUR, "-03:30"),
    ],
)
@pytest.mark.parametrize("groups", [None, CLIENTS])
def test_a_missing_zone_is_told_by_its_offset(events, received, offset_ms, zone, groups):
    found = diagnose(events + int(offset_ms), received, groups=groups)

    assert (found.kind, found.zone) == ("zone", zone)
    assert f"UTC{zone}" in found.sentence


@pytest.mark.parametrize("hours", [-10, -5, -3.5, 1, 5.5, 5.75, 13])
def test_the_zone_that_received_times_lack_sets_them_right(events, received, hours):
    """Given received times that are what a clock on the wall shows, taken for UTC."""
    offset = int(hours * HOUR)
    local = np.datetime_as_string((received + offset).astype("datetime64[ms]"))
    read = read_times(pa.array(local.tolist()), "iso").ms

    found = diagnose(events, read, groups=CLIENTS, as_utc=(0, len(events)))

    assert (found.kind, found.zone) == ("zone", None)
    assert found.sentence.startswith("Received times are")
    zone = found.received_zone
    assert read_times(pa.array(local.tolist()), "iso", zone=zone).ms.tolist() == received.tolist()


def test_where_both_lack_a_zone_either_may_be_wrong(events, received):
    many = len(events)

    found = diagnose(events + 5 * HOUR, received, as_utc=(many, many))
    assert (found.zone, found.received_zone) == ("+05:00", "-05:00")
    only = diagnose(events - int(5.75 * HOUR), received, as_utc=(many, many))
    assert (only.zone, only.received_zone) == (None, "+05:45")  # no zone is at -05:45
    assert diagnose(events - int(5.75 * HOUR), received) is None


def test_the_zone_that_is_told_sets_it_right(events, received):
    local = np.datetime_as_string((events + HOUR).astype("datetime64[ms]"))
    column = pa.array(local.tolist())

    zone = diagnose(read_times(column, "iso").ms, received).zone

    assert read_times(column, "iso", zone=zone).ms.tolist() == events.tolist()


def test_the_zone_of_times_that_name_a_wrong_one_sets_them_right(events, received):
    local = np.datetime_as_string((events + HOUR).astype("datetime64[ms]"), timezone="UTC")
    column = pa.array(local.tolist())  # written as UTC, with a Z

    found = diagnose(read_times(column, "iso").ms, received, names_zone=True)

    assert "local times of a zone 1 h east of the one that is written" in found.sentence
    assert "(UTC+01:00, if that is UTC)" in found.sentence
    assert read_times(column, "iso", zone="+01:00").ms.tolist() == (events + HOUR).tolist()
    assert read_times(column, "iso", zone=found.zone).ms.tolist() == events.tolist()


def test_the_zone_that_is_written_need_not_be_utc(events, received):
    """Given summer time at UTC+02:00, and +01:00 behind it as in winter."""
    local = np.datetime_as_string((events + 2 * HOUR).astype("datetime64[ms]"))
    column = pa.array([f"{text}+01:00" for text in local])

    found = diagnose(read_times(column, "iso").ms, received, names_zone=True)

    assert "they are local times of UTC+01:00" not in found.sentence
    assert "local times of a zone 1 h east of the one that is written" in found.sentence
    assert read_times(column, "iso", zone=found.zone).ms.tolist() == events.tolist()


def test_a_zone_is_missing_although_a_client_held_events_back(events, received):
    late = np.where((np.arange(200) % 50 > 30), 40 * 60_000, 0)  # four in ten, by 40 min

    assert diagnose(events + HOUR - late, received, groups=CLIENTS).zone == "+01:00"


def test_that_all_are_behind_has_two_causes_and_both_are_said(events, received):
    assert "or every record is sent that long after" in diagnose(events - HOUR, received).sentence
    assert " or " not in diagnose(events + HOUR, received).sentence


def test_the_offsets_are_those_that_zones_have():
    offsets = {
        datetime(year, month, 1, tzinfo=ZoneInfo(name)).utcoffset() / timedelta(minutes=15)
        for name in available_timezones()
        for year in (2000, 2005, 2010, 2015, 2020, 2025)
        for month in (1, 4, 7, 10)
    }

    assert offsets <= {0, *diagnosis._OFFSETS.tolist()}


@pytest.mark.parametrize(
    ("form", "read_as"),
    [
        ("dotnet_ticks", "ns"),
        ("filetime", "ns"),
        ("apple_s", "s"),
        ("apple_ns", "ns"),
        ("gps_s", "s"),
        ("ntp_s", "s"),
        ("excel_days", "ms"),
        ("julian_days", "s"),
        ("webkit_us", "us"),
        ("s", "ms"),
        ("ms", "us"),
        ("us", "ms"),
    ],
)
def test_another_epoch_or_unit_is_told(events, received, form, read_as):
    written = {
        "dotnet_ticks": (events + 62_135_596_800_000) * 10_000,
        "filetime": (events + 11_644_473_600_000) * 10_000,
        "apple_s": (events - 978_307_200_000) / 1000,
        "apple_ns": (events - 978_307_200_000) * 1_000_000,
        "gps_s": (events - 315_964_800_000 + 18_000) / 1000,
        "ntp_s": (events + 2_208_988_800_000) / 1000,
        "excel_days": events / 86_400_000 + 25_569,
        "julian_days": events / 86_400_000 + 2_440_587.5,
        "webkit_us": (events + 11_644_473_600_000) * 1000,
        "s": events // 1000,
        "ms": events,
        "us": events * 1000,
    }[form]
    misread = read_times(pa.array(written), read_as).ms

    found = diagnose(misread, received, form=read_as, groups=CLIENTS)

    assert (found.kind, found.form) == ("epoch", form)
    right = read_times(pa.array(written), found.form).ms
    assert np.abs(right - events).max() <= (1000 if form == "s" else 1)


def test_case_b08_ticks_are_not_of_1990_without_a_word():
    ticks = pa.array(638397614500000000 + np.arange(12) * 50_000_000)
    received = START + 220 + np.arange(12) * 5000

    found = diagnose(read_times(ticks, "ns").ms, received, form="ns")

    assert found.form == "dotnet_ticks"
    assert found.sentence == (
        "Read as nanoseconds, event times are 33.8 years before the received times; read as .NET "
        "ticks: 100 ns since year 1, they agree with them."
    )


@pytest.mark.parametrize(
    ("shift", "kind"), [(-30 * YEAR, "far"), (30 * YEAR, "far"), (-8 * YEAR, None)]
)
def test_times_decades_off_that_nothing_explains_are_said_to_be(events, received, shift, kind):
    found = diagnose(events + shift, received, form="iso")

    assert (found and found.kind) == kind


@pytest.mark.parametrize(
    ("ms", "written"), [(START, "2024-01-02 03:04:10.000"), (0, "1970-01-01 00:00:00.000")]
)
def test_all_equal_times_are_said_to_be(received, ms, written):
    found = diagnose(np.full(200, ms), received, form="ms")

    assert found.kind == "equal"
    assert written in found.sentence


def test_case_b05_dates_without_a_time_of_day_are_said_to_be(received):
    assert diagnose(received // DAY * DAY, received, form="iso").kind == "dates"


@pytest.mark.parametrize("reference", [0, 1, START // 1000, 30 * START])
def test_times_of_our_age_are_not_judged_by_times_of_another(events, reference):
    assert diagnose(events, np.full(len(events), reference), form="ms") is None


def test_times_in_the_future_are_said_to_be(events, received):
    found = diagnose(events + 7 * 60_000, received)

    assert (found.kind, found.zone) == ("future", None)
    assert "by 7 min or more" in found.sentence


def test_times_that_are_all_ahead_by_a_clock_are_said_to_be(events, received):
    found = diagnose(events + 70_299, received)

    assert found.kind == "ahead"
    assert "by 70 s or more" in found.sentence
    assert "clocks are ahead, or that of the received times is behind" in found.sentence
    # But not where coarse received times make them so
    seconds = received // 60_000 * 60_000
    assert diagnose(seconds + 1500, seconds, units_ms=(1, 60_000)) is None


@pytest.mark.parametrize(("of_ms", "apart"), [(1, "131.072 s"), (1000, "128 s")])
def test_times_that_were_held_in_single_precision_are_said_to_tell_nothing(of_ms, apart):
    # Given times that a float of 32 bits counts in ms, or in seconds
    right = START + np.arange(100) * 60_299
    held = (right / of_ms).astype(np.float32).astype(np.int64) * of_ms
    unit = int(np.gcd.reduce(held))

    of_events = diagnose(held, right, units_ms=(unit, 1))
    of_received = diagnose(right, held, units_ms=(1, unit))

    for which, found in (("event", of_events), ("received", of_received)):
        assert (found.kind, found.tells_nothing) == ("single", True)
        assert found.of_received == (which == "received")
        assert found.sentence.startswith(f"All {which} times are multiples of {apart}: floats of ")


def test_clocks_that_are_ahead_are_said_to_be_where_too_few_are_not_to_call_those_right():
    # Given ten clients with 20 events each, of which nine are a minute ahead
    client = np.repeat(np.arange(10), 20)
    received = START + np.arange(200) * 1731
    events = received - 200 + 60_000 * (client < 9)

    found = diagnose(events, received, groups=client)

    assert (found.kind, found.tells_nothing) == ("ahead", False)
    assert found.sentence.startswith("180 of 200 events were received 1 s or more before they ")
    # Of seven of ten the clocks are told one by one
    assert diagnose(received - 200 + 60_000 * (client < 7), received, groups=client) is None


@pytest.mark.parametrize("count", [0, 1, 4])
def test_few_records_tell_nothing(events, received, count):
    assert diagnose(events[:count] + HOUR, received[:count]) is None


@st.composite
def traffic(draw):
    """Draw ordinary traffic: delays, some of days; outages; and at most a few wrong clocks."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    clients, each = draw(st.integers(3, 12)), draw(st.integers(5, 60))
    client = np.repeat(np.arange(clients), each)
    event = START + rng.integers(0, draw(st.sampled_from([60_000, HOUR, 30 * DAY])), len(client))
    transit = rng.exponential(draw(st.sampled_from([50, 2000, 20_000])), len(client))
    late = rng.random(len(client)) < draw(st.sampled_from([0, 0.1, 0.5]))
    held_back = late * rng.uniform(0, draw(st.sampled_from([60_000, HOUR, 3 * DAY])), len(client))
    offset = np.zeros(clients)
    wrong = draw(st.integers(0, clients // 3))
    offset[:wrong] = draw(st.sampled_from([HOUR, -HOUR, 5.5 * HOUR, 3_599_800, 40_000, -90_000]))
    received = event + transit + held_back
    return (event + offset[client]).astype(np.int64), received.astype(np.int64), client


@given(traffic())
def test_nothing_is_said_of_ordinary_traffic(drawn):
    event, received, client = drawn

    assert diagnose(event, received, form="ms", groups=client) is None
    assert diagnose(event, received, form="ms") is None


@given(traffic(), st.sampled_from([1, 2, 5.5, 5.75, 9, -3.5, -8]))
def test_a_zone_that_all_lack_is_found_whenever_the_events_are(drawn, hours):
    event, _, client = drawn
    received = event + 200 + (np.arange(len(event)) % 7) * 30

    found = diagnose(event + int(hours * HOUR), received, form="iso", groups=client)

    zone = timezone(timedelta(hours=hours))
    assert f"UTC{found.zone}" == zone.tzname(None)


times = st.lists(st.integers(-(2**61), 2**61), max_size=8)


@given(times, st.data())
def test_any_times_have_an_answer(event, data):
    reference = data.draw(st.lists(st.integers(0, 2**42), min_size=len(event), max_size=len(event)))

    found = diagnose(np.array(event, np.int64), np.array(reference, np.int64), form="ms")

    assert found is None or found.sentence.endswith(".")
