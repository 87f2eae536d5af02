"""Roles are recognised in what real systems write, or asked about; never silently wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lib.core.columns import CLIENT, EVENT_TIME, KEY, RECEIVED_TIME, SENT_TIME
from lib.decoding.json import JSON
from lib.events.fields import JOINED, RECORD_TIME_FIELD, TimeField
from lib.events.recognition import recognise
from lib.events.systems import SYSTEMS, known_system
from lib.events.table import build_events
from lib.sources.records import NO_TIMESTAMP
from tests.support.app import REPOSITORY
from tests.support.blocks import block
from tests.support.systems import SHAPES, Happening

START = 1_704_164_650_220


def happenings(clients=("dev-a", "dev-b", "dev-c"), each=20):
    """Events of three clients, one of which sends them in batches, in the order of receipt."""
    rng = np.random.default_rng(7)
    found = []
    for lane, client in enumerate(clients):
        for number in range(1, each + 1):
            event = START + 5_000 * number + 1_700 * lane + int(rng.integers(0, 900))
            sent = event + 30 if lane else START + 25_000 * (1 + (5 * number) // 25)
            received = max(sent, event) + 40 + int(rng.integers(0, 200))
            found.append(Happening(client, f"{client}-{170 + lane}", number, event, sent, received))
    return sorted(found, key=lambda h: h.received_ms)


def decoded(records, timestamps=None):
    stamps = [NO_TIMESTAMP] * len(records) if timestamps is None else timestamps
    values = [json.dumps(record).encode() for record in records]
    return JSON.decode(block(*values, timestamps=stamps), extras=(KEY,)).columns


def sources_of(field):
    return field.sources[0] if field else None


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.system)
class TestSystems:
    def test_roles_are_recognised_in_a_file(self, shape):
        fields = recognise(decoded([shape.record(h) for h in happenings()])).fields

        assert sources_of(fields.event_time) == shape.event_time
        assert sources_of(fields.sent_time) == shape.sent_time
        assert sources_of(fields.received_time) == shape.received_time
        assert fields.client in shape.clients
        assert fields.session == shape.session
        assert fields.sequence in (shape.sequence, None)

    def test_record_timestamps_of_zero_are_as_none(self, shape):
        records = [shape.record(h) for h in happenings()]

        zeros = recognise(decoded(records, timestamps=[0] * len(records)))

        assert zeros == recognise(decoded(records))

    def test_times_read_are_those_that_were_written(self, shape):
        every = happenings()
        rows = decoded([shape.record(h) for h in every])

        table = build_events([rows], recognise(rows).fields).table

        seconds_only = shape.system in ("Mixpanel", "OwnTracks", "Telegraf", "CloudTrail", "Adjust")
        unit = 1000 if seconds_only else 1
        truth = np.array([h.event_ms for h in every]) // unit * unit
        assert np.sort(table[EVENT_TIME]).tolist() == np.sort(truth).tolist()
        if shape.received_time and shape.system != "Adjust":
            assert np.sort(table[RECEIVED_TIME]).tolist() == sorted(h.received_ms for h in every)
        if shape.sent_time and not seconds_only:
            assert np.sort(table[SENT_TIME]).tolist() == sorted(h.sent_ms for h in every)
        assert table[CLIENT].nunique() == 3

    def test_in_kafka_the_record_timestamp_is_the_received_time(self, shape):
        every = happenings()
        rows = decoded([shape.record(h) for h in every], [h.received_ms for h in every])

        fields = recognise(rows).fields

        assert fields.received_time == RECORD_TIME_FIELD
        assert sources_of(fields.event_time) == shape.event_time


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_a_known_system_is_known_inside_an_envelope_too(system):
    inside = known_system([f"payload.{name}" for name in system.known_by])

    assert inside.name == system.name


@pytest.mark.parametrize("stamped", [True, False])
def test_the_time_of_an_event_is_the_one_inside_of_eventbridges(stamped):
    every = happenings()
    outer = [{"detail-type": "t", "source": "s", "time": h.received_ms} for h in every]
    stamps = [[h.received_ms for h in every]] if stamped else []
    inside = [{**o, "detail": {"ts": h.event_ms}} for o, h in zip(outer, every, strict=True)]
    without = [{**o, "detail": {"n": h.number}} for o, h in zip(outer, every, strict=True)]

    assert recognise(decoded(inside, *stamps)).fields.event_time == TimeField(("detail.ts",))
    assert recognise(decoded(without, *stamps)).fields.event_time == TimeField(("time",))


def test_record_timestamps_of_0_tell_no_unit():
    every = happenings()
    rows = decoded([{"device": h.client, "ts": h.event_ms} for h in every], [0 for _ in every])

    events = build_events([rows], recognise(rows).fields)

    assert sorted(events.table[EVENT_TIME]) == sorted(h.event_ms for h in every)


def test_a_time_that_is_not_in_nearly_all_records_is_asked_about():
    records = [
        {"device": h.client, "ts": h.event_ms}
        if h.number % 2
        else {"device": h.client, "occurredAt": h.event_ms}
        for h in happenings()
    ]

    found = recognise(decoded(records))

    assert found.fields.event_time == TimeField()
    assert {offer.name for offer in found.offers} == {"ts", "occurredAt"}


def test_a_field_named_as_another_time_is_not_taken_for_the_event_time():
    records = [{"device": h.client, "received_at": h.received_ms} for h in happenings()]

    assert recognise(decoded(records)).fields.event_time == TimeField()


@pytest.mark.parametrize(
    "name",
    [
        "receivedAt", "recv_time", "ingestTime", "ingestion_timestamp", "arrival_ts", "server_time",
        "EventEnqueuedUtcTime", "collector_tstamp", "observed_at", "kafka_time", "x_received",
    ],
)  # fmt: skip
def test_a_received_time_is_recognised_by_its_name(name):
    records = [{"device": h.client, "ts": h.event_ms, name: h.received_ms} for h in happenings()]

    assert recognise(decoded(records)).fields.received_time == TimeField((name,))


@pytest.mark.parametrize(("text", "number"), [("string", "long"), ("S", "N")])
def test_names_hold_where_each_value_stands_under_its_type(text, number):
    """Given optional fields as Avro's JSON writes them, or items as DynamoDB exports them."""
    records = [
        {
            "device_id": {text: h.client},
            "seq": {number: h.number},
            "ts": {number: h.event_ms},
            "sent_at": {number: h.sent_ms},
            "received_at": {number: h.received_ms},
        }
        for h in happenings()
    ]

    fields = recognise(decoded(records)).fields

    assert (fields.client, fields.sequence) == (f"device_id.{text}", f"seq.{number}")
    assert fields.event_time == TimeField((f"ts.{number}",))
    assert fields.sent_time == TimeField((f"sent_at.{number}",))
    assert fields.received_time == TimeField((f"received_at.{number}",))


@pytest.mark.parametrize(("event", "received"), [("t1", "t2"), ("a", "b"), ("ts", "x")])
def test_a_received_time_without_a_telling_name_is_recognised_by_its_behaviour(event, received):
    records = [
        {"device": h.client, event: h.event_ms, received: h.received_ms} for h in happenings()
    ]

    fields = recognise(decoded(records)).fields

    assert fields.event_time == TimeField((event,))
    assert fields.received_time == TimeField((received,))


@pytest.mark.parametrize("name", ["expires_at", "updated_at", "birthdate", "first_seen"])
def test_another_time_is_not_taken_for_the_received_time(name):
    records = [{"device": h.client, "ts": h.event_ms, name: h.event_ms + 9} for h in happenings()]

    assert recognise(decoded(records)).fields.received_time == TimeField()


def test_clients_that_write_seconds_among_others_are_read_in_seconds():
    every = happenings()
    records = [
        {"device": h.client, "ts": h.event_ms // 1000 if h.client == "dev-b" else h.event_ms}
        for h in every
    ]
    rows = decoded(records, [h.received_ms for h in every])

    events = build_events([rows], recognise(rows).fields)

    assert events.notes["event_time"].other_forms == {"s": ("dev-b",)}
    assert events.rejected.num_rows == 0
    assert abs(events.table[RECEIVED_TIME] - events.table[EVENT_TIME]).max() < 40_000


@pytest.mark.parametrize("role", ["event_time", "received_time"])
@pytest.mark.parametrize(
    ("form", "count"),
    [
        ("apple_s", lambda ms: ms / 1000 - 978_307_200),
        ("gps_s", lambda ms: ms / 1000 - 315_964_782),
        ("julian_days", lambda ms: ms / 86_400_000 + 2_440_587.5),
    ],
)
def test_in_a_file_an_epoch_that_its_size_does_not_show_is_told_by_the_other_time(
    form, count, role
):
    def written(ms, of):
        return count(ms) if of == role else ms

    every = happenings()
    records = [
        {
            "device_id": h.client,
            "ts": written(h.event_ms, "event_time"),
            "received_at": written(h.received_ms, "received_time"),
        }
        for h in every
    ]
    columns = decoded(records)

    fields = recognise(columns).fields
    events = build_events([columns], fields)

    assert getattr(fields, role).form == form
    off = events.table[RECEIVED_TIME] - [h.received_ms for h in every]
    assert off.abs().max() <= 1
    assert (events.table[EVENT_TIME] - [h.event_ms for h in every]).abs().max() <= 1


@pytest.mark.parametrize("written", [str, float])
def test_a_sequence_number_may_be_written_as_text_or_with_a_fraction(written):
    records = [
        {"ts": h.event_ms, "device": h.client, "seq": written(h.number)} for h in happenings()
    ]

    assert recognise(decoded(records)).fields.sequence == "seq"


@pytest.mark.parametrize("values", [["a1", "a2"], [1.5, 2.5], [True, False]])
def test_what_is_no_whole_number_is_no_sequence_number(values):
    records = [
        {"ts": h.event_ms, "device": h.client, "seq": values[h.number % 2]} for h in happenings()
    ]

    assert recognise(decoded(records)).fields.sequence is None


def test_a_date_and_a_time_of_day_make_one_time():
    every = happenings()
    records = []
    for h in every:
        day, clock = str(np.datetime64(h.event_ms, "ms")).split("T")
        records.append({"device": h.client, "date": day, "time": clock[:8]})
    rows = decoded(records, [h.received_ms for h in every])

    events = build_events([rows], recognise(rows).fields)

    assert sorted(events.table[EVENT_TIME]) == sorted(h.event_ms // 1000 * 1000 for h in every)


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [
        ("seconds", "nanos"),
        ("epochSecond", "nano"),
        ("_seconds", "_nanoseconds"),
        ("sec", "nanosec"),
    ],
)
def test_seconds_and_nanoseconds_make_one_time(seconds, nanos):
    every = happenings()
    records = [
        {"device": h.client,
         "at": {seconds: h.event_ms // 1000, nanos: h.event_ms % 1000 * 1_000_000}}
        for h in every
    ]  # fmt: skip
    rows = decoded(records, [h.received_ms for h in every])

    events = build_events([rows], recognise(rows).fields)

    assert sorted(events.table[EVENT_TIME]) == sorted(h.event_ms for h in every)


def split(h, seconds, fraction, per_second):
    return {seconds: h.event_ms // 1000, fraction: h.event_ms % 1000 * (per_second // 1000)}


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize(
    ("seconds", "fraction", "per_second"),
    [
        ("tv_sec", "tv_usec", 1_000_000),
        ("tv_sec", "tv_nsec", 1_000_000_000),
        ("ts_sec", "ts_usec", 1_000_000),
        ("sec", "msec", 1_000),
        ("sec", "ms", 1_000),
        ("seconds", "micros", 1_000_000),
        ("epoch_seconds", "millis", 1_000),
        ("secs", "nsecs", 1_000_000_000),
    ],
)
def test_seconds_and_their_fraction_make_one_time(seconds, fraction, per_second, nested):
    """Given seconds of which the fraction stands beside them, at the top or in `header.stamp`."""
    every = happenings()
    times = [split(h, seconds, fraction, per_second) for h in every]
    records = [
        {"device": h.client, **({"header": {"stamp": time}} if nested else time)}
        for h, time in zip(every, times, strict=True)
    ]
    rows = decoded(records, [h.received_ms for h in every])

    events = build_events([rows], recognise(rows).fields)

    assert sorted(events.table[EVENT_TIME]) == sorted(h.event_ms for h in every)


@pytest.mark.parametrize(
    "beside",
    [
        lambda n: {"ms": 5 + n % 80},  # how long it took
        lambda n: {"ms": START + n},
        lambda n: {"nanos": 999_999_990 + n},
        lambda n: {"usec": -n},
        lambda n: {"msec": n + 0.5},
        lambda _: {"millis": "many"},
    ],
    ids=["how long", "epoch", "too many", "negative", "fractions", "text"],
)
def test_what_is_no_fraction_of_a_second_is_not_added_to_it(beside):
    every = happenings()
    records = [
        {"device": h.client, "sec": h.event_ms // 1000, **beside(number)}
        for number, h in enumerate(every)
    ]
    rows = decoded(records, [h.received_ms for h in every])

    assert JOINED not in str(recognise(rows).fields.event_time.sources)


@pytest.mark.parametrize("unknown", [0, -1, "", "0000-00-00 00:00:00", 86_400_000])
def test_a_time_that_some_clients_do_not_know_is_still_one(unknown):
    every = happenings()
    records = [
        {
            "device": h.client,
            "ts": unknown if number % 4 == 1 else h.event_ms,
            "received_at": unknown if number % 4 == 3 else h.received_ms,
        }
        for number, h in enumerate(every)
    ]

    fields = recognise(decoded(records)).fields

    assert sources_of(fields.event_time) == "ts"
    assert sources_of(fields.received_time) == "received_at"


def test_the_documentation_lists_the_systems_that_are_known():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (REPOSITORY / "docs/systems.md").read_text().splitlines()
        if line.startswith("| ")
    ][1:]

    def cell(field):
        return f"`{field}`" if field else ""

    assert rows == [
        [
            one.name,
            ", ".join(map(cell, one.known_by)),
            cell(one.event_time),
            cell(one.sent_time),
            cell(one.received_time),
            cell(one.client),
            cell(one.session),
            cell(one.sequence),
        ]
        for one in SYSTEMS
    ]
