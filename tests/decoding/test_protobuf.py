"""Protobuf to columns: what `protobuf` reads, by the names of the `.proto` file."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from google.protobuf import message_factory
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.errors import SchemaError
from lib.core.schemas import Schema
from lib.core.single_precision import one_as_written
from lib.decoding.json import JSON
from lib.decoding.proto_files import compiled_file
from lib.decoding.protobuf import MOST_MESSAGES, read
from lib.decoding.protobuf_walk import DEEPEST
from lib.decoding.slots import Values
from tests.support.blocks import block

FIRST = b"\0"
"""The indexes of a file's first message, as they are written before a value."""

EVENT = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Event {
  int64 client_id = 1;
  optional int64 optional = 2;
  Data data = 3;
  google.protobuf.Timestamp at = 4;
  message Data { sint32 errors = 1; }
}
message Other { string text = 1; message Inner { bool yes = 1; } }
"""

EVERYTHING = """
syntax = "proto3";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message All {
  double double = 1;
  float float = 2;
  int32 int32 = 3;
  int64 int64 = 4;
  uint32 uint32 = 5;
  uint64 uint64 = 6;
  sint32 sint32 = 7;
  sint64 sint64 = 8;
  fixed32 fixed32 = 9;
  fixed64 fixed64 = 10;
  sfixed32 sfixed32 = 11;
  sfixed64 sfixed64 = 12;
  bool bool = 13;
  string string = 14;
  bytes bytes = 15;
  enum Enum { NONE = 0; ONE = 1; MINUS = -1; }
  Enum enum = 16;
  optional int32 optional = 17;
  repeated int32 numbers = 18;
  map<string, Enum> map = 19;
  All inner = 20;
  oneof which { string text = 21; Part part = 22; int32 number = 23; }
  Part single = 24;
  repeated Part parts = 25;
  google.protobuf.Int64Value wrapped = 26;
  google.protobuf.Timestamp time = 27;
  google.protobuf.Duration duration = 28;
  repeated double doubles = 29;
  repeated string words = 30;
  repeated sint64 zigzags = 31;
  repeated bool flags = 32;
  repeated fixed32 fixed = 33 [packed = false];
  repeated float floats = 34;
  map<string, int64> counts = 35;
  map<int32, string> by_number = 36;
  map<bool, double> shares = 37;
  repeated Flat flats = 38;
  message Flat { int64 n = 1; bool b = 2; string s = 3; oneof y { float f = 4; int32 i = 5; } }
  google.protobuf.Struct struct = 300;
  map<bool, Part> by_bool = 1000;
  message Part { int64 a = 1; optional string b = 2; repeated string c = 3; Deep deep = 4; }
  message Deep { fixed64 x = 1; oneof y { bool yes = 2; sint64 no = 3; } }
}
"""

OLD = """
syntax = "proto2";
message Old {
  required int32 a = 1;
  optional string b = 2 [default = "b"];
  enum Closed { X = 1; Y = 2; }
  optional Closed c = 3;
  optional group Group = 4 { optional int32 d = 5; }
  repeated int32 packed = 6 [packed = true];
}
"""


def schema_of(text: str, *references: tuple[str, str]) -> Schema:
    return Schema("PROTOBUF", text, tuple((n, Schema("PROTOBUF", t)) for n, t in references))


def message_of(text: str, name: str):
    return message_factory.GetMessageClass(compiled_file(schema_of(text)).descriptor(name))


def read_rows(schema: Schema | str, *values: bytes, message: bytes | str | None = None):
    """The rows by their positions, and the reasons."""
    schema = schema_of(schema) if isinstance(schema, str) else schema
    rows, reasons = {}, {}
    for found in read(schema, Values.of(pa.array(values, pa.binary())), message):
        reasons |= found.reasons
        table = pa.table(found.columns).to_pylist() if found.columns else [{} for _ in found.good]
        for place, row in zip(found.good.tolist(), table, strict=True):
            rows[place] = {name: value for name, value in row.items() if value is not None}
    return rows, reasons


# What becomes a column


def test_fields_have_the_names_of_the_file_and_defaults_where_they_have_no_presence():
    event = message_of(EVENT, "shop.Event")

    rows, reasons = read_rows(
        EVENT,
        FIRST + event(client_id=7, optional=0, data={"errors": -3}).SerializeToString(),
        FIRST + event(data={}).SerializeToString(),
        FIRST,
    )

    assert not reasons
    assert rows == {
        0: {"client_id": 7, "optional": 0, "data.errors": -3},
        1: {"client_id": 0, "data.errors": 0},
        2: {"client_id": 0},
    }


def test_a_timestamp_is_microseconds():
    event = message_of(EVENT, "shop.Event")
    values = [event(at={"seconds": s, "nanos": 123_456_789}) for s in (1_545_230_000, -2)]
    values = pa.array([FIRST + value.SerializeToString() for value in values], pa.binary())

    (found,) = read(schema_of(EVENT), Values.of(values))

    assert found.columns["at"].to_pylist() == [1_545_230_000_123_456, -1_876_544]


@pytest.mark.parametrize(
    ("indexes", "value", "row"),
    [
        (b"\x02\x02", b"\x0a\x01x", {"text": "x"}),
        (b"\x04\x02\x00", b"\x08\x01", {"yes": True}),
        (b"\x07\x0a\x05Other", b"\x0a\x01x", {"text": "x"}),
        (b"\x02\x00", b"\x08\x01", {"client_id": 1}),
    ],
)
def test_a_value_begins_with_its_message(indexes, value, row):
    rows, reasons = read_rows(EVENT, indexes + value)

    assert (rows, reasons) == ({0: row}, {})


@pytest.mark.parametrize("message", [b"\x02\x02", "Other", "shop.Other"])
def test_headers_may_say_which_message_it_is(message):
    assert read_rows(EVENT, b"\x0a\x01x", message=message) == ({0: {"text": "x"}}, {})


@pytest.mark.parametrize("beginning", [b"", b"\x01", b"\x80", b"\x02", b"\x02\x08", b"\x02\x01"])
def test_a_value_without_a_message_of_the_schema_is_rejected(beginning):
    rows, reasons = read_rows(EVENT, beginning, FIRST)

    assert list(rows) == [1]
    assert reasons == {0: "it does not say which message of the schema it is"}


def test_very_many_different_beginnings_do_not_take_very_long():
    values = [b"\x02" + bytes([number]) for number in range(2 * MOST_MESSAGES)]

    rows, reasons = read_rows(EVENT, *values)

    assert len(rows) + len(reasons) == len(values)


def test_imported_files_are_found():
    part = 'syntax = "proto3"; package x; message Part { int32 a = 1; }'
    whole = 'syntax = "proto3"; import "x/part.proto"; message Whole { x.Part part = 1; }'

    rows, _ = read_rows(schema_of(whole, ("x/part.proto", part)), FIRST + b"\x0a\x02\x08\x05")

    assert rows == {0: {"part.a": 5}}


def test_what_confluents_registry_knows_is_found():
    text = """
    syntax = "proto3";
    import "confluent/meta.proto";
    import "confluent/type/decimal.proto";
    message M { confluent.type.Decimal price = 1 [(confluent.field_meta) = { doc: "x" }]; }
    """
    price = message_of(text, "M")(price={"value": b"\xfb\x2e", "precision": 9, "scale": 2})

    assert read_rows(text, FIRST + price.SerializeToString())[0] == {0: {"price": "-12.34"}}


def test_integers_beyond_int64_are_text():
    everything = message_of(EVERYTHING, "All")

    rows, _ = read_rows(EVERYTHING, FIRST + everything(uint64=2**64 - 1).SerializeToString())

    assert rows[0]["uint64"] == str(2**64 - 1)


def test_a_number_that_an_enum_does_not_have_is_shown():
    assert read_rows(EVERYTHING, FIRST + b"\x80\x01\x63")[0][0]["enum"] == "99"


def test_an_older_file_is_read_too():
    old = message_of(OLD, "Old")(a=1, c=2, group={"d": 4}, packed=[1, 2])

    rows, reasons = read_rows(OLD, FIRST + old.SerializeToString(), FIRST + b"\x18\x09")

    assert not reasons
    assert rows == {0: {"a": 1, "c": "Y", "group.d": 4, "packed": "[1, 2]"}, 1: {}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('syntax = "proto3"; message A { itn64 x = 1; }', 'line 1:32: "itn64" is not defined'),
        ('syntax = "proto3"; import "gone.proto";', "gone.proto"),
    ],
)
def test_a_schema_that_is_none_says_why(text, said):
    with pytest.raises(SchemaError, match=said):
        read_rows(text, b"", message="A")


@pytest.mark.parametrize("path", ["/etc/x.proto", "../x.proto"])
def test_an_import_stays_in_its_folder(path):
    with pytest.raises(SchemaError, match="it imports"):
        read_rows(schema_of('syntax = "proto3";', (path, 'syntax = "proto3";')), FIRST)


# What does not fit


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x08", "it ends too early"),
        (b"\x1a\x7f", "it ends too early"),
        (b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "it ends too early"),
        (b"\x08" + b"\xff" * 11, "a number has too many bytes"),
        (b"\x00\x00", "a field has a number or type that there cannot be"),
        (b"\x07", "a field has a number or type that there cannot be"),
        (b"\x3b" * 200, "it is nested too deeply"),
    ],
)
def test_bytes_that_do_not_fit_are_rejected(value, reason):
    rows, reasons = read_rows(EVENT, FIRST + value, FIRST)

    assert (rows, reasons) == ({1: {"client_id": 0}}, {0: reason})


def test_a_group_that_is_not_known_may_hold_a_field_0():
    group = b"\x63\x00\x01\x64"  # field 12, as the reference reads it

    rows, reasons = read_rows(EVERYTHING, FIRST + group, FIRST + b"\x00\x01")

    assert parsed(message_of(EVERYTHING, "All"), group) is not None
    assert (list(rows), list(reasons)) == ([0], [1])


def test_nesting_is_bounded():
    text = 'syntax = "proto3"; message A { A a = 1; repeated A b = 2; int32 c = 3; }'
    value = b""
    for _ in range(DEEPEST + 1):
        value = b"\x0a" + _varint(len(value)) + value

    rows, reasons = read_rows(text, FIRST + value, FIRST)

    assert (rows, list(reasons)) == ({1: {"c": 0}}, [0])


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


# Any message: what protobuf reads


def plain(message) -> dict:
    """A message as JSON has it, with defaults where there is no presence."""
    found = {}
    for item in message.DESCRIPTOR.fields:
        value = getattr(message, item.name)
        if item.is_repeated and value:
            found[item.name] = _many(item, value)
        elif not item.is_repeated and (not item.has_presence or message.HasField(item.name)):
            found[item.name] = _single(item, value)
    return found


def _many(item, value):
    if hasattr(value, "items"):
        kind = item.message_type.fields_by_name["value"]
        return {
            json.dumps(k).strip('"') if isinstance(k, bool) else k: _single(kind, v)
            for k, v in value.items()
        }
    return [_single(item, one) for one in value]


def _single(item, value):
    if item.enum_type:
        known = item.enum_type.values_by_number
        return known[value].name if value in known else str(value)
    if item.type == item.TYPE_FLOAT:
        return one_as_written(value)
    if not item.message_type:
        return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
    match item.message_type.name:
        case "Timestamp":
            return value.seconds * 1_000_000 + value.nanos // 1000
        case "Duration":
            return value.seconds + value.nanos / 1e9
        case "Int64Value":
            return value.value
        case "Struct":
            return {name: _struct_value(one) for name, one in value.fields.items()}
        case _:
            return plain(value)


def _struct_value(value):
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {name: _struct_value(one) for name, one in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_struct_value(one) for one in value.list_value.values]
    if kind == "number_value" and value.number_value.is_integer():
        return int(value.number_value)
    return None if kind in (None, "null_value") else getattr(value, kind)


def rows_by_protobuf(messages: list) -> list[dict]:
    texts = [json.dumps(plain(message)).encode() for message in messages]
    columns = JSON.decode(block(*texts)).columns
    own = [name for name in columns.column_names if not name.startswith("Kafka")]
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in columns.select(own).to_pylist()
    ]


INT32, INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="."), max_size=5)
DEEP = st.fixed_dictionaries({}, optional={"x": st.integers(0, 2**63 - 1), "no": INT64})
PART = st.fixed_dictionaries(
    {}, optional={"a": INT64, "b": TEXT, "c": st.lists(TEXT, max_size=2), "deep": DEEP}
)
FLAT = st.fixed_dictionaries(
    {}, optional={"n": INT64, "b": st.booleans(), "s": TEXT, "f": FLOATS, "i": INT32}
)
FIELDS = {
    "double": DOUBLES,
    "float": FLOATS,
    "int32": INT32,
    "int64": INT64,
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**63 - 1),
    "sint32": INT32,
    "sint64": INT64,
    "fixed32": st.integers(0, 2**32 - 1),
    "fixed64": st.integers(0, 2**63 - 1),
    "sfixed32": INT32,
    "sfixed64": INT64,
    "bool": st.booleans(),
    "string": TEXT,
    "bytes": st.binary(max_size=4),
    "enum": INT32,
    "optional": INT32,
    "numbers": st.lists(INT32, max_size=3),
    "map": st.dictionaries(TEXT, st.sampled_from([0, 1, -1]), max_size=3),
    "text": TEXT,
    "part": PART,
    "single": PART,
    "parts": st.lists(PART, max_size=2),
    "wrapped": st.fixed_dictionaries({}, optional={"value": INT64}),
    "time": st.fixed_dictionaries({"seconds": st.integers(-(10**10), 10**10)}),
    "duration": st.fixed_dictionaries({"seconds": st.integers(-(10**6), 10**6)}),
    "by_bool": st.dictionaries(st.booleans(), PART, max_size=2),
    "doubles": st.lists(DOUBLES, max_size=3),
    "words": st.lists(TEXT, max_size=3),
    "zigzags": st.lists(INT64, max_size=3),
    "flags": st.lists(st.booleans(), max_size=3),
    "fixed": st.lists(st.integers(0, 2**32 - 1), max_size=3),
    "floats": st.lists(FLOATS, max_size=3),
    "counts": st.dictionaries(TEXT, INT64, max_size=3),
    "by_number": st.dictionaries(INT32, TEXT, max_size=3),
    "shares": st.dictionaries(st.booleans(), DOUBLES, max_size=2),
    "flats": st.lists(FLAT, max_size=3),
}
ALL = st.fixed_dictionaries({}, optional=FIELDS)
MESSAGES = st.builds(
    lambda outer, inner: {**outer, **({"inner": inner} if inner else {})}, ALL, ALL
)


@settings(max_examples=50)
@given(st.lists(MESSAGES, min_size=1, max_size=3))
def test_any_messages_are_read_as_protobuf_reads_them(messages):
    messages = [message_of(EVERYTHING, "All")(**fields) for fields in messages]

    rows, reasons = read_rows(EVERYTHING, *(FIRST + m.SerializeToString() for m in messages))

    assert not reasons
    assert list(rows.values()) == rows_by_protobuf(messages)


def test_lists_may_be_packed_or_not_and_come_in_pieces():
    packed, single = b"\x92\x01\x02\x01\x02", b"\x90\x01\x03"

    rows, _ = read_rows(EVERYTHING, FIRST + packed + single + packed, FIRST, FIRST + single)

    assert [rows[place].get("numbers") for place in range(3)] == ["[1, 2, 3, 1, 2]", None, "[3]"]


def test_a_list_that_is_cut_off_or_no_text_is_rejected_alone():
    values = [b"\x92\x01\x01\x80", b"\xf2\x01\x01\xff", b"\x9a\x02\x01\x08", b"\x90\x01\x05"]

    rows, reasons = read_rows(EVERYTHING, *(FIRST + value for value in values))

    assert sorted(reasons) == [0, 1, 2]
    assert rows[3]["numbers"] == "[5]"


def test_a_map_with_very_many_keys_is_read_too():
    message = message_of(EVERYTHING, "All")(counts={f"k{n}": n for n in range(101)})

    rows, _ = read_rows(EVERYTHING, FIRST + message.SerializeToString())

    assert rows == {0: rows_by_protobuf([message])[0]}


@pytest.mark.parametrize("replaced", [b"\x72\x01\xff", b"\xaa\x01\x01\xff\xb8\x01\x05"])
def test_a_text_that_is_replaced_has_to_be_one(replaced):
    good = message_of(EVERYTHING, "All")(string="x").SerializeToString()

    rows, reasons = read_rows(EVERYTHING, FIRST + replaced + good, FIRST + good + good)

    assert list(reasons) == [0]
    assert rows[1]["string"] == "x"


def test_what_a_oneof_drops_takes_its_lists_along():
    all_of = message_of(EVERYTHING, "All")
    first = all_of(part={"c": ["x"]}).SerializeToString()

    rows, _ = read_rows(EVERYTHING, FIRST + first + all_of(text="t").SerializeToString())

    assert "part.c" not in rows[0]
    assert rows[0]["text"] == "t"


@settings(max_examples=100)
@given(st.data())
def test_any_bytes_are_read_as_protobuf_reads_them_or_rejected(data):
    all_of = message_of(EVERYTHING, "All")
    values = data.draw(st.lists(st.binary(max_size=40) | pieces(all_of), min_size=1, max_size=4))

    rows, reasons = read_rows(EVERYTHING, *(FIRST + value for value in values))

    good = {
        place: found
        for place, value in enumerate(values)
        if (found := parsed(all_of, value)) is not None
    }
    assert sorted([*rows, *reasons]) == list(range(len(values)))
    assert rows.keys() <= good.keys()
    assert reasons.keys() <= good.keys() ^ set(range(len(values))) or all(
        "beyond any time" in reasons[place] for place in reasons.keys() & good.keys()
    )
    expected = rows_by_protobuf([good[place] for place in rows])
    assert [json.dumps(rows[place], sort_keys=True) for place in rows] == [
        json.dumps(row, sort_keys=True) for row in expected
    ]


@st.composite
def pieces(draw: st.DrawFn, kind) -> bytes:
    """Messages behind each other, cut or with bytes put over some of them."""
    parts = draw(st.lists(MESSAGES, min_size=1, max_size=3))
    value = b"".join(kind(**fields).SerializeToString() for fields in parts)
    value = value[: draw(st.integers(0, len(value)))] if draw(st.booleans()) else value
    at, over = draw(st.integers(0, len(value))), draw(st.binary(max_size=3))
    return value[:at] + over + value[at + len(over) :]


def parsed(kind, value: bytes):
    try:
        return kind.FromString(value)
    except DecodeError:
        return None
