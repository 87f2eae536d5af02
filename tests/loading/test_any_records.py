"""Whatever records come, a topic loads, reads on, and says of every record what became of it."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING
from unittest import TestCase

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lib.core.columns import CLIENT, EVENT_TIME, OFFSET, PARTITION, RECEIVED_TIME, SESSION
from lib.core.errors import FieldsError, SkewlineError
from lib.decoding.json_value import flatten
from lib.decoding.merge import OTHER_FIELDS, as_text
from lib.events.export import write_capture
from lib.events.table import arrival_order
from lib.loading.load import LoadedTopic, load, reload
from lib.sources.base import Everything
from tests.support.memory import MemoryTopic

if TYPE_CHECKING:
    from collections.abc import Mapping

START = 1_545_230_000_000

scalars = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 54, 2**53 + 1, -(2**63), 2**63, 10**30])
    | st.sampled_from([0.5, 54.0, -0.0, 1e22, math.nan, math.inf, -math.inf])
    | st.sampled_from(["", "54", "x", "NaN", '{"a": 1}', '{"a": [', "[1]", "2018-10-28T11:34:46Z"])
    | st.text(max_size=3)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)
names = st.sampled_from(
    [
        EVENT_TIME,
        CLIENT,
        SESSION,
        "EventID",
        OTHER_FIELDS,
        OFFSET,
        RECEIVED_TIME,
        "@key",
        "a",
        "a.b",
    ]
)
events = st.fixed_dictionaries(
    {EVENT_TIME: st.integers(START, START + 9_999), CLIENT: scalars, SESSION: scalars},
    optional={OTHER_FIELDS: anything, "EventID": scalars, "a": anything, "a.b": anything},
)
objects = events | st.dictionaries(names, anything, max_size=5)
records = st.lists(
    st.tuples(st.integers(0, 1), objects.map(lambda value: json.dumps(value).encode())),
    min_size=1,
    max_size=12,
)
roles = st.sampled_from([EVENT_TIME, CLIENT, SESSION, OTHER_FIELDS, "a", "@key", None])
choices = st.just(
    {"event_time": EVENT_TIME, "client": CLIENT, "session": SESSION}
) | st.fixed_dictionaries(
    {},
    optional={"event_time": roles, "client": roles, "session": roles, "sequence": roles},
)


def event(**fields: object) -> tuple[int, bytes]:
    return 0, json.dumps({EVENT_TIME: START, CLIENT: 1, SESSION: "s"} | fields).encode()


def with_many_others(**fields: object) -> tuple[int, bytes]:
    return event(**fields, **{f"f{n}": n for n in range(120)})


def loaded_in_steps(
    steps: list[list[tuple[int, bytes]]], choice: Mapping[str, object], cap: int = 1_000
) -> tuple[LoadedTopic, dict[tuple[int, int], bytes]]:
    """Load a topic of the first records, reload it after each of the other lists.

    A reload that had to read the whole topic again would be in the log as a warning.
    """
    topic, written, loaded = MemoryTopic(partitions=2), {}, None
    for step in steps:
        for partition, value in step:
            written[partition, sum(place[0] == partition for place in written)] = value
            topic.write(value, partition=partition)
        with TestCase().assertNoLogs("lib.loading", "WARNING"):
            if loaded is None:
                loaded = load(topic, "topic", Everything(), chosen=tuple(choice.items()), cap=cap)
            else:
                loaded = reload(topic, loaded, cap=cap)
    assert loaded is not None
    return loaded, written


def is_same(found: object, wanted: object) -> bool:
    """Whether a client or session is what JSON has: equal, or its one text."""
    return as_text(wanted) == found if isinstance(found, str) else found == wanted


@given(st.lists(records, min_size=1, max_size=3), choices)
@example([[event(ClientID=0.5), event(ClientID=math.nan)]], {})
@example([[event(ClientID=0.5)], [event(ClientID=math.nan)]], {})
@example([[event(ClientID=math.nan)], [event(SessionID=-0.0), event(SessionID=0.0)]], {})
@example([[event(ClientID=math.inf), event(ClientID=-0.0), event(ClientID=0.5)]], {})
@example([[event(SessionID=0.5)], [event(SessionID=0), event(SessionID=-(2**63))]], {})
@example([[event(ClientID=True)], [event(ClientID=False)], [event(ClientID=1)]], {})
@example([[event(OtherFields=5)], [with_many_others(OtherFields="no JSON")]], {})
@example([[with_many_others(OtherFields='{"a": [')], [event(OtherFields={"a": 1})]], {})
@settings(max_examples=40)
def test_every_record_is_an_event_or_rejected(steps, choice):
    try:
        loaded, written = loaded_in_steps(steps, choice)
    except FieldsError:  # the first records all lack a field that was chosen
        assume(False)

    table = loaded.events.table
    good = list(zip(table[PARTITION], table[OFFSET], strict=True))
    rejected = loaded.rejected.select([PARTITION, OFFSET]).to_pylist()
    places = [*good, *((row[PARTITION], row[OFFSET]) for row in rejected)]
    assert sorted(places) == sorted(written)
    assert loaded.report.total_records == len(written)
    assert arrival_order(table[PARTITION].to_numpy(), table[RECEIVED_TIME].to_numpy()) is None
    write_capture([loaded.events.table], io.BytesIO(), topic="t", source="s", fields=loaded.fields)


@given(st.lists(records, min_size=1, max_size=3))
@example([[event(ClientID=54), event(ClientID=0.5)], [event(ClientID="x")]])
@settings(max_examples=40)
def test_clients_and_sessions_are_those_that_json_has(steps):
    choice = {"event_time": EVENT_TIME, "client": CLIENT, "session": SESSION}
    try:
        loaded, written = loaded_in_steps(steps, choice)
    except FieldsError:
        assume(False)

    for row in loaded.events.table.to_dict("records"):
        record = flatten(json.loads(written[row[PARTITION], row[OFFSET]]))
        assert is_same(row[CLIENT], record[CLIENT]), (row[CLIENT], record)
        assert is_same(row[SESSION], record[SESSION]), (row[SESSION], record)


@given(st.lists(records, min_size=1, max_size=3), choices, st.integers(1, 5))
@settings(max_examples=30)
def test_the_cap_holds_whatever_comes(steps, choice, cap):
    try:
        loaded, _ = loaded_in_steps(steps, choice, cap)
    except SkewlineError:
        assume(False)

    assert len(loaded.events.table) <= cap


def test_a_client_that_is_no_number_is_missing():
    loaded, _ = loaded_in_steps([[event(ClientID=54), event(ClientID=math.nan)]], {})

    assert loaded.events.table[CLIENT].tolist() == [54]
    assert loaded.rejected["reason"].to_pylist() == ["no ClientID"]


@pytest.mark.parametrize(
    ("clients", "expected"),
    [
        ([54, 0.5], [54.0, 0.5]),
        ([54.0, None, 7], [54, 7]),
        ([54, 0.5, "x"], ["54", "0.5", "x"]),
        ([54.0, "x"], ["54", "x"]),
        ([-0.0, 0, 0.5], [0.0, 0.0, 0.5]),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_one_client_has_one_name(clients, expected, at_once):
    each = [[event(ClientID=client)] for client in clients]
    steps = [[record for step in each for record in step]] if at_once else each

    loaded, _ = loaded_in_steps(steps, {"client": CLIENT})

    assert loaded.events.table[CLIENT].tolist() == expected
