"""The events table: arrival order, normalized times, types, windows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from lib.core.columns import MISSING_TIME
from lib.core.errors import FieldsError
from lib.decoding.json import JSON
from lib.events import time_columns
from lib.events.derived_sessions import derive_sessions
from lib.events.fields import Fields, TimeField
from lib.events.table import EventsTable, TimeDomain, append_events, build_events, window_rows
from lib.sources.records import NO_TIMESTAMP
from tests.support import golden_rows
from tests.support.blocks import block, values_of
from tests.support.fields import fields_named

if TYPE_CHECKING:
    import pyarrow as pa

UNMAPPED = fields_named(None, "ms", None, None, None)
TIMES_ONLY = fields_named("t", "ms", None, None, None)
DATE = 1_704_164_650_000


def event(t: int, client=1, session="s", number=1, **others) -> dict:
    return {"Timestamp": t, "ClientID": client, "SessionID": session, "EventID": number, **others}


def columns_of(*records: dict, **where) -> pa.Table:
    return JSON.decode(block(*values_of(*records), **where)).columns


def build(*records: dict, fields: Fields | None = None, **where) -> EventsTable:
    return build_events([columns_of(*records, **where)], fields or Fields())


# The notebook's golden rows


@pytest.fixture
def golden() -> EventsTable:
    stamps = [row[0] for row in golden_rows.rows_of("KafkaTimestamp")]
    return build_events(
        [JSON.decode(block(*golden_rows.values(), timestamps=stamps)).columns], Fields()
    )


def test_the_notebooks_rows_come_out_as_the_notebook_prints_them(golden):
    printed = golden.table[[*golden_rows.COLUMNS]]

    assert printed.astype(object).to_numpy().tolist() == golden_rows.rows_of(*golden_rows.COLUMNS)
    assert golden.zero_ms == golden_rows.ZERO_MS


def test_the_columns_have_the_types_of_the_contract(golden):
    assert {name: str(kind) for name, kind in golden.table.dtypes.items()} == {
        "Timestamp": "int64",
        "KafkaTimestamp": "int64",
        "ClientID": "category",
        "SessionID": "category",
        "EventID": "Int64",
        "KafkaPartition": "int32",
        "KafkaOffset": "int64",
        "KafkaTimestampType": "int8",
        "EventTimestamp0": "float64",
        "ReceivedTimestamp0": "float64",
        "Data.Errors": "int8",
        "Data.Values": "int8",
        "Kind": "category",
    }
    assert golden.table["ClientID"].cat.categories.tolist() == [2, 5, 8, 9]
    assert golden.table["ClientID"].cat.categories.dtype == "int64"


def test_an_event_of_the_notebooks_shape_takes_at_most_80_bytes():
    n = 100_000
    records = [
        event(1540726486041 + i, i % 10, f"1de64fb8-55de-494c-885a-{i // 25:012x}", i % 25 + 1)
        | {"Kind": "md"[i % 2], "Data": {"Errors": i % 5, "Values": i % 97}}
        for i in range(n)
    ]

    table = build(*records).table

    assert table.memory_usage(deep=True).sum() <= 80 * n


def test_a_hundred_thousand_clients_are_a_hundred_thousand_categories():
    n = 100_000

    clients = build(*[event(i, f"c{i:06}") for i in range(n)]).table["ClientID"]

    assert clients.cat.categories.tolist() == [f"c{i:06}" for i in range(n)]
    assert (clients.cat.codes == np.arange(n)).all()


# Arrival order


def test_partitions_merge_by_the_running_maximum_of_the_record_timestamp():
    # Partition 0 reaches 10, 30, 30; partition 1 reaches 20, 20, 40.
    table = build(
        *[event(t) for t in range(6)],
        partition=[0, 1, 0, 1, 0, 1],
        offsets=[0, 0, 1, 1, 2, 2],
        timestamps=[10, 20, 30, 15, 5, 40],
    ).table

    where = list(zip(table["KafkaPartition"], table["KafkaOffset"], strict=True))
    assert where == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]


def test_ties_go_by_partition_then_offset():
    table = build(
        *[event(t) for t in range(4)],
        partition=[1, 1, 0, 0],
        offsets=[0, 1, 0, 1],
        timestamps=[10, 10, 10, 10],
    ).table

    where = list(zip(table["KafkaPartition"], table["KafkaOffset"], strict=True))
    assert where == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_zero_is_the_event_time_of_the_first_event_in_arrival_order():
    events = build(event(7_000), event(5_000), timestamps=[20, 10], partition=[0, 1])

    assert events.zero_ms == 5_000
    assert events.table["EventTimestamp0"].tolist() == [0.0, 2.0]


records_anywhere = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(0, 100_000)), max_size=60
)


def in_partitions(records) -> dict:
    offsets, seen = [], {}
    for partition, _, _ in records:
        offsets.append(seen.setdefault(partition, 0))
        seen[partition] += 1
    return {
        "partition": [p for p, _, _ in records],
        "timestamps": [t for _, t, _ in records],
        "offsets": offsets,
    }


@given(records_anywhere)
def test_arrival_order_is_what_merging_record_by_record_gives(records):
    where = in_partitions(records)
    keys, reached = [], {}
    for partition, timestamp, offset in zip(
        where["partition"], where["timestamps"], where["offsets"], strict=True
    ):
        reached[partition] = max(timestamp, reached.get(partition, timestamp))
        keys.append((reached[partition], partition, offset))

    table = build(*[{"t": t} for *_, t in records], fields=TIMES_ONLY, **where).table

    found = list(zip(table["KafkaPartition"], table["KafkaOffset"], strict=True))
    assert found == [(partition, offset) for _, partition, offset in sorted(keys)]


@given(records_anywhere.filter(bool))
def test_normalized_times_are_bit_by_bit_the_notebooks(records):
    table = build(
        *[{"t": t} for *_, t in records], fields=TIMES_ONLY, **in_partitions(records)
    ).table

    frame = pd.DataFrame({n: table[n].tolist() for n in ("Timestamp", "KafkaTimestamp")})
    base = frame["Timestamp"].loc[0:0][0]
    assert ((frame["Timestamp"] - base) / 1000.0).equals(table["EventTimestamp0"])
    assert ((frame["KafkaTimestamp"] - base) / 1000.0).equals(table["ReceivedTimestamp0"])


def test_a_record_without_timestamp_has_no_received_time_and_keeps_its_place():
    stamps = [20, NO_TIMESTAMP, 10]

    events = build(event(5_000), event(9_000), event(7_000), timestamps=stamps)

    assert events.table["KafkaTimestamp"].tolist() == [20, MISSING_TIME, 10]
    assert events.table["KafkaOffset"].tolist() == [0, 1, 2]
    assert events.table["ReceivedTimestamp0"].isna().tolist() == [False, True, False]
    assert events.without_received == 1
    assert events.timed["Timestamp"].tolist() == [5_000, 7_000]


@pytest.mark.parametrize("strange", [-7, 2**63 - 1, 1_704_164_650_000_000])
def test_a_record_timestamp_that_is_no_time_of_ours_is_none(strange):
    events = build(event(5_000), timestamps=[strange])

    assert not events.has_received_time


@pytest.mark.parametrize("stamps", [[0, 0, 0], [0, DATE + 70, DATE + 90], [DATE + 50, 0, 0]])
def test_a_record_timestamp_of_zero_is_none_in_a_topic_of_dates(stamps):
    events = build(*(event(DATE + n) for n in range(3)), timestamps=stamps)

    assert events.table["KafkaTimestamp"].tolist() == [stamp or MISSING_TIME for stamp in stamps]


def test_a_record_timestamp_of_zero_is_a_time_in_a_topic_that_counts_from_zero():
    events = build(event(0), event(5), timestamps=[0, 9])

    assert events.table["KafkaTimestamp"].tolist() == [0, 9]


def test_mapped_fields_take_the_names_of_the_events_table():
    fields = fields_named("at", "s", "who", "trip", "n")

    table = build({"at": 5.5, "who": "a", "trip": 3, "n": 1, "x": 2}, fields=fields).table

    assert table.iloc[0][["Timestamp", "ClientID", "SessionID", "EventID", "x"]].tolist() == [
        5500,
        "a",
        3,
        1,
        2,
    ]
    assert not {"at", "who", "trip", "n"} & set(table.columns)


def test_another_field_with_a_name_of_the_events_table_moves_aside():
    table = build({"t": 5, "Timestamp": "x", "SessionID": "y"}, fields=TIMES_ONLY).table

    assert table["Timestamp"].tolist() == [5]
    assert table["value.Timestamp"].tolist() == ["x"]
    assert table["value.SessionID"].tolist() == ["y"]


def test_key_header_and_partition_serve_as_fields():
    fields = fields_named("t", "ms", "@key", "@header:trip", None)
    records = block(*values_of({"t": 1}), keys=[b"k"], headers=[[("trip", b"h")]], partition=2)

    table = build_events([JSON.decode(records, extras=fields.extras).columns], fields).table
    other = build_events(
        [JSON.decode(records).columns], fields_named("t", "ms", "@partition", None)
    ).table

    assert table.iloc[0][["ClientID", "SessionID"]].tolist() == ["k", "h"]
    assert other["ClientID"].tolist() == [2]


def test_without_an_event_time_none_is_invented():
    events = build({"x": 1}, fields=UNMAPPED, timestamps=[77])

    assert not events.has_event_time
    assert events.table["Timestamp"].tolist() == [MISSING_TIME]
    assert events.table["KafkaTimestamp"].tolist() == [77]


def test_without_a_client_there_is_one():
    assert build({"x": 1}, {"x": 2}, fields=UNMAPPED).table["ClientID"].tolist() == ["all", "all"]


def test_sequence_numbers_written_as_text_are_numbers():
    table = build(event(1, number="1"), event(2, number="2")).table

    assert table["EventID"].tolist() == [1, 2]
    assert table["EventID"].dtype == "Int64"


def test_a_sequence_that_is_no_number_moves_aside():
    table = build(event(1, number="x1"), event(2, number="x2")).table

    assert "EventID" not in table
    assert table["value.EventID"].tolist() == ["x1", "x2"]


def test_a_missing_sequence_number_is_missing():
    table = build(event(1), event(2, number=None)).table

    assert table["EventID"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"ClientID": 1, "SessionID": "s"}, "no Timestamp"),
        ({"Timestamp": None, "ClientID": 1, "SessionID": "s"}, "no Timestamp"),
        ({"Timestamp": 5_000, "SessionID": "s"}, "no ClientID"),
        ({"Timestamp": 5_000, "ClientID": 1}, "no SessionID"),
        ({"Timestamp": "soon", "ClientID": 1, "SessionID": "s"}, "Timestamp is not a time"),
        (event(10**15), "Timestamp is more than 20 years ahead of the topic's other times"),
        (event(-(10**12)), "Timestamp is far outside the topic's other times"),
    ],
)
def test_a_record_that_lacks_a_mapped_field_is_rejected(record, reason):
    events = build(event(4_000), record, event(6_000))

    assert events.rejected["reason"].to_pylist() == [reason]
    assert events.rejected["KafkaOffset"].to_pylist() == [1]
    assert events.table["Timestamp"].tolist() == [4_000, 6_000]


def test_a_time_whose_zone_has_to_be_chosen_is_rejected_for_that():
    events = build(event("2024-01-02 03:04:10 UTC"), event("2024-01-02 08:34:10 IST"))

    assert events.rejected["reason"].to_pylist() == [
        "Timestamp has an abbreviation that does not name one zone: choose its zone"
    ]
    assert events.notes["event_time"].unclear_zone == 1


def test_a_time_rejected_is_shown():
    events = build(event(4_000), event("soon"))

    assert events.rejected["excerpt"].to_pylist() == ["Timestamp: soon"]


def test_a_field_that_no_record_has_is_an_error_with_a_sentence():
    with pytest.raises(FieldsError, match="No record has a field “who”"):
        build(event(1), fields=Fields(client="who"))


# Times that begin late, or change their form


def timed(n: int, **times) -> dict:
    return event(DATE + 1_000 * n, client=n % 3, **times)


RECEIVED = Fields(received_time=TimeField(("received",)))


def test_a_time_that_the_first_records_lack_is_read_in_those_that_have_it(monkeypatch):
    monkeypatch.setattr(time_columns, "_SAMPLE", 20)
    records = [
        timed(n, **({"received": DATE + 1_000 * n + 200} if n > 30 else {})) for n in range(50)
    ]

    events = build(*records, fields=RECEIVED)

    assert events.without_received == 31
    assert events.notes["received_time"].forms == {"received": "ms"}
    assert (events.timed["KafkaTimestamp"] - events.timed["Timestamp"] == 200).all()


def test_the_second_field_of_a_time_may_begin_late(monkeypatch):
    monkeypatch.setattr(time_columns, "_SAMPLE", 20)
    records = [{("a" if n < 30 else "b"): DATE + 1_000 * n} for n in range(60)]

    events = build(*records, fields=replace(UNMAPPED, event_time=TimeField(("a", "b"))))

    assert events.table["Timestamp"].tolist() == [DATE + 1_000 * n for n in range(60)]
    assert events.rejected.num_rows == 0


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "in blocks"])
def test_a_unit_that_changes_is_read_and_said(at_once):
    """Given records that are written in seconds from the thirtieth on, read at once or appended."""
    records = [{"t": (DATE // 1_000 + n if n >= 30 else DATE + 1_000 * n)} for n in range(50)]
    fields = replace(UNMAPPED, event_time=TimeField(("t",)), received_time=TimeField(("t",)))
    blocks = [columns_of(*records[:30]), columns_of(*records[30:], offsets=list(range(30, 50)))]

    events = build_events(blocks if at_once else blocks[:1], fields)
    events = events if at_once else append_events(events, blocks[1:], fields)

    for role, name in (("event_time", "Timestamp"), ("received_time", "KafkaTimestamp")):
        assert events.table[name].tolist() == [DATE + 1_000 * n for n in range(50)]
        assert events.notes[role].forms == {"t": "ms"}
        assert events.notes[role].single_forms == {"s": 20}


def test_a_unit_with_fewer_digits_is_said_to_be_less_fine():
    """Given ms, then whole seconds; and ms, then seconds with a fraction."""
    for per_second, uneven in ((1, True), (1_000, False)):
        later = [
            {"t": n * per_second // 1_000 / per_second}
            for n in range(DATE + 50, DATE + 20_000, 999)
        ]
        events = build(*({"t": DATE - n} for n in range(30)), *later, fields=fields_named("t"))

        assert events.notes["event_time"].uneven is uneven


# Types across blocks


def test_a_field_of_numbers_here_and_text_there_is_text():
    blocks = [columns_of(event(1, client=1)), columns_of(event(2, client="a"), offsets=[1])]

    table = build_events(blocks, Fields()).table

    assert table["ClientID"].tolist() == ["1", "a"]


def test_a_field_that_comes_later_is_missing_before():
    blocks = [columns_of(event(1)), columns_of(event(2, x=5), offsets=[1])]

    table = build_events(blocks, Fields()).table

    assert table["x"].isna().tolist() == [True, False]
    assert table["x"].dtype == "Int8"


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [(-128, 127, "int8"), (-129, 0, "int16"), (0, 2**15, "int32"), (0, 2**31, "int64")],
)
def test_whole_numbers_take_the_smallest_type_that_holds_them(low, high, kind):
    table = build(event(1, x=low), event(2, x=high)).table

    assert table["x"].dtype == kind
    assert table["x"].tolist() == [low, high]


def test_no_records_give_an_empty_table():
    events = build_events([], Fields())

    assert len(events.table) == 0
    assert {"Timestamp", "ClientID", "SessionID", "EventTimestamp0"} <= set(events.table.columns)


# Derived sessions


def test_a_gap_longer_than_the_setting_ends_a_session():
    fields = fields_named("Timestamp", "ms", "ClientID", None, None, session_gap_s=30.0)

    table = build(
        event(0, "a"), event(30_000, "a"), event(60_001, "a"), event(10_000, "b"), fields=fields
    ).table

    assert table["SessionID"].tolist() == ["a/1", "a/1", "a/2", "b/1"]


def test_sessions_are_derived_in_event_time_whatever_the_arrival():
    clients = pd.Categorical(["a", "a", "a"])

    found = derive_sessions(clients, np.array([100_000, 0, 1_000]), 30.0)

    assert found.tolist() == ["a/2", "a/1", "a/1"]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 200)), max_size=40),
    st.integers(1, 60),
)
def test_derived_sessions_are_the_stretches_without_a_longer_gap(events, gap):
    clients = pd.Categorical([c for c, _ in events], categories=list("abc"))
    times = np.array([t for _, t in events], np.int64)

    found = derive_sessions(clients, times, gap / 1000.0)

    wanted = {}
    for client in "abc":
        number, last = 0, None
        for t in sorted(t for c, t in events if c == client):
            number += last is None or t - last > gap
            last = t
            wanted[client, t] = f"{client}/{number}"
    assert found.tolist() == [wanted[event] for event in events]


# Windows


def test_a_window_includes_both_its_ends():
    events = build(event(0), event(1_000), event(2_000), event(3_000))

    assert window_rows(events.table, TimeDomain.EVENT, 1.0, 2.0).tolist() == [1, 2]


def test_a_window_can_be_on_the_received_clock():
    events = build(event(0), event(1_000), timestamps=[5_000, 9_000])

    assert window_rows(events.table, TimeDomain.RECEIVED, 5.0, 6.0).tolist() == [0]


def test_a_window_can_keep_some_clients():
    events = build(event(0, 1), event(0, 2), event(0, 3))

    assert window_rows(events.table, TimeDomain.EVENT, 0, 9, clients=[3, 1]).tolist() == [0, 2]
    assert window_rows(events.table, TimeDomain.EVENT, 0, 9, clients=[]).size == 0


def test_a_window_around_everything_copies_nothing():
    events = build(event(0), event(1_000))

    assert window_rows(events.table, TimeDomain.EVENT, -1, 99) == slice(None)


# Appending


@given(
    st.lists(
        st.builds(
            lambda p, ts, t, c, x: ((p, ts, t), {"Timestamp": t, "ClientID": c, "x": x}),
            st.integers(0, 2),
            st.integers(0, 1_000),
            st.integers(0, 100_000),
            st.sampled_from([1, 2]) | st.sampled_from(["a", "b"]),
            st.none() | st.integers(0, 300) | st.sampled_from(["u", "v"]) | st.booleans(),
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(0, 40),
)
def test_appending_gives_what_building_from_everything_gives(rows, cut):
    fields = fields_named("Timestamp", "ms", "ClientID", None, None, 5.0)
    rows = [((0, 0, 0), {"Timestamp": 0, "ClientID": 1, "x": None}), *rows]
    where, records = in_partitions([w for w, _ in rows]), [r for _, r in rows]
    before = {name: values[: cut + 1] for name, values in where.items()}
    after = {name: values[cut + 1 :] for name, values in where.items()}

    first = columns_of(*records[: cut + 1], **before)
    second = columns_of(*records[cut + 1 :], **after)
    whole = build_events([first, second], fields)
    grown = append_events(build_events([first], fields), [second], fields)

    assert_frame_equal(grown.table, whole.table, check_like=True)
    assert grown.zero_ms == whole.zero_ms
    assert sorted(grown.rejected["KafkaOffset"].to_pylist()) == sorted(
        whole.rejected["KafkaOffset"].to_pylist()
    )


def test_appending_to_no_events_builds_them():
    events = append_events(build_events([], Fields()), [columns_of(event(5))], Fields())

    assert events.table["Timestamp"].tolist() == [5]
    assert events.zero_ms == 5
