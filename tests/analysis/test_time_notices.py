"""What a page says of a topic's times before any figure, from records as files have them."""

import json

import numpy as np
import pytest

from lib.analysis.of_topic import NO_DELAY_TOLD, notices_of, verdict_of, why_no_delay
from lib.analysis.time_notices import diagnosis_of, time_notices
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import UploadedTopic

START = 1_704_164_650_220  # 2024-01-02T03:04:10.220Z
HOUR = 3_600_000
FIVE = "abcde"


def said(event_of, *, received_of=lambda _, received: {"received_at": received}):
    """What is said of 100 events of five clients, received 50 to 89 ms after they happened."""
    records = []
    for number in range(100):
        happened, client = START + 700 * number, FIVE[number % 5]
        received = happened + 50 + number * 7 % 40
        time = event_of(number, client, happened)
        records.append({"client": client, "ts": time, **received_of(number, received)})
    lines = "".join(f"{json.dumps(record)}\n" for record in records).encode()
    topic = load(UploadedTopic("t.jsonl", lines), "t", Everything())
    found = time_notices(
        topic.contents, topic.fields, topic.recognition, diagnosis_of(topic.events)
    )
    return [notice.sentence for notice in found]


def test_an_abbreviation_of_several_zones_is_said_to_ask_for_one():
    sentences = said(
        lambda _n, _c, t: f"{stamp(t)} IST",
        received_of=lambda _, r: {"received_at": f"{stamp(r)} IST"},
    )

    assert sentences[0] == (
        "Event time ts: 100 times with an abbreviation that does not name one zone, as IST and CST "
        "do not: rejected. Choose the time zone of clients under Fields in the sidebar."
    )
    assert sentences[1].startswith("Received time received_at: 100 times with an abbreviation")
    assert sentences[1].endswith(
        "Choose the time zone of received times under Fields in the sidebar."
    )


def stamp(ms):
    return str(np.datetime64(ms, "ms"))


def as_it_is(_number, _client, happened):
    return happened


def test_of_good_times_nothing_is_said():
    assert said(as_it_is) == []


@pytest.mark.parametrize(
    ("unit", "factor"), [("seconds", 0.001), ("microseconds", 1_000), ("nanoseconds", 1_000_000)]
)
def test_a_client_that_writes_another_unit_is_named(unit, factor):
    sentences = said(lambda _n, client, t: int(t * factor) if client == "b" else t)

    assert sentences == [f"Event time ts is read as milliseconds; of b as {unit}."]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (lambda t: t / 1_000, "seconds"),
        (lambda t: f"{np.datetime64(t, 'ms')}Z", "ISO 8601, year first"),
    ],
)
def test_a_form_that_changes_with_time_is_said(written, label):
    """Given events that are written in another form from the sixtieth of a hundred on."""
    change = START + 700 * 60
    sentences = said(
        lambda _n, _c, t: written(t) if t >= change else t,
        received_of=lambda _, r: {"received_at": written(r) if r >= change else r},
    )

    also = f"is read as milliseconds; 40 values, which are written otherwise, as {label}."
    assert sentences == [f"Event time ts {also}", f"Received time received_at {also}"]


def test_seconds_among_milliseconds_are_said_to_be_less_fine():
    (sentence,) = said(lambda n, _c, t: t // 1_000 if n >= 60 else t)

    assert sentence.endswith(
        "as seconds. In one form they are whole seconds, in another not: delays are up to 1 s off "
        "there, and clocks may seem to change."
    )


@pytest.mark.parametrize("time", [lambda n: n / 10, lambda n: f"{n % 24:02}:{n % 60:02}:10"])
def test_where_only_the_received_time_is_a_time_it_is_not_offered_as_the_events(time):
    (sentence,) = said(lambda number, _client, _t: time(number))

    assert sentence == (
        "No event time was found: no field of the records but the received time, received_at, "
        "holds times of our age in a form that is read."
    )


@pytest.mark.parametrize(("written", "unit_ms"), [("seconds", 1_000), ("minutes", 60_000)])
def test_received_times_that_are_coarser_than_event_times_are_said_to_be(written, unit_ms):
    def coarse(_number, received):
        return {"received_at": received // unit_ms * unit_ms}

    (sentence,) = said(as_it_is, received_of=coarse)

    assert sentence.startswith(f"Received times are whole {written}: a delay may be up to 1 ")


def test_record_timestamps_that_are_coarser_than_event_times_are_said_to_be():
    # Given records as mosquitto_sub prints them, whose times of receipt are whole seconds
    times = [1_704_164_650_123 + 1_737 * n for n in range(50)]
    lines = "".join(f'{stamp(t // 1_000 * 1_000)} a {{"ts": {t}}}\n' for t in times)
    topic = load(UploadedTopic("t.txt", lines.encode()), "t", Everything())

    found = time_notices(
        topic.contents, topic.fields, topic.recognition, diagnosis_of(topic.events)
    )

    assert any(n.sentence.startswith("Received times are whole seconds: ") for n in found)


@pytest.mark.parametrize(("written", "unit_ms"), [("seconds", 1_000), ("minutes", 60_000)])
def test_event_times_that_are_coarser_than_received_times_are_said_to_be(written, unit_ms):
    (sentence,) = said(lambda _n, _c, t: t // unit_ms * unit_ms)

    one = "1 s" if written == "seconds" else "1 min"
    assert sentence == (
        f"Event times are whole {written}: a delay may be up to {one} shorter than is shown."
    )


def ten_minutes_apart(number, received):
    return {"received_at": received + number * 600_000}


@pytest.mark.parametrize(
    ("unit_ms", "written"),
    [
        (3_600_000, "whole hours: a delay may be up to 1 h"),
        (900_000, "multiples of 15 min: a delay may be up to 15 min"),
        (300_000, "multiples of 5 min: a delay may be up to 5 min"),
        (100_000, "multiples of 100 s: a delay may be up to 100 s"),
    ],
)
def test_how_coarse_event_times_are_is_said_to_the_hour(unit_ms, written):
    (sentence,) = said(
        lambda number, _c, t: (t + number * 600_000) // unit_ms * unit_ms,
        received_of=ten_minutes_apart,
    )

    assert sentence == f"Event times are {written} shorter than is shown."


def test_times_in_single_precision_are_said_to_tell_nothing():
    # Given epoch seconds that somebody held in floats of 32 bits
    (sentence,) = said(
        lambda number, _c, t: float(np.float32(t // 1000 + number * 600)),
        received_of=ten_minutes_apart,
    )

    assert sentence.startswith("All event times are multiples of 128 s: floats of 32 bits, in ")


def test_received_times_in_single_precision_are_said_once_and_to_mean_little():
    rows = "".join(
        json.dumps({"client": FIVE[n % 5], "ts": 1000 * (s := START // 1000 + 600 * n + n % 7),
                    "received_at": float(np.float32(s))}) + "\n"
        for n in range(100)
    )  # fmt: skip
    topic = load(UploadedTopic("t.jsonl", rows.encode()), "t", Everything())
    diagnosis = diagnosis_of(topic.events)

    (notice,) = notices_of(topic, diagnosis)

    assert notice.sentence.startswith("All received times are multiples of 128 s: floats of 32 ")
    assert why_no_delay(verdict_of(topic, diagnosis)) == NO_DELAY_TOLD


@pytest.mark.parametrize("fine", [{}, {99: 1}])
def test_of_times_that_are_as_coarse_as_each_other_nothing_is_said(fine):
    def coarse(number, received):
        return {"received_at": received // 1_000 * 1_000 + fine.get(number, 0)}

    sentences = said(lambda _n, _c, t: t if fine else t // 1_000 * 1_000, received_of=coarse)

    assert sentences == []


def test_the_zone_to_choose_is_told_as_links_and_options_take_it():
    """Given local times of UTC+05:30 that are written as UTC."""
    ahead = 5 * 3_600_000 + 1_800_000

    (sentence,) = said(lambda _n, _c, t: f"{stamp(t + ahead)}Z")

    assert "choose +05:30 (in links and --fields +05:30!), or a place there, as the" in sentence


@pytest.mark.parametrize(("names", "which"), [((), ""), (("storedAt",), " (storedAt may)")])
def test_without_a_received_time_other_times_are_named(names, which):
    (sentence,) = said(as_it_is, received_of=lambda _, r: dict.fromkeys(names, r + 9_000))

    assert sentence.startswith("There is no received time in this topic, ")
    assert f"If a field holds it{which}, choose it under Fields" in sentence


def test_a_received_time_whose_day_and_month_are_not_told_is_said_to_be_there():
    far_ms = 5 * 24 * HOUR

    (sentence,) = said(
        lambda _n, _c, t: t - far_ms,
        received_of=lambda number, _: {"received_at": f"1/2/2024 3:04:{number // 2:02} AM"},
    )

    assert sentence == (
        "There is no received time that can be read: received_at can be read as day/month/year or "
        "month/day/year; the values do not tell which. So delay, outages, clocks and late events "
        "cannot be told. Choose how it is written under Fields in the sidebar."
    )


def test_another_field_that_may_hold_the_received_times_of_the_others_is_named():
    def received(number, ms):
        return {"received_at": ms} if number % 2 else {"receivedAt": ms}

    (sentence,) = said(as_it_is, received_of=received)

    assert sentence == (
        "50 of 100 events have no received time: left out of delays, outages and clocks. If "
        "received_at has theirs, choose it, too, to be taken in order, under Fields in the sidebar."
    )


def test_where_there_is_no_time_at_all_it_is_said():
    (sentence,) = said(lambda number, *_: number / 10, received_of=lambda *_: {})

    assert sentence == (
        "No event time was found: no field of the records holds times of our age in a form that is "
        "read, and there is no received time either."
    )


def test_two_fields_of_which_each_record_has_one_are_offered_both():
    either = ("ts", "at")
    sentences = said(
        lambda number, _client, t: None if number % 2 else t,
        received_of=lambda n, r: {"received_at": r, either[n % 2]: r - 60},
    )

    assert sentences[0].startswith("No event time was found that holds for nearly all records:")
    assert "ts is in 50 %, at is in 50 %" in sentences[0]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        (("updated_at",), "updated_at is another time. If it is"),
        (("updated_at", "expires"), "updated_at, expires are other times. If one of them is"),
    ],
)
def test_times_that_are_called_something_else_are_said_to_be(others, told):
    (sentence,) = said(
        lambda number, *_: number / 10,
        received_of=lambda _, r: {"received_at": r, **dict.fromkeys(others, r + 9000)},
    )

    assert sentence == (
        f"No event time was found: by name, {told} the event time, choose it under Fields in the "
        "sidebar."
    )


def test_a_field_that_all_records_have_is_not_said_to_be_lacking():
    (sentence,) = said(
        lambda number, _client, t: None if number % 5 else t, received_of=lambda _, r: {"x": r}
    )

    assert sentence.startswith("No event time was found for sure: ts is in 20 %, x is in 100 %.")


@pytest.mark.parametrize(
    ("event", "cause", "choose"),
    [
        (lambda t: t, "they are local times of UTC-05:00 whose zone is missing", "-05:00"),
        (
            lambda t: f"{stamp(t)}Z",
            "they are local times of UTC-05:00 whose zone is missing",
            "-05:00",
        ),
        (stamp, "neither is written with a zone", "+05:00, or a place there, as the clients'"),
    ],
    ids=["numbers", "UTC", "local"],
)
def test_received_times_without_a_zone_are_not_blamed_on_the_event_times(event, cause, choose):
    (sentence,) = said(
        lambda _n, _c, t: event(t),
        received_of=lambda _, received: {"received_at": stamp(received - 5 * HOUR)},
    )

    assert cause in sentence
    assert f"To correct them choose {choose}" in sentence
    assert "-05:00, or a place there, as the time zone of received times" in sentence


@pytest.mark.parametrize(("ahead_h", "zone"), [(1, "+01:00"), (5.5, "+05:30"), (-3, "-03:00")])
def test_a_zone_that_all_lack_is_said_with_the_correction(ahead_h, zone):
    (sentence,) = said(lambda _n, _c, t: t + round(ahead_h * 3_600_000))

    assert f"UTC{zone}" in sentence
    assert f"To correct them choose {zone}" in sentence


def test_event_times_that_are_all_the_same_are_said_to_be():
    (sentence,) = said(lambda *_: START)

    assert sentence.startswith("All event times are the same, 2024-01-02 03:04:10.220")


@pytest.mark.parametrize("unknown", [None, 0, "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_events_without_a_received_time_are_counted_and_left_out(unknown):
    written = [unknown] if isinstance(unknown, str) else []

    def received(number, at):
        if number % 20 == 7:
            return {"received_at": unknown}
        second, ms = at // 1000 % 60, at % 1000
        text = f"2024-01-02T03:{4 + number // 60:02}:{second:02}.{ms:03}Z"
        return {"received_at": text if written else at}

    assert said(as_it_is, received_of=received) == [
        "5 of 100 events have no received time: left out of delays, outages and clocks."
    ]


def test_without_a_received_time_what_cannot_be_told_is_said():
    (sentence,) = said(as_it_is, received_of=lambda *_: {})

    assert sentence.startswith("There is no received time in this topic, so delay, outages, clocks")
