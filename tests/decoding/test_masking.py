"""Masked fields in decoded columns and in raw records."""

import base64
import io
import json

import fastavro
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.masking import NOTHING_MASKED, Masking
from lib.core.schemas import NoSchemas, Schema, SchemaId
from lib.decoding.masking import RawRecord, masked_columns, masked_record
from lib.decoding.registry import decode_block, decoder_for
from lib.sources.records import rejected_for
from tests.support.blocks import block
from tests.support.schemas import KnownSchemas

SECRET = "ann@example.com"
MASKING = Masking(("email",))


def decoded(records, masking=MASKING, layers=None, **options):
    decoder = decoder_for(records, NoSchemas(), layers)
    return decode_block(records, decoder, masking, **options)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 1, None],
        [1.5, 2.0, None],
        [True, False, None],
        ["a", "b", "a", "a", None],
        ["unique", "texts", None],
    ],
)
def test_a_column_of_any_type_becomes_text_that_tells_values_apart(values):
    masked = masked_columns(pa.table({"email": pa.array(values), "other": values}), MASKING)
    shown = masked["email"].to_pylist()
    assert [text is None for text in shown] == [value is None for value in values]
    assert len(set(shown)) == len(set(values))
    assert not {*map(str, values)} & {*map(str, shown)} - {"None"}
    assert masked["other"].to_pylist() == values


@pytest.mark.parametrize("layers", [None, ()])
@pytest.mark.parametrize(
    "value",
    [
        {"email": SECRET},
        {"schema": {"type": "struct"}, "payload": {"email": SECRET}},
        {"before": None, "after": {"email": SECRET}, "op": "c", "source": {"ts_ms": 1}},
        {"data": json.dumps({"email": SECRET})},
        {"users": [{"email": SECRET}]},
        {"events": [{"email": SECRET, "time": 1545230000000}]},
        {f"f{n}": n for n in range(200)} | {"email": SECRET},
    ],
)
def test_whatever_is_unwrapped_or_not_nothing_is_left(value, layers):
    # Given records of which the last is of another shape than the first
    odd = {"rare": {"email": SECRET}, **{f"g{n}": n for n in range(200)}}
    records = block(*(json.dumps(each).encode() for each in [value] * 20 + [odd]))
    found = decoded(records, layers=layers)
    assert found.columns.num_rows
    assert SECRET not in str(found.columns.to_pylist())


def test_what_a_wrapper_is_called_counts_where_it_was_unwrapped():
    record = {"schema": {"type": "struct"}, "payload": {"email": SECRET, "a": 1}}
    found = decoded(block(json.dumps(record).encode()), Masking(("payload",)))
    assert all(
        text.startswith("masked-")
        for text in found.columns.to_pylist()[0].values()
        if isinstance(text, str)
    )
    assert SECRET not in str(found.columns.to_pylist())


def test_keys_and_headers_are_masked_by_name_and_looked_into():
    records = block(
        b'{"a": 1}',
        keys=[json.dumps({"email": SECRET}).encode()],
        headers=[[("email", SECRET.encode()), ("trace", b"t-1")]],
    )
    extras = ("@key", "@header:email", "@header:trace")
    [row] = decoded(records, extras=extras).columns.to_pylist()
    assert SECRET not in str(row)
    assert row["@header:trace"] == "t-1"
    [row] = decoded(records, Masking(("@key", "@header:trace")), extras=extras).columns.to_pylist()
    assert row["@key"].startswith("masked-")
    assert row["@header:trace"].startswith("masked-")
    assert row["@header:email"] == SECRET


def test_how_a_rejected_value_begins_is_withheld():
    bad = block(SECRET.encode(), b'{"a": 1}')
    rejected = decoded(bad).rejected
    assert rejected["reason"].to_pylist() == ["not JSON"]
    assert SECRET not in str(rejected.to_pylist())
    known = decode_block(rejected_for("no line of it", bad), None, MASKING)
    assert SECRET not in str(known.rejected.to_pylist())
    assert SECRET in str(decode_block(bad, decoder_for(bad, NoSchemas()), NOTHING_MASKED).rejected)


class TestRawRecords:
    def test_without_masking_they_are_as_they_are(self):
        headers = [("h", b"\xff")]
        assert masked_record(NOTHING_MASKED, b"k", b"\x00v", headers) == RawRecord(
            b"k", b"\x00v", (("h", b"\xff"),)
        )

    def test_json_shows_all_but_what_is_masked(self):
        value = json.dumps({"email": SECRET, "a": 1}).encode()
        shown = masked_record(MASKING, b"key", value, [("email", SECRET.encode()), ("h", b"1")])
        assert json.loads(shown.value)["a"] == 1
        assert shown.key == b"key"
        assert dict(shown.headers)["h"] == b"1"
        assert SECRET.encode() not in repr(shown).encode()
        assert shown.withheld == ()

    def test_what_cannot_be_looked_into_is_withheld_and_named(self):
        avro = b"\0\0\0\0\1" + SECRET.encode()
        shown = masked_record(MASKING, b"\xff", avro, [("h", b"\xff"), ("none", None)])
        assert shown == RawRecord(
            None, None, (("h", None), ("none", None)), ("@key", "value", "@header:h")
        )


# Behind a schema registry

AVRO = {
    "type": "record",
    "name": "E",
    "fields": [
        {"name": "email", "type": ["null", "string"]},
        {
            "name": "user",
            "type": {
                "type": "record",
                "name": "U",
                "fields": [{"name": "email", "type": "bytes"}, {"name": "age", "type": "int"}],
            },
        },
        {"name": "all", "type": {"type": "array", "items": "U"}},
        {"name": "by", "type": {"type": "map", "values": "U"}},
        {"name": "raw", "type": "bytes"},
    ],
}
USER = {"email": SECRET.encode(), "age": 44}
PROTO = """
syntax = "proto3";
message M { string email = 1; repeated M all = 2; map<string, M> by = 3; bytes raw = 4; }
"""


def of_registry(kind, text, body):
    schemas = KnownSchemas({SchemaId("schema id", 1): Schema(kind, text)})
    return block(b"\0\0\0\0\1" + body), schemas


def avro_record():
    body = io.BytesIO()
    record = {
        "email": SECRET,
        "user": USER,
        "all": [USER],
        "by": {"a": USER},
        "raw": json.dumps({"email": SECRET}).encode(),
    }
    fastavro.schemaless_writer(body, AVRO, record)
    return of_registry("AVRO", json.dumps(AVRO), body.getvalue())


def protobuf_record():
    def field(number, content):
        return bytes([number << 3 | 2, len(content)]) + content

    one = field(1, SECRET.encode())
    raw = field(4, json.dumps({"email": SECRET}).encode())
    body = one + field(2, one) + field(3, field(1, b"a") + field(2, one)) + raw
    return of_registry("PROTOBUF", PROTO, b"\0" + body)


@pytest.mark.parametrize("make", [avro_record, protobuf_record])
@pytest.mark.parametrize("fields", [("email",), ("*mail",), ("/e.*l/",)])
def test_nested_fields_of_a_schema_are_masked(make, fields):
    records, schemas = make()
    decoder = decoder_for(records, schemas)
    plain = decode_block(records, decoder, NOTHING_MASKED).columns.to_pylist()
    [shown] = decode_block(records, decoder, Masking(fields)).columns.to_pylist()
    assert str(plain).count(SECRET) + str(plain).count("ann@") >= 4
    assert "ann@" not in str(shown)
    assert base64.b64encode(b"ann@exampl").decode()[:12] not in str(shown)
    assert "44" in str(shown) or make is protobuf_record


NAMES = st.sampled_from(["email", "Email", "e-mail", "mail", "x", "user.email"])
TEXTS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "{", '{"', "a ", "[", "\\u0065"]),
    NAMES,
    st.sampled_from(['": "', "=", ":", ' : "', "", ">"]),
    st.sampled_from(["ann", 'ann"}', "", '"}]', "é"]),
)


@given(
    st.lists(TEXTS | TEXTS.map(lambda text: base64.b64encode(text.encode()).decode()) | st.none()),
    st.sampled_from(
        ["email", "user.email", "*.email", "e?mail", "*", "e*", "/e-?mail/", "[e]mail"]
    ),
)
def test_a_column_of_text_is_looked_into_as_each_text_is(column, name):
    masking = Masking((name,))
    table = pa.table({"t": pa.array([*column, *column], pa.string())})
    shown = masked_columns(table, masking)["t"].to_pylist()
    if not masking.covers("t"):
        assert shown == 2 * [t if t is None else masking.masked_text(t, "t") for t in column]
