"""Records of one layout: read without a parser, yet as one reads them, or left."""

from __future__ import annotations

import json
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import lib.decoding.json
from lib.decoding.json import JSON, READERS
from lib.decoding.json_layout import FEWEST, Layout, layout_of, read_layout, read_layouts
from lib.decoding.json_parts import Unread
from lib.decoding.json_value import flatten
from tests.support.blocks import block

EVENT = b'{"ClientID":2,"Data":{"Errors":0,"Ratio":0.5},"Kind":"m","Live":true,"Note":null}'


def read(*values: bytes) -> tuple[list[bool], pa.Table]:
    """Which values have the layout of the first, and the fields of those."""
    fit, fields = read_layout(pa.array(values, pa.binary()), layout_of(values[0]))
    return fit.tolist(), fields


def columns_of(*values: bytes) -> pa.Table:
    fit, fields = read(*values)
    assert all(fit)
    return fields


def rows_of(fields: pa.Table) -> list[dict]:
    return [
        {n: value for n, value in row.items() if value is not None} for row in fields.to_pylist()
    ]


def rows_by_json(values: list[bytes]) -> list[dict]:
    flat = [flatten(json.loads(value.decode())) for value in values]
    return [{name: value for name, value in row.items() if value is not None} for row in flat]


def exactly(rows: list[dict]) -> list[dict]:
    """Rows that are equal only where types are, too, and the bits of floats."""
    return [{n: (type(v), _bits(v)) for n, v in row.items()} for row in rows]


def _bits(value: object) -> object:
    return struct.pack("d", value) if isinstance(value, float) else value


# What is read


def test_fields_of_nested_objects_have_dotted_names():
    columns = columns_of(EVENT, EVENT)

    assert rows_of(columns) == rows_by_json([EVENT, EVENT])
    assert columns.column_names == ["ClientID", "Data.Errors", "Data.Ratio", "Kind", "Live"]


def test_texts_are_numbered_in_the_order_in_which_they_occur():
    columns = columns_of(*(b'{"a":"%s"}' % word for word in [b"y", b"x", b"y", b"x"]))

    words = columns["a"].combine_chunks()
    assert words.dictionary.to_pylist() == ["y", "x"]
    assert words.indices.to_pylist() == [0, 1, 0, 1]


def test_texts_that_do_not_repeat_are_plain():
    columns = columns_of(*(b'{"a":"%d"}' % number for number in range(10)))

    assert columns["a"].type == pa.string()
    assert columns["a"].to_pylist() == [str(number) for number in range(10)]


def test_integers_among_fractions_are_floats():
    columns = columns_of(b'{"a":1}', b'{"a":0.5}', b'{"a":-2}')

    assert columns["a"].type == pa.float64()
    assert columns["a"].to_pylist() == [1.0, 0.5, -2.0]


def test_a_field_may_be_null_in_some_records():
    columns = columns_of(b'{"a":1,"b":"x"}', b'{"a":null,"b":null}', b'{"a":3,"b":"x"}')

    assert columns["a"].to_pylist() == [1, None, 3]
    assert columns["b"].to_pylist() == ["x", None, "x"]


def test_a_part_of_an_array_is_read_where_it_is():
    values = pa.array([b"junk", b'{"a":1}', b'{"a":2}', b"junk"], pa.binary())[1:3]

    fit, fields = read_layout(values, layout_of(b'{"a":1}'))

    assert fit.all()
    assert fields["a"].to_pylist() == [1, 2]


def test_records_of_another_layout_are_left():
    fit, fields = read(b'{"a":1}', b'{"b":2}', b"junk", b'{"a":3}')

    assert fit == [True, False, False, True]
    assert fields["a"].to_pylist() == [1, 3]


def test_a_field_that_only_misfits_have_is_no_column():
    # Given a text with an escape, which is left to a parser
    values = pa.array([b'{"a":1,"b":"\\n"}', b'{"a":2,"b":null}'], pa.binary())

    fit, fields = read_layout(values, layout_of(b'{"a":1,"b":"x"}'))

    assert fit.tolist() == [False, True]
    assert fields.to_pylist() == [{"a": 2}]


def test_a_record_that_misfits_leaves_nothing_behind():
    # Given a null before the byte that does not fit, and then a record that has no null
    fit, fields = read(b'{"a":1,"b":2}', b'{"a":null,"b":x}', b'{"a":3,"b":4}')

    assert fit == [True, False, True]
    assert fields.to_pylist() == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def all_values(*values: bytes) -> Unread:
    return Unread(np.arange(len(values)), pa.array(values, pa.binary()))


def test_few_records_are_left_to_the_parser():
    values = all_values(*[b'{"a":1}'] * FEWEST)

    assert len(read_layouts(values[1:])[1]) == FEWEST - 1
    assert len(read_layouts(values)[1]) == 0


def test_events_of_several_kinds_are_read_kind_by_kind():
    kinds = [b'{"kind":"on","at":%d}', b'{"kind":"off","at":%d,"why":"x"}']
    values = all_values(b"junk", *(kinds[n % 2] % n for n in range(4 * FEWEST)))

    parts, left = read_layouts(values)

    assert left.rows.tolist() == [0]
    assert sorted(row for part in parts for row in part.rows.tolist()) == values.rows.tolist()[1:]


# What is left to a parser


@pytest.mark.parametrize(
    "record",
    [
        *[b"", b"1", b"null", b"[1]", b'"x"', b"{}", b'{"a":{}}', b'{"a":null}', b'{"a":[1]}'],
        *[b'{"a":1e5}', b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1.5E1}', b'{"a":"\\n"}'],
        *[b'{"\\u0061":1}', b'{"a":1,"a":2}', b'{"a":{"b":1},"a":{"c":1}}', b'{"a":1}{"a":1}'],
        *[b'{"a.b":1,"a":{"b":null}}', b'{"a":{},"a":1}', b'{"a":01}', b'{"a":"\xff"}'],
        *[b'{"a":' * 200 + b"1" + b"}" * 200, b'{"a":' + b"[" * 100_000],
    ],
)
def test_a_record_without_a_layout_is_not_read(record):
    assert layout_of(record) is None
    assert read(record)[0] == [False]


@pytest.mark.parametrize(
    "other",
    [
        *[b'{"a":01,"b":"x"}', b'{"a":-0,"b":"x"}', b'{"a":+1,"b":"x"}', b'{"a":1.,"b":"x"}'],
        *[b'{"a":9999999999999999999,"b":"x"}', b'{"a":,"b":"x"}', b'{"a":-,"b":"x"}'],
        *[b'{"a":1e3,"b":"x"}', b'{"a":"1","b":"x"}', b'{"a":true,"b":"x"}', b'{"a":1,"b":2}'],
        *[b'{"a":1,"b":"\\n"}', b'{"a":1,"b":"\n"}', b'{"a":1,"b":"\x00"}', b'{"a":1,"b":"\xff"}'],
        *[b'{"a":1,"b":"\xed\xa0\x80"}', b'{"a":1,"b":"x', b'{"a":1,"b":"x"', b'{"a":1,"b":"x"}}'],
        *[b'{"a":1,"b":"x"} ', b' {"a":1,"b":"x"}', b'{"a": 1,"b":"x"}', b'{"a":1,"b":x"}'],
        *[b'{"b":"x","a":1}', b'{"a":1}', b'{"a":1,"b":"x","c":1}', b'{"a":1,"b":"x","b":"y"}'],
        *[b"", b"{", b'{"a":', b"null", b'{"a":nul,"b":"x"}', b'{"a":nulll,"b":"x"}'],
    ],
)
def test_a_record_that_differs_otherwise_is_not_read(other):
    good = b'{"a":1,"b":"x"}'

    fit, fields = read(good, good, other, good)

    # A byte that is not UTF-8 is only seen where all texts are checked: then none is read.
    assert fit in ([True, True, False, True], [False] * 4)
    assert fields.num_rows == sum(fit)


@pytest.mark.parametrize(
    "number",
    [b"-0", b"00.5", b"1.", b".5", b"-.5", b"0.1234567890123456", b"1234567890123456", b"1.5e3"],
)
def test_a_fraction_that_could_be_rounded_otherwise_is_not_read(number):
    assert read(b'{"a":0.5}', b'{"a":%s}' % number)[0] == [True, False]


def test_a_record_does_not_end_in_the_next_one():
    assert read(b'{"a":1}', b'{"a":', b'2}{"a":3}')[0] == [True, False, False]


def test_the_layout_is_the_bytes_around_the_values():
    assert layout_of(b'{"a": 1, "b": {"c": "x"}}') == Layout(
        ("a", "b.c"), (1, 4), (b'{"a": ', b', "b": {"c": ', b"}}")
    )


# Any records


names = st.sampled_from(["a", "b", "a.b", "Zeit", "ü", "", "{,}:"])
kinds = st.sampled_from(["integer", "float", "number", "boolean", "text", "null", "any"])
layouts = st.recursive(
    kinds, lambda inner: st.dictionaries(names, inner, max_size=4), max_leaves=8
).filter(lambda layout: isinstance(layout, dict))
texts = st.text(max_size=3) | st.text('{}[]",:\\ \n1aé', max_size=20) | st.text("ab", max_size=2)
VALUES = {
    "integer": st.integers(-3, 300) | st.integers(-(10**19), 10**19),
    "float": st.floats() | st.decimals(-9999, 9999, places=3).map(float),
    "boolean": st.booleans(),
    "text": texts,
    "null": st.none(),
}
VALUES["number"] = VALUES["integer"] | VALUES["float"]
VALUES["any"] = VALUES["number"] | VALUES["boolean"] | VALUES["text"] | VALUES["null"]
plain_texts = st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs"]))
PLAIN = {
    "integer": st.integers(-(10**18) + 1, 10**18 - 1),
    "float": st.decimals(-9999, 9999, places=3).map(float),
    "boolean": st.booleans(),
    "text": plain_texts,
}


def records_of(layout: object, values: dict[str, st.SearchStrategy]) -> st.SearchStrategy:
    if isinstance(layout, dict):
        fields = {name: records_of(inner, values) for name, inner in layout.items()}
        return st.fixed_dictionaries(fields).map(lambda record: {n: record[n] for n in layout})
    return values[str(layout)]


def written(record: dict, indent: int | None, separators: tuple[str, str]) -> bytes:
    return json.dumps(record, indent=indent, separators=separators, ensure_ascii=False).encode()


@st.composite
def uniform(draw: st.DrawFn) -> list[bytes]:
    """Records written by one program, whose values may be of any kind."""
    layout = draw(layouts)
    indent = draw(st.sampled_from([None, None, 1]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    records = draw(st.lists(records_of(layout, VALUES), min_size=1, max_size=12))
    return [written(record, indent, separators) for record in records]


@st.composite
def nearly_uniform(draw: st.DrawFn) -> list[bytes]:
    """Records of which one has been changed by a few bytes."""
    values = draw(uniform())
    which = draw(st.integers(0, len(values) - 1))
    begin = draw(st.integers(0, len(values[which])))
    end = begin + draw(st.integers(0, 3))
    between = draw(
        st.binary(max_size=2) | st.text('{}[]",:\\ \n01-.eanu', max_size=2).map(str.encode)
    )
    values[which] = values[which][:begin] + between + values[which][end:]
    return values


@given(uniform() | nearly_uniform())
@example([b'{"a":0.3}', b'{"a":123456.789012345}', b'{"a":-0.0}'])
@example([b'{"":1}', b'{"":2}'])
@settings(max_examples=250)
def test_what_is_read_is_what_json_loads_gives(values):
    fit, fields = read(*values)

    wanted = rows_by_json([value for value, fits in zip(values, fit, strict=True) if fits])
    for name in fields.column_names:
        if fields[name].type == pa.float64():
            wanted = [{**row, name: float(row[name])} if name in row else row for row in wanted]
    assert exactly(rows_of(fields)) == exactly(wanted)


@given(st.data())
@settings(max_examples=200)
def test_plain_values_in_one_layout_are_read(data):
    kinds = st.dictionaries(st.text("abc", min_size=1), st.sampled_from([*PLAIN]), min_size=1)
    layout = data.draw(kinds)
    records = data.draw(st.lists(records_of(layout, PLAIN), min_size=1, max_size=5))

    columns = columns_of(*(written(record, None, (",", ":")) for record in records))

    assert exactly(rows_of(columns)) == exactly(records)


@given(uniform() | nearly_uniform(), st.integers(0, 2), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_decoding_gives_the_same_without_it(values, odd, random):
    many = [random.choice(values[: max(1, len(values) - odd)]) for _ in range(FEWEST)]
    for rare in values:
        many.insert(random.randrange(len(many)), rare)
    records = block(*many, b"not JSON", None)

    found = JSON.decode(records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lib.decoding.json, "READERS", READERS[1:])
        wanted = JSON.decode(records)

    assert set(found.columns.column_names) == set(wanted.columns.column_names)
    assert exactly(found.columns.to_pylist()) == exactly(wanted.columns.to_pylist())
    assert found.rejected.equals(wanted.rejected)
