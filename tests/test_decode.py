"""Decoding: good records equal what `json.loads` gives; the rest is set aside with a reason."""

from __future__ import annotations

import json
import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.columns import OFFSET, PARTITION, RECEIVED_TIME, RECEIVED_TIME_TYPE
from lib.decode import decode, flatten
from lib.topics.records import RECORDS

KAFKA = [PARTITION, OFFSET, RECEIVED_TIME, RECEIVED_TIME_TYPE]
GOOD = b'{"Timestamp":1540726486041,"ClientID":2,"Data":{"Errors":0,"Values":17},"Kind":"m"}'


def block(*values: bytes | None, keys=None, headers=None) -> pa.RecordBatch:
    n = len(values)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([0] * n, pa.int32()),
            pa.array(range(n), pa.int64()),
            pa.array(range(1_000, 1_000 + n), pa.int64()),
            pa.array([0] * n, pa.int8()),
            pa.array(keys or [None] * n, pa.binary()),
            pa.array(values, pa.binary()),
            pa.array(headers or [None] * n, RECORDS.field("headers").type),
        ],
        schema=RECORDS,
    )


def fields_of(columns: pa.Table) -> list[dict]:
    """Each row's non-null value fields."""
    rows = columns.drop_columns([n for n in KAFKA if n in columns.column_names]).to_pylist()
    return [{k: v for k, v in row.items() if v is not None} for row in rows]


def expected(value: bytes) -> dict:
    flat = flatten(json.loads(value.decode()))
    return {k: v for k, v in flat.items() if v is not None and k not in KAFKA}


def same(found: object, wanted: object) -> bool:
    """Equal, or the text of a value whose field has several types, lists, or huge integers."""
    if isinstance(wanted, float) and isinstance(found, float) and math.isnan(wanted):
        return math.isnan(found)
    if type(found) is str and type(wanted) is not str:
        return json.dumps(json.loads(found)) == json.dumps(wanted) or json.loads(found) == wanted
    return found == wanted and (type(found) is bool) == (type(wanted) is bool)


def test_a_field_of_a_nested_object_has_a_dotted_name():
    decoded = decode(block(GOOD))

    assert fields_of(decoded.columns) == [
        {
            "Timestamp": 1540726486041,
            "ClientID": 2,
            "Data.Errors": 0,
            "Data.Values": 17,
            "Kind": "m",
        }
    ]


names = st.sampled_from(["a", "b", "a.b", "Timestamp", "KafkaOffset", ""]) | st.text(max_size=3)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers()
    | st.floats()
    | st.sampled_from(["2020-01-01", "2020-01-01T00:00:00Z", "}", '}"', "{", "1", "x\ny"])
    | st.text()
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)
objects = st.dictionaries(names, json_values, max_size=4)
written = st.builds(
    lambda value, indent, ascii_: json.dumps(value, indent=indent, ensure_ascii=ascii_).encode(
        errors="surrogatepass"
    ),
    objects,
    st.sampled_from([None, None, None, 1]),
    st.booleans(),
)
hostile = st.sampled_from(
    [
        b"",
        b" ",
        b"1",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b"{} ",
        b'{"a":1}{"a":2}',
        b'{"a":1} 5 {"b":1}',
    ]
    + [
        b'{"a":',
        b"1}",
        b'{"a":1}}',
        b'{"a":1,"a":2}',
        b'{"a":1}}5{"v":{"b":1}',
        b"\xff",
        b'{"a":"\xff"}',
    ]
    + [
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":01}',
        b'{"a":"\\ud800"}',
        b"\xef\xbb\xbf{}",
    ]
    + [
        b'{"a":"x\ny"}',
        b"{\"a\":'x'}",
        b'{"a":1,}',
        b"\x00",
        b'{"a":1}\x00{"a":1}',
        b'{"a":1},1,{"a":1}',
    ]
    + [b'{"a":[{"b":1}', b'{"b":1}]}', b'{"a.b":1,"a":{"b":2}}', b'{"a":"}', b'"}', b'{"a":"\\"}']
)
values = st.lists(st.none() | written | written | hostile, max_size=20) | st.lists(
    written | hostile, min_size=1, max_size=8
).flatmap(lambda pool: st.lists(st.sampled_from(pool), min_size=100, max_size=300))


@given(values)
@settings(max_examples=400, deadline=None)
def test_good_and_set_aside_records_are_all_the_records(values):
    decoded = decode(block(*values))

    good, bad = decoded.columns[OFFSET].to_pylist(), decoded.set_aside[OFFSET].to_pylist()
    assert sorted(good + bad) == list(range(len(values)))
    assert good == sorted(good)
    assert bad == sorted(bad)


@given(values)
@settings(max_examples=400, deadline=None)
def test_good_records_are_what_json_loads_gives(values):
    decoded = decode(block(*values))

    offsets = decoded.columns[OFFSET].to_pylist()
    for offset, found in zip(offsets, fields_of(decoded.columns), strict=True):
        wanted = expected(values[offset])
        assert found.keys() == wanted.keys()
        assert all(same(found[name], wanted[name]) for name in wanted), (found, wanted)
