"""How records say which schema they are written with."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.schemas import SchemaId
from lib.decoding.wire_format import framed, recognise
from tests.support.blocks import block
from tests.support.schemas import written_by

GUID = UUID(int=7)
PLAIN = b'{"a":1}'


def ids_of(*values: bytes | None, headers=None) -> list[tuple[str, SchemaId, list[int]]]:
    return [(f.form, f.id, f.rows.tolist()) for f in framed(block(*values, headers=headers))]


# What a value begins with


def test_records_with_one_schema_are_together():
    one, two = b"\0\0\0\0\x11abc", b"\0\0\0\1\0x"

    assert ids_of(one, two, None, one, PLAIN, b"") == [
        ("Confluent", SchemaId("schema id", 17), [0, 3]),
        ("Confluent", SchemaId("schema id", 256), [1]),
    ]


@pytest.mark.parametrize(
    ("beginning", "form", "found"),
    [
        (b"\0\xff\xff\xff\xff", "Confluent", SchemaId("schema id", 2**32 - 1)),
        (b"\0" * 7 + b"\1\2", "Apicurio", SchemaId("global id", 258)),
        (b"\3\0" + GUID.bytes, "AWS Glue", SchemaId("Glue schema version", str(GUID))),
        (b"\3\5" + GUID.bytes, "AWS Glue", SchemaId("Glue schema version", str(GUID))),
        (
            b"\xc3\1" + bytes(range(8)),
            "Avro single objects",
            SchemaId("fingerprint", "0001020304050607"),
        ),
    ],
)
def test_a_value_begins_with_its_schema(beginning, form, found):
    records = block(beginning + b"body")

    (one,) = framed(records)

    assert (one.form, one.id, one.starts.tolist()) == (form, found, [len(beginning)])
    assert recognise(records) == form


@pytest.mark.parametrize("value", [b"\0\0\0\0", b"\3\1" + GUID.bytes, b"\xc3\2" + b"x" * 9, PLAIN])
def test_what_is_none_of_them_is_left(value):
    assert framed(block(value)) == []
    assert recognise(block(value)) is None


def test_a_sliced_block_is_read_where_it_lies():
    records = block(PLAIN, b"\0\0\0\0\x11ab", b"\0\0\0\0\x12c").slice(1)

    assert [one.id.value for one in framed(records)] == [17, 18]


# Headers


def test_a_header_wins_over_the_value():
    header = [("__value_schema_id", b"\1" + GUID.bytes)]

    assert ids_of(b"\0\0\0\0\x11abc", b"\0\0\0\0\x11abc", headers=[header, None]) == [
        ("Confluent, GUID in headers", SchemaId("GUID", str(GUID)), [0]),
        ("Confluent", SchemaId("schema id", 17), [1]),
    ]


def test_a_header_says_which_message_it_is():
    header = [("__value_schema_id", b"\1" + GUID.bytes + b"\2\2")]

    (one,) = framed(block(b"x", headers=[header]))

    assert one.message == b"\2\2"


@pytest.mark.parametrize(("name", "kind"), [("contentId", "schema id"), ("globalId", "global id")])
def test_apicurio_has_ids_in_headers(name, kind):
    headers = [[(f"apicurio.value.{name}", (5).to_bytes(8, "big"))], None]

    assert ids_of(b"x", PLAIN, headers=headers) == [
        ("Apicurio, ids in headers", SchemaId(kind, 5), [0])
    ]


@pytest.mark.parametrize("content", [b"", b"\1", b"\2" + GUID.bytes, b"\1" * 16])
def test_a_header_that_holds_something_else_is_left(content):
    headers = [[("__value_schema_id", content), ("apicurio.value.globalId", content)]]

    assert ids_of(PLAIN, headers=headers) == []


def test_keys_have_headers_of_their_own():
    records = block(PLAIN, keys=[b"k"], headers=[[("__key_schema_id", b"\1" + GUID.bytes)]])

    assert framed(records) == []
    assert framed(records, "key")[0].id == SchemaId("GUID", str(GUID))


# A topic


def test_half_of_the_values_decide():
    assert recognise(block(b"\0\0\0\0\1x", PLAIN, None)) == "Confluent"
    assert recognise(block(b"\0\0\0\0\1x", PLAIN, PLAIN)) is None


@pytest.mark.parametrize("language", ["java", "python"])
def test_what_serializers_write_is_recognised(language):
    values = {n: w for n, w in written_by(language).items() if "file" not in n}

    for name, written in values.items():
        form = recognise(block(written.value, headers=[written.headers]))

        expected = {
            "prefix": "Confluent",
            "global id": "Apicurio",
            "four bytes": "Confluent",
            "single object": "Avro single objects",
            "headers": "Apicurio, ids in headers"
            if language == "java"
            else "Confluent, GUID in headers",
        }
        assert form == expected[name.partition(", ")[2]]


@given(
    st.lists(
        st.none() | st.binary(max_size=24) | st.binary(max_size=6).map(lambda v: b"\0\0\0" + v),
        max_size=20,
    ),
    st.lists(st.binary(max_size=20), min_size=20, max_size=20),
)
def test_no_record_is_taken_twice_and_no_start_is_outside(values, contents):
    headers = [[("__value_schema_id", c), ("apicurio.value.contentId", c)] for c in contents]
    records = block(*values, headers=headers[: len(values)])

    found = framed(records)

    rows = [row for one in found for row in one.rows.tolist()]
    assert len(rows) == len(set(rows))
    assert all(values[row] is not None for row in rows)
    for one in found:
        ends = [sum(len(value or b"") for value in values[: row + 1]) for row in one.rows]
        assert (one.starts <= ends).all()
