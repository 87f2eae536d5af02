"""Rows of tables as decoded records: as JSON gives them, whatever the table is of."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.columns import KAFKA_COLUMNS
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.decoding.json import JSON
from lib.decoding.registry import decode_block, decoder_for
from lib.decoding.tabular import TABULAR
from lib.sources.records import rejected_for, rows_as_values, with_values
from tests.support.blocks import block, values_of

WORDS = pa.dictionary(pa.int32(), pa.string())
NAN, INF = float("nan"), float("inf")
NUMBER = 10**37


def rows_of(columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """A block whose values are rows of a table with these columns."""
    rows = len(next(iter(columns.values()), ()))
    return with_values(block(*[b""] * rows), rows_as_values(columns, rows))


def decoded(records: pa.RecordBatch) -> pa.Table:
    """The fields of a block of records, of which none is rejected."""
    found = decode_block(records, decoder_for(records, NoSchemas()), NOTHING_MASKED)
    assert not len(found.rejected)
    return found.columns.drop_columns([n for n in found.columns.column_names if n in KAFKA_COLUMNS])


def field(column: pa.Array) -> tuple[pa.DataType, list]:
    """The type and the values that a column has when it is decoded."""
    found = decoded(rows_of({"it": column}))["it"]
    return found.type, found.to_pylist()


# Columns with a type


@pytest.mark.parametrize(
    ("kind", "values", "wanted", "as_decoded"),
    [
        (pa.int16(), [1, None], pa.int64(), [1, None]),
        (pa.uint64(), [2**63 - 1], pa.int64(), [2**63 - 1]),
        (pa.uint64(), [1, 2**63], pa.string(), ["1", "9223372036854775808"]),
        (pa.float32(), [0.5, None], pa.float64(), [0.5, None]),
        (pa.float64(), [1.0, NAN, INF], pa.float64(), [1.0, None, INF]),
        (pa.float16(), [1.5], pa.float64(), [1.5]),
        (pa.float32(), [0.1, None, NAN, 1e-30], pa.float64(), [0.1, None, None, 1e-30]),
        (pa.float16(), [np.float16(0.1), None], pa.float64(), [0.1, None]),
        (pa.bool_(), [True, None], pa.bool_(), [True, None]),
        (pa.string(), ["007", "x", None], pa.string(), ["007", "x", None]),
        (pa.large_string(), ["7", "7"], WORDS, ["7", "7"]),
        (pa.string_view(), ["a", "a"], WORDS, ["a", "a"]),
        (WORDS, ["a", "b"], pa.string(), ["a", "b"]),
        (pa.decimal128(38, 0), [Decimal(10)], pa.int64(), [10]),
        (pa.decimal128(38, 0), [Decimal(10**30)], pa.string(), [str(10**30)]),
        (pa.decimal128(9, 2), [Decimal("1.50")], pa.float64(), [1.5]),
        (pa.date32(), [dt.date(2018, 10, 28)], pa.string(), ["2018-10-28"]),
        (pa.timestamp("ms", "UTC"), [1540726486041], pa.string(), ["2018-10-28T11:34:46.041Z"]),
        (pa.duration("s"), [90], pa.string(), ["90"]),
        (pa.uuid(), [uuid.UUID(int=NUMBER).bytes], pa.string(), [str(uuid.UUID(int=NUMBER))]),
        (pa.list_(pa.int8()), [[1, None], [], None], pa.string(), ["[1, null]", "[]", None]),
        (pa.list_(pa.string()), [["ä"], ["ä"]], WORDS, ['["ä"]', '["ä"]']),
        (pa.list_(pa.date32()), [[dt.date(2018, 10, 28)]], pa.string(), ['["2018-10-28"]']),
        (pa.map_(pa.string(), pa.int8()), [[("a", 1)]], pa.string(), ['[["a", 1]]']),
    ],
)
def test_a_column_of_any_type_is_a_field(kind, values, wanted, as_decoded):
    assert field(pa.array(values, kind)) == (wanted, as_decoded)


@pytest.mark.parametrize("column", [pa.nulls(2), pa.nulls(2, pa.int8()), pa.array([NAN, NAN])])
def test_a_column_without_values_is_no_field(column):
    assert decoded(rows_of({"it": column})).column_names == []


def test_nested_columns_have_dots_in_their_names_and_win_over_others_of_that_name():
    inner = pa.array([{"b": 1, "c": {"d": "x"}}, None])

    found = decoded(rows_of({"a": inner, "a.b": pa.array([7, 8])}))

    assert found.to_pylist() == [{"a.b": 1, "a.c.d": "x"}, {"a.b": None, "a.c.d": None}]


def test_a_table_of_nothing_but_kafkas_columns_has_records_without_fields():
    records = with_values(block(b"", b""), rows_as_values({}, 2))

    assert len(TABULAR.decode(records).columns) == 2


def test_very_many_rare_columns_become_one():
    numbers = range(200)
    columns = {f"c{n}": pa.array([n if row == n else None for row in numbers]) for n in numbers}

    found = decoded(rows_of(columns))

    assert found.column_names == ["OtherFields"]
    assert found["OtherFields"].to_pylist()[:2] == ['{"c0": 0}', '{"c1": 1}']


# Columns without a type: cells as they were written


@pytest.mark.parametrize(
    ("cells", "wanted", "as_decoded"),
    [
        (["1", "-2", "0", None], pa.int64(), [1, -2, 0, None]),
        (["9223372036854775807"], pa.int64(), [2**63 - 1]),
        (["1", "9223372036854775808"], pa.string(), ["1", "9223372036854775808"]),
        (["1", "2.50", ".5", "1e3", "-0"], pa.float64(), [1.0, 2.5, 0.5, 1000.0, 0.0]),
        (["0.5", "NaN", "Infinity", "-inf"], pa.float64(), [0.5, None, INF, -INF]),
        (["0.5", "9007199254740993"], pa.string(), ["0.5", "9007199254740993"]),
        (["true", "False", None], pa.bool_(), [True, False, None]),
        (["007", "8"], pa.string(), ["007", "8"]),
        (["+1", "2"], pa.string(), ["+1", "2"]),
        (["1", "2.50", "x"], pa.string(), ["1", "2.50", "x"]),
        (["true", "1"], pa.string(), ["true", "1"]),
        (["1 ", "2"], pa.string(), ["1 ", "2"]),
        (["1", "2\n"], pa.string(), ["1", "2\n"]),
        (["ä", "ä"], WORDS, ["ä", "ä"]),
        (["1"] * 100 + ["x"], WORDS, ["1"] * 100 + ["x"]),
    ],
)
def test_cells_are_what_all_of_them_look_like(cells, wanted, as_decoded):
    written = pa.array([None if c is None else c.encode() for c in cells], pa.binary())

    assert field(written) == (wanted, as_decoded)


cells = st.none() | st.binary(max_size=6)


@given(st.lists(st.tuples(cells, cells), min_size=1), st.integers(0, 3))
def test_good_and_rejected_records_are_as_many_as_there_are(rows, excerpts):
    one, two = (pa.array(column, pa.binary()) for column in zip(*rows, strict=True))

    found = TABULAR.decode(rows_of({"one": one, "two": two}), excerpts=excerpts)

    offsets = [offset for table in (found.columns, found.rejected) for offset in offsets_of(table)]
    assert sorted(offsets) == list(range(len(rows)))
    assert len(found.rejected["excerpt"].drop_null()) == min(excerpts, len(found.rejected))


def offsets_of(table: pa.Table) -> list[int]:
    return table["KafkaOffset"].to_pylist()


# Beside JSON

SCALARS = (
    st.integers(-(2**70), 2**70),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    st.lists(st.integers(0, 9), max_size=2),
)


@st.composite
def tables(draw) -> list[dict]:
    """Rows of one to three columns, each of one type, some cells missing, some in an object."""
    rows = draw(st.integers(1, 10))
    columns = draw(st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3))
    cells = [draw(st.lists(st.none() | each, min_size=rows, max_size=rows)) for each in columns]
    flat = [dict(zip("xyz", row, strict=False)) for row in zip(*cells, strict=True)]
    return [{"at": row} for row in flat] if draw(st.booleans()) else flat


@given(tables())
def test_a_table_is_decoded_as_the_same_records_in_json_are(rows):
    try:
        columns = pa.RecordBatch.from_pylist(rows)
    except (OverflowError, pa.ArrowInvalid):  # a table has no integers beyond 64 bits
        return

    of_table = decoded(rows_of(dict(zip(columns.schema.names, columns.columns, strict=True))))
    of_json = decoded(block(*values_of(*rows)))

    assert plain(of_table) == plain(of_json)


def plain(table: pa.Table) -> dict[str, tuple[pa.DataType, list]]:
    """Type and values of each column; of texts it does not matter here whether they have codes."""
    return {
        name: (pa.string() if column.type == WORDS else column.type, column.to_pylist())
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


# Which decoder


def test_a_block_says_by_itself_what_decodes_it():
    values = block(b'{"a":1}')

    assert decoder_for(values, NoSchemas()) is JSON
    assert decoder_for(rows_of({"a": pa.array([1])}), NoSchemas()) is TABULAR


def test_what_its_source_rejects_is_rejected_with_its_reason():
    records = rejected_for("it is torn", block(b'{"a":1}', b"x"))

    found = decode_block(
        records, decoder_for(records, NoSchemas()), NOTHING_MASKED, extras=("@key",), excerpts=1
    )

    assert found.columns.column_names == [*decoded_names(), "@key"]
    assert len(found.columns) == 0
    assert found.rejected.select(["KafkaOffset", "reason", "excerpt"]).to_pylist() == [
        {"KafkaOffset": 0, "reason": "it is torn", "excerpt": '{"a":1}'},
        {"KafkaOffset": 1, "reason": "it is torn", "excerpt": None},
    ]


def decoded_names() -> list[str]:
    return ["KafkaPartition", "KafkaOffset", "KafkaTimestamp", "KafkaTimestampType"]
