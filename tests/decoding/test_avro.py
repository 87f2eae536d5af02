"""Avro to columns: what `fastavro` reads, named and typed as the same records in JSON."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.avro_walk import DEEPEST
from lib.core.errors import SchemaError
from lib.core.schemas import Schema
from lib.core.single_precision import one_as_written
from lib.decoding.avro import read
from lib.decoding.json import JSON
from lib.decoding.slots import ReadColumns, Values
from tests.support.blocks import block

EVENT = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "ClientID", "type": "long"},
        {"name": "Kind", "type": {"type": "enum", "name": "Kind", "symbols": ["m", "d"]}},
        {
            "name": "Data",
            "type": {
                "type": "record",
                "name": "Data",
                "fields": [{"name": "Errors", "type": ["null", "int"]}],
            },
        },
    ],
}


def of_field(kind: object) -> dict:
    return {"type": "record", "name": "R", "fields": [{"name": "f", "type": kind}]}


def encoded(schema: object, value: object) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), value)
    return buffer.getvalue()


def read_bytes(schema: object, *values: bytes) -> ReadColumns:
    return read(Schema("AVRO", json.dumps(schema)), Values.of(pa.array(values, pa.binary())))


def rows_of(found: ReadColumns) -> list[dict]:
    rows = pa.table(found.columns).to_pylist() if found.columns else [{} for _ in found.good]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def one(kind: object, value: object) -> object:
    """What a field of a type becomes, by itself."""
    found = read_bytes(of_field(kind), encoded(of_field(kind), {"f": value}))
    assert not found.reasons
    return rows_of(found)[0].get("f")


# What becomes a column


def test_nested_records_have_dotted_names():
    values = [
        {"ClientID": 1, "Kind": "d", "Data": {"Errors": None}},
        {"ClientID": 2, "Kind": "m", "Data": {"Errors": 3}},
    ]

    found = read_bytes(EVENT, *(encoded(EVENT, value) for value in values))

    assert rows_of(found) == [
        {"ClientID": 1, "Kind": "d"},
        {"ClientID": 2, "Kind": "m", "Data.Errors": 3},
    ]
    assert found.columns["ClientID"].type == pa.int64()
    assert found.columns["Kind"].type == pa.dictionary(pa.int32(), pa.string())


DAY = {"type": "int", "logicalType": "date"}
CENTS = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
LARGE = {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 3}
TWELVE = {"type": "fixed", "name": "D", "size": 12}


@pytest.mark.parametrize(
    ("kind", "value", "column"),
    [
        ("float", 0.5, 0.5),
        ("float", 0.1, 0.1),
        ({"type": "array", "items": "float"}, [0.1, 2], "[0.1, 2.0]"),
        ("double", -1e300, -1e300),
        ("boolean", True, True),
        ("string", "ä", "ä"),
        ("bytes", b"a\xff", "a\\xff"),
        ({"type": "fixed", "name": "F", "size": 2}, b"ab", "ab"),
        (DAY, date(2018, 12, 19), "2018-12-19"),
        ({"type": "int", "logicalType": "time-millis"}, time(23, 59, 1, 5000), "23:59:01.005"),
        ({"type": "long", "logicalType": "time-micros"}, time(0, 0, 1, 7), "00:00:01.000007"),
        ({"type": "string", "logicalType": "uuid"}, UUID(int=7), str(UUID(int=7))),
        (CENTS, Decimal("-12.34"), -12.34),
        (LARGE, Decimal("12345678901234567.890"), "12345678901234567.890"),
        (
            {"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 8},
            Decimal(70),
            70.0,
        ),
        ({**TWELVE, "logicalType": "duration"}, b"\1\0\0\0\2\0\0\0\3\0\0\0", "P1M2DT0.003S"),
        (["null", "string", "long"], 7, 7),
        ({"type": "array", "items": CENTS}, [Decimal("0.50")], "[0.5]"),
        ({"type": "array", "items": DAY}, [date(1970, 1, 2)], '["1970-01-02"]'),
    ],
)
def test_a_type_becomes_a_column(kind, value, column):
    assert one(kind, value) == column


@pytest.mark.parametrize("zone", ["", "local-"])
@pytest.mark.parametrize(("unit", "per_second"), [("millis", 10**3), ("micros", 10**6)])
def test_a_timestamp_is_an_integer_of_its_unit(zone, unit, per_second):
    schema = of_field({"type": "long", "logicalType": f"{zone}timestamp-{unit}"})
    when = datetime(2018, 12, 19, 15, tzinfo=None if zone else UTC)

    found = read_bytes(schema, encoded(schema, {"f": when}))

    seconds = int(when.replace(tzinfo=UTC).timestamp())
    assert rows_of(found) == [{"f": seconds * per_second}]


def test_nanoseconds_keep_every_digit():
    schema = of_field({"type": "long", "logicalType": "timestamp-nanos"})

    found = read_bytes(schema, encoded(of_field("long"), {"f": 1_545_230_000_123_456_789}))

    assert rows_of(found) == [{"f": 1_545_230_000_123_456_789}]


def test_maps_become_fields_and_arrays_text():
    kind = {"type": "map", "values": {"type": "array", "items": "int"}}
    schema = of_field(kind)

    found = read_bytes(schema, *(encoded(schema, {"f": f}) for f in ({"a": [1]}, {"b": []}, {})))

    assert rows_of(found) == [{"f.a": "[1]"}, {"f.b": "[]"}, {}]


def test_the_branches_of_a_union_share_a_column():
    schema = of_field(["null", "string", "long", "double"])

    found = read_bytes(schema, *(encoded(schema, {"f": f}) for f in ("x", 1, None, 0.5)))

    assert rows_of(found) == [{"f": "x"}, {"f": "1"}, {}, {"f": "0.5"}]


def test_a_record_in_itself_is_read_to_its_end():
    schema = {
        "type": "record",
        "name": "Node",
        "fields": [{"name": "v", "type": "int"}, {"name": "next", "type": ["null", "Node"]}],
    }
    value = {"v": 1, "next": {"v": 2, "next": {"v": 3, "next": None}}}

    found = read_bytes(schema, encoded(schema, value))

    assert rows_of(found) == [{"v": 1, "next.v": 2, "next.next.v": 3}]


def test_types_of_other_schemas_are_found():
    user = {"type": "record", "name": "User", "namespace": "x", "fields": EVENT["fields"][:1]}
    event = {
        "type": "record",
        "name": "E",
        "namespace": "x",
        "fields": [
            {"name": "u", "type": "User"},
            {"name": "all", "type": {"type": "array", "items": "x.User"}},
        ],
    }
    schema = Schema("AVRO", json.dumps(event), (("x.User", Schema("AVRO", json.dumps(user))),))

    found = read(schema, Values.of(pa.array([b"\x02\x02\x04\x00"], pa.binary())))

    assert rows_of(found) == [{"u.ClientID": 1, "all": '[{"ClientID": 2}]'}]


def test_a_schema_that_would_be_boundless_is_not():
    """Each record holds the next twice: 2^60 fields, if they were all columns."""
    schema: object = "long"
    for depth in range(60):
        inner = [{"name": "a", "type": schema}, {"name": "b", "type": f"R{depth - 1}"}]
        fields = inner if depth else [{"name": "a", "type": "long"}]
        schema = {"type": "record", "name": f"R{depth}", "fields": fields}

    found = read_bytes(schema, b"\x02" * 100)

    assert found.reasons


def test_what_is_no_record_stands_under_an_empty_name():
    found = read_bytes("string", encoded("string", "key"))

    assert rows_of(found) == [{"": "key"}]


@pytest.mark.parametrize("text", ["{", '"nothing"', "7", '{"type":"record"}', "[" * 100_000])
def test_a_schema_that_is_none_says_so(text):
    with pytest.raises(SchemaError, match="Avro schema cannot be used"):
        read(Schema("AVRO", text), Values.of(pa.array([b""], pa.binary())))


# What does not fit


def test_only_the_record_that_does_not_fit_is_rejected():
    good = encoded(EVENT, {"ClientID": 1, "Kind": "d", "Data": {"Errors": None}})

    found = read_bytes(EVENT, good, good[:-1], good + b"\0", b"\x02\x04\x00", good)

    assert found.good.tolist() == [0, 4]
    assert found.reasons == {
        1: "it ends too early",
        2: "bytes are left over",
        3: "there is no such symbol of an enum",
    }


def test_text_that_is_not_utf8_is_rejected():
    found = read_bytes(of_field("string"), b"\x02\xff", b"\x02a")

    assert found.good.tolist() == [1]
    assert found.reasons == {0: "text that is not UTF-8"}


def test_a_date_that_no_calendar_has_is_rejected():
    found = read_bytes(of_field(DAY), encoded("int", 2**31 - 1), encoded("int", 0))

    assert rows_of(found) == [{"f": "1970-01-01"}]
    assert list(found.reasons) == [0]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "array", "items": "null"}, encoded("long", 2**60)),
        ({"type": "array", "items": "null"}, encoded("long", -(2**63)) + b"\0"),
        ({"type": "map", "values": "null"}, encoded("long", 2**40) + b"\0" * 50),
        ("bytes", encoded("long", 2**62)),
        ("string", encoded("long", -5) + b"hello"),
        ("long", b"\xff" * 11),
    ],
)
def test_lengths_beyond_the_record_cost_nothing(kind, value):
    found = read_bytes(of_field(kind), value)

    assert not len(found.good)
    assert list(found.reasons) == [0]


def test_nesting_is_bounded():
    schema = of_field({"type": "array", "items": "R"})

    found = read_bytes(schema, b"\x02" * (DEEPEST + 1) + b"\0" * (DEEPEST + 2), b"\0")

    assert found.reasons == {0: "it is nested too deeply"}


# Any schema, any value: what fastavro reads


@st.composite
def schemas(draw: st.DrawFn, depth: int = 3, names: list[str] | None = None) -> object:
    names = [] if names is None else names
    simple = ["null", "boolean", "int", "long", "float", "double", "string", "bytes"]
    kinds = ["simple", "enum", "fixed", "again"]
    kinds += ["record", "array", "map", "union"] if depth else []
    kind = draw(st.sampled_from(kinds))
    if kind == "again" and names:
        return draw(st.sampled_from(names))
    if kind in ("enum", "fixed"):
        name = f"N{len(names)}"
        names.append(name)
        size = {"size": draw(st.integers(0, 3))}
        more = {"symbols": ["A", "B", "C"]} if kind == "enum" else size
        return {"type": kind, "name": name, **more}
    if kind == "record":
        return draw(records(depth - 1, names))
    if kind in ("array", "map"):
        inner = draw(schemas(depth - 1, names))
        return {"type": kind, "items" if kind == "array" else "values": inner}
    if kind == "union":
        branches = draw(st.lists(st.sampled_from(simple), min_size=1, max_size=4, unique=True))
        return [*branches, draw(records(depth - 1, names))]
    return draw(st.sampled_from(simple))


@st.composite
def records(draw: st.DrawFn, depth: int = 3, names: list[str] | None = None) -> dict:
    names = [] if names is None else names
    name = f"N{len(names)}"
    names.append(name)
    inner = [draw(schemas(depth, names)) for _ in range(draw(st.integers(0, 4)))]
    # A record in itself has to have an end: as an item, or as one of several.
    fields = [
        {"name": f"f{place}", "type": _ending(kind, name)} for place, kind in enumerate(inner)
    ]
    return {"type": "record", "name": name, "fields": fields}


def _ending(kind: object, name: str) -> object:
    return ["null", name] if kind == name else kind


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="."), max_size=3)
SCALARS = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "string": st.text(max_size=12),
    "bytes": st.binary(max_size=4),
}


@st.composite
def written(draw: st.DrawFn, schema: object, named: dict[str, dict], depth: int = 6) -> bytes:
    """Bytes of a random value, made by the specification alone."""
    if isinstance(schema, dict) and "name" in schema:
        named[schema["name"]] = schema
    tree = named.get(schema, schema) if isinstance(schema, str) else schema
    if isinstance(tree, list):
        least = 1 if depth < 0 else len(tree)
        branch = draw(st.integers(0, least - 1))
        _learn(tree, named)
        return encoded("long", branch) + draw(written(tree[branch], named, depth - 1))
    kind = tree if isinstance(tree, str) else tree["type"]
    if kind in SCALARS:
        return encoded(kind, draw(SCALARS[kind]))
    if kind == "enum":
        return encoded("int", draw(st.integers(0, len(tree["symbols"]) - 1)))
    if kind == "fixed":
        return draw(st.binary(min_size=tree["size"], max_size=tree["size"]))
    if kind == "record":
        _learn(tree, named)
        return b"".join(draw(written(f["type"], named, depth - 1)) for f in tree["fields"])
    items = 0 if depth < 0 else draw(st.integers(0, 3))
    inner = tree["items" if kind == "array" else "values"]
    _learn(inner, named)
    content = b"".join(
        (encoded("string", draw(NAMES)) if kind == "map" else b"")
        + draw(written(inner, named, depth - 1))
        for _ in range(items)
    )
    sized = draw(st.booleans())
    begin = encoded("long", -items) + encoded("long", len(content)) if sized else b""
    return (begin or encoded("long", items)) + content + b"\0" if items else b"\0"


def _learn(tree: object, named: dict[str, dict]) -> None:
    for part in tree if isinstance(tree, list) else [tree]:
        if isinstance(part, dict):
            if "name" in part:
                named[part["name"]] = part
            for inner in ("items", "values"):
                if inner in part:
                    _learn(part[inner], named)
            for item in part.get("fields", []):
                _learn(item["type"], named)


SINGLE = '{"type": "float", "logicalType": "single"}'
fastavro.read.LOGICAL_READERS["float-single"] = lambda number, *_: one_as_written(number)


def as_json(value: object) -> object:
    """A value of fastavro's as JSON has it."""
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def rows_by_fastavro(schema: object, values: list[bytes]) -> list[dict]:
    if not values:
        return []
    parsed = fastavro.parse_schema(json.loads(json.dumps(schema).replace('"float"', SINGLE)))
    texts = [
        json.dumps(as_json(fastavro.schemaless_reader(io.BytesIO(value), parsed, None)))
        for value in values
    ]
    decoded = JSON.decode(block(*(text.encode() for text in texts)))
    assert not decoded.rejected.num_rows
    own = [name for name in decoded.columns.column_names if not name.startswith("Kafka")]
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in decoded.columns.select(own).to_pylist()
    ]


@settings(max_examples=150)
@given(st.data())
def test_any_records_are_read_as_fastavro_reads_them(data):
    schema = data.draw(records())
    named: dict[str, dict] = {}
    _learn(schema, named)
    values = data.draw(st.lists(written(schema, named), min_size=1, max_size=4))

    found = read_bytes(schema, *values)

    assert not found.reasons
    assert written_out(rows_of(found)) == written_out(rows_by_fastavro(schema, values))


@settings(max_examples=150)
@given(st.data())
def test_any_bytes_are_read_as_fastavro_reads_them_or_rejected(data):
    schema = data.draw(records())
    named: dict[str, dict] = {}
    _learn(schema, named)
    values = data.draw(st.lists(st.binary(max_size=40) | written(schema, named), min_size=1))
    values = [data.draw(changed(value)) for value in values]

    found = read_bytes(schema, *values)

    assert sorted([*found.good.tolist(), *found.reasons]) == list(range(len(values)))
    good = [values[row] for row in found.good.tolist()]
    assert written_out(rows_of(found)) == written_out(rows_by_fastavro(schema, good))


def written_out(rows: list[dict]) -> list[str]:
    """Rows so that a NaN is equal to a NaN, and 0 to 0.0 in what is JSON in a text."""
    return [
        json.dumps({name: by_value(value) for name, value in row.items()}, sort_keys=True)
        for row in rows
    ]


def as_number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def by_value(value: object) -> object:
    try:
        return json.loads(value, parse_float=as_number) if isinstance(value, str) else value
    except ValueError:
        return value


@st.composite
def changed(draw: st.DrawFn, value: bytes) -> bytes:
    """A value as it is, cut, or with bytes put over some of it."""
    cut = value[: draw(st.integers(0, len(value)))] if draw(st.booleans()) else value
    at = draw(st.integers(0, len(cut)))
    over = draw(st.binary(max_size=3))
    return cut[:at] + over + cut[at + len(over) :]
