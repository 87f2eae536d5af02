"""Which field is which, recognised from a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from lib.core.errors import FieldsError
from lib.decoding.json import JSON
from lib.events.fields import RECORD_TIMESTAMP, Fields, TimeField, with_choices
from lib.events.recognition import recognise as recognition_of
from lib.events.table import build_events
from tests.decoding.test_json import few
from tests.support.blocks import block, values_of
from tests.support.fields import fields_named

if TYPE_CHECKING:
    import pyarrow as pa

START = 1_540_726_486_000


def sample(records: list[dict], keys: list[bytes] | None = None) -> pa.Table:
    """Decoded records that arrive one second after another."""
    timestamps = [START + 1_000 * i for i in range(len(records))]
    records_block = block(*values_of(*records), timestamps=timestamps, keys=keys)
    return JSON.decode(records_block, extras=("@key",)).columns


def recognise(columns: pa.Table) -> Fields:
    return recognition_of(columns).fields


NOTEBOOK = [
    {
        "ClientID": i % 3,
        "Data": {"Errors": 0, "Values": 17 * i},
        "EventID": i // 3 + 1,
        "Kind": "m",
        "SessionID": f"s{i % 3}",
        "Timestamp": START - 12 + 1_000 * i,
    }
    for i in range(30)
]


def test_the_notebooks_names_stand_for_themselves():
    assert recognise(sample(NOTEBOOK)) == Fields()


def test_the_notebooks_names_stand_for_themselves_whatever_else_there_is():
    records = [r | {"event_time": r["Timestamp"], "client": 1, "seq": 2} for r in NOTEBOOK]

    assert recognise(sample(records)) == Fields()


def test_usual_names_are_recognised_in_any_case_and_nested():
    records = [
        {"meta": {"event_time": r["Timestamp"]}, "device": {"id": f"d{r['ClientID']}"}, "seqNo": i}
        | {"trip_id": r["SessionID"]}
        for i, r in enumerate(NOTEBOOK)
    ]

    found = recognise(sample(records))

    assert found == fields_named("meta.event_time", None, "device.id", "trip_id", "seqNo")


@pytest.mark.parametrize(
    ("write", "unit"),
    [
        (lambda ms: ms // 1000, "s"),
        (lambda ms: ms / 1000, "s"),
        (lambda ms: ms * 1000, "us"),
        (lambda ms: ms * 1_000_000, "ns"),
        (str, "ms"),
        (lambda ms: f"2018-10-28T11:34:{ms // 1000 % 60:02}Z", "iso"),
    ],
)
def test_a_field_with_a_strange_name_is_the_event_time_if_it_moves_with_the_record_timestamps(
    write, unit
):
    records = [{"xy": write(START + 1_000 * i), "n": 7} for i in range(30)]

    found = recognise(sample(records))
    events = build_events([sample(records)], found)

    assert found.event_time == TimeField(("xy",))
    assert events.notes["event_time"].forms == {"xy": unit}


def test_a_time_that_does_not_move_is_not_preferred():
    records = [{"a": START - 5_000_000, "b": START - 700 + 1_000 * i} for i in range(30)]

    assert recognise(sample(records)).event_time == TimeField(("b",))


def test_the_time_of_receipt_in_the_value_is_not_the_event_time():
    records = [
        {"received_at": START + 1_000 * i, "ts": START - 40_000 + 1_000 * i} for i in range(30)
    ]

    assert recognise(sample(records)).event_time == TimeField(("ts",))


def test_without_a_time_field_there_is_none():
    assert recognise(sample([{"n": i} for i in range(30)])).event_time == TimeField()


def test_a_key_that_repeats_is_the_client_where_no_field_is():
    records = [{"ts": START + i} for i in range(30)]

    found = recognise(sample(records, keys=[b"c%d" % (i % 3) for i in range(30)]))

    assert found.client == "@key"
    assert found.extras == ("@key",)


def test_a_key_of_its_own_for_every_record_is_no_client():
    records = [{"ts": START + i} for i in range(30)]

    assert recognise(sample(records, keys=[b"k%d" % i for i in range(30)])).client is None


@pytest.mark.parametrize(
    "name",
    [
        "devEUI", "dev_addr", "vin", "thingName", "node", "serial_number", "visitor_id",
        "client_ip", "meter_id", "MMSI", "icao24", "imsi",
    ],
)  # fmt: skip
def test_a_client_is_recognised_by_its_name(name):
    records = [{"ts": START + i, name: f"c{i % 3}"} for i in range(30)]

    assert recognise(sample(records)).client == name


@pytest.mark.parametrize("name", ["node", "client_ip", "thing"])
def test_a_key_that_repeats_goes_before_what_may_be_another_thing(name):
    records = [{"ts": START + i, name: f"c{i % 3}"} for i in range(30)]

    assert recognise(sample(records, keys=[b"c%d" % (i % 5) for i in range(30)])).client == "@key"


def test_a_client_may_be_written_with_a_fraction():
    records = [{"ts": START + i, "device_id": 97.0 + i % 3} for i in range(30)]

    found = recognise(sample(records))

    assert found.client == "device_id"
    assert sorted(build_events([sample(records)], found).table["ClientID"].unique()) == [97, 98, 99]


def test_a_measurement_is_no_client():
    records = [{"ts": START + i, "sensor": 20.5 + i % 3} for i in range(30)]

    assert recognise(sample(records)).client is None


def test_a_number_that_goes_up_by_one_in_its_client_is_the_sequence_number():
    records = [{"client": i % 3, "zz": 100 + i // 3, "load": (i * 7) % 5} for i in range(60)]

    assert recognise(sample(records)).sequence == "zz"


@given(few)
@settings(max_examples=200)
def test_any_sample_gives_an_answer(values):
    columns = JSON.decode(block(*values), extras=("@key",)).columns

    found = recognise(columns)

    assert set(found.sources) <= {*columns.column_names, RECORD_TIMESTAMP}


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "years"},
        {"session_gap_s": 0.0},
        {"zone": "Europe/Nowhere"},
        {"evnt_time": "ts"},
    ],
    ids=str,
)
def test_impossible_choices_are_refused_with_a_sentence(wrong):
    with pytest.raises(FieldsError) as caught:
        with_choices(Fields(), wrong)

    assert caught.value.what.endswith(".")


def test_what_is_chosen_stands_in_the_place_of_what_is_recognised():
    chosen = {"event_time": ("ts", "at"), "unit": "s", "received_time": "seen", "client": None}

    found = with_choices(Fields(), chosen)

    assert found.event_time == TimeField(("ts", "at"), "s")
    assert found.received_time == TimeField(("seen",))
    assert (found.client, found.session) == (None, "SessionID")


def test_of_several_fields_the_first_that_a_record_has_is_its_time():
    records = [{"a": START + 5, "b": START + 9}, {"b": START + 7}, {"c": 1}]
    fields = Fields(TimeField(("a", "b")), client=None, session=None, sequence=None)

    events = build_events([sample(records)], fields)

    assert events.table["Timestamp"].tolist() == [START + 5, START + 7]
    assert events.rejected["reason"].to_pylist() == ["no a or b"]
