"""Decoding: good records equal what `json.loads` gives; the rest is rejected with a reason."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.core.columns import OFFSET, PARTITION, RECEIVED_TIME, RECEIVED_TIME_TYPE
from lib.decoding.json import JSON
from lib.decoding.json_arrow import read_with_arrow
from lib.decoding.json_parts import Unread
from lib.decoding.json_value import flatten
from lib.decoding.merge import MAX_FIELDS, OTHER_FIELDS, as_text, concat
from lib.decoding.rejected import EXCERPT_BYTES, MAX_EXCERPTS, REJECTED
from tests.support.blocks import block, values_of

if TYPE_CHECKING:
    from lib.decoding.base import Decoded

KAFKA = [PARTITION, OFFSET, RECEIVED_TIME, RECEIVED_TIME_TYPE]
GOOD = b'{"Timestamp":1540726486041,"ClientID":2,"Data":{"Errors":0,"Values":17},"Kind":"m"}'


def fields_of(columns: pa.Table) -> list[dict]:
    """Each row's non-null value fields."""
    rows = columns.drop_columns([n for n in KAFKA if n in columns.column_names]).to_pylist()
    return [{k: v for k, v in row.items() if v is not None} for row in rows]


def reasons(decoded: Decoded) -> dict[int, str]:
    return dict(
        zip(
            decoded.rejected[OFFSET].to_pylist(),
            decoded.rejected["reason"].to_pylist(),
            strict=True,
        )
    )


# What one value becomes


def test_fields_of_nested_objects_have_dotted_names():
    decoded = JSON.decode(block(GOOD))

    assert fields_of(decoded.columns) == [
        {
            "Timestamp": 1540726486041,
            "ClientID": 2,
            "Data.Errors": 0,
            "Data.Values": 17,
            "Kind": "m",
        }
    ]


def test_each_row_says_where_its_record_stands_in_the_log():
    decoded = JSON.decode(block(GOOD, GOOD, partition=3, offsets=[7, 9], timestamps=[50, 60]))

    where = decoded.columns.select(KAFKA)
    assert where.to_pylist() == [
        dict(zip(KAFKA, row, strict=True)) for row in [(3, 7, 50, 0), (3, 9, 60, 0)]
    ]
    assert where.schema.types == [pa.int32(), pa.int64(), pa.int64(), pa.int8()]


def test_iso_times_stay_text():
    decoded = JSON.decode(block(*values_of({"ts": "2018-10-28T11:34:46Z"}, {"ts": "2018-10-28"})))

    assert decoded.columns["ts"].to_pylist() == ["2018-10-28T11:34:46Z", "2018-10-28"]


def test_text_that_repeats_is_a_dictionary():
    decoded = JSON.decode(block(*values_of(*({"kind": "md"[i % 2]} for i in range(10)))))

    assert decoded.columns["kind"].type == pa.dictionary(pa.int32(), pa.string())


def test_the_last_of_duplicate_keys_wins():
    decoded = JSON.decode(block(b'{"a":1,"a":2}', b'{"a":3}'))

    assert decoded.columns["a"].to_pylist() == [2, 3]


def test_a_nested_field_wins_over_a_field_of_the_same_dotted_name():
    decoded = JSON.decode(block(b'{"a.b":1,"a":{"b":2}}', b'{"a":{"b":3},"a.b":4}'))

    assert fields_of(decoded.columns) == [{"a.b": 2}, {"a.b": 3}]


def test_a_field_that_claims_to_be_the_record_timestamp_is_overruled():
    decoded = JSON.decode(block(b'{"KafkaTimestamp":5,"a":1}', timestamps=[77]))

    assert decoded.columns[RECEIVED_TIME].to_pylist() == [77]


def test_integers_beyond_int64_keep_every_digit_as_text():
    decoded = JSON.decode(block(b'{"a":9223372036854775808}', b'{"a":1}'))

    assert decoded.columns["a"].to_pylist() == ["9223372036854775808", "1"]


def test_integers_that_a_float_cannot_hold_do_not_become_floats():
    decoded = JSON.decode(block(b'{"a":9007199254740993}', b'{"a":0.5}'))

    assert decoded.columns["a"].to_pylist() == ["9007199254740993", "0.5"]


def test_integers_and_fractions_in_one_field_are_floats():
    decoded = JSON.decode(block(b'{"a":1}', b'{"a":0.5}'))

    assert decoded.columns["a"].to_pylist() == [1.0, 0.5]


def test_nan_and_infinity_are_read_as_python_reads_them():
    decoded = JSON.decode(block(b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e400}'))

    nan, low, high = decoded.columns["a"].to_pylist()
    assert math.isnan(nan)
    assert (low, high) == (-math.inf, math.inf)


def test_a_field_of_several_types_is_text():
    decoded = JSON.decode(
        block(*values_of({"a": 1}, {"a": "x"}, {"a": True}, {"a": None}, {"a": [1]}))
    )

    assert decoded.columns["a"].to_pylist() == ["1", "x", "true", None, "[1]"]


def test_one_number_is_one_text_however_it_is_written():
    decoded = JSON.decode(block(b'{"a":54}', b'{"a":54.0}', b'{"a":5.4e1}', b'{"a":"x"}'))

    assert decoded.columns["a"].to_pylist() == ["54", "54", "54", "x"]


def test_one_number_is_one_text_across_blocks():
    numbers = JSON.decode(block(b'{"a":54}', b'{"a":0.5}', b'{"a":NaN}', b'{"a":-0.0}'))
    words = JSON.decode(block(b'{"a":"x"}'))

    together = concat([numbers.columns, words.columns])

    assert together["a"].to_pylist() == ["54", "0.5", None, "0", "x"]


def test_a_rare_value_of_another_type_does_not_slow_the_others_down():
    # Given lists, which only a parser reads, and one client that is text
    values = [b'{"client":%d,"list":[1]}' % (n % 3) for n in range(1_000)]
    values[500] = b'{"client":"x","list":[1]}'

    _, left = read_with_arrow(Unread(np.arange(1_000), pa.array(values, pa.binary())))

    assert left.rows.tolist() == [500]


def test_lists_are_json_text():
    decoded = JSON.decode(block(*values_of({"a": [1, 2]}, {"a": []}, {"a": [{"b": "ü"}]})))

    assert decoded.columns["a"].to_pylist() == ["[1, 2]", "[]", '[{"b": "ü"}]']


def test_a_field_can_be_an_object_here_and_a_number_there():
    decoded = JSON.decode(block(*values_of({"a": 1}, {"a": {"b": 2}}, {"a": {}})))

    assert fields_of(decoded.columns) == [{"a": 1}, {"a.b": 2}, {}]


def test_records_whose_only_field_is_an_empty_object_are_records():
    decoded = JSON.decode(block(b'{"a":{}}', b'{"a":{}}', b'{"a":NaN}'))

    assert len(fields_of(decoded.columns)) == 3


def test_values_may_have_line_breaks():
    pretty = [json.dumps({"a": i, "b": {"c": "x"}}, indent=2).encode() for i in range(200)]

    decoded = JSON.decode(block(*pretty))

    assert decoded.columns["a"].to_pylist() == list(range(200))


def test_a_record_of_ten_megabytes_is_read_beside_small_ones():
    large = json.dumps({"a": "x" * 10_000_000}).encode()

    decoded = JSON.decode(block(b'{"a":"y"}', large, b'{"a":"z"}'))

    assert [len(a) for a in decoded.columns["a"].to_pylist()] == [1, 10_000_000, 1]


def test_a_thousand_distinct_fields_are_read():
    record = {f"f{i}": i for i in range(1_000)}

    decoded = JSON.decode(block(*values_of(record, record)))

    assert fields_of(decoded.columns) == [record, record]


def test_fields_that_hardly_ever_occur_share_one_column():
    records = [{"a": i, f"only{i}": i} for i in range(3_000)]

    decoded = JSON.decode(block(*values_of(*records)))

    assert decoded.columns.column_names == ["a", OTHER_FIELDS, *KAFKA]
    assert json.loads(decoded.columns[OTHER_FIELDS][7].as_py()) == {"only7": 7}


def test_fields_beyond_the_most_share_one_column():
    record = {f"f{i}": i for i in range(MAX_FIELDS + 5)}

    decoded = JSON.decode(block(*values_of(record)))

    assert decoded.columns.num_columns == MAX_FIELDS + 1 + len(KAFKA)
    assert len(json.loads(decoded.columns[OTHER_FIELDS][0].as_py())) == 5


@pytest.mark.parametrize("own", ["text", '{"b": 2}', '{"b": [', "[1]", 5, 0.5, None, [1], True])
@pytest.mark.parametrize("others", [0, 100, 200])
def test_a_field_may_have_the_name_of_the_column_of_rare_fields(own, others):
    records = [{"a": 1, OTHER_FIELDS: own} | {f"only{i}": i} for i in range(others + 1)]
    blocks = [JSON.decode(block(*values_of(*records))).columns] * 2

    found = concat(blocks)

    assert found.num_rows == 2 * (others + 1)
    if others >= 100:
        texts = [json.loads(text) for text in found[OTHER_FIELDS].to_pylist()]
        assert [texts[i][f"only{i}"] for i in range(others + 1)] == list(range(others + 1))
        merged = {"b": 2} if own == '{"b": 2}' else {OTHER_FIELDS: own} if own is not None else {}
        assert {name: as_text(value) for name, value in texts[0].items() if name != "only0"} == {
            name: as_text(value) for name, value in merged.items()
        }


# What is kept from outside the value


def test_the_key_is_kept_where_it_is_asked_for():
    decoded = JSON.decode(block(GOOD, GOOD, keys=[b"c1", None]), extras=("@key",))

    assert decoded.columns["@key"].to_pylist() == ["c1", None]


def test_a_key_that_is_no_text_is_escaped():
    decoded = JSON.decode(block(GOOD, keys=[b"\xff1"]), extras=("@key",))

    assert decoded.columns["@key"].to_pylist() == ["\\xff1"]


def test_a_header_is_kept_where_it_is_asked_for():
    records = block(GOOD, GOOD, headers=[[("d", b"1"), ("e", b"2"), ("d", b"3")], None])

    decoded = JSON.decode(records, extras=("@header:d",))

    assert decoded.columns["@header:d"].to_pylist() == ["3", None]


# What is rejected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone (null value)"),
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b'{"a":1', "not JSON"),
        (b'{"a":1}{"a":2}', "not JSON"),
        (b'{"a":1} 5 {"a":2}', "not JSON"),
        (b'{"a":1},{"a":2}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":"line\nbreak"}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"null", "not a JSON object"),
        (b"1", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"[1,2]", "not a JSON object"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a":"\\ud800"}', "text that is not Unicode (half a surrogate pair)"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "nested too deeply"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        (b'{"a":' + b"9" * 5_000 + b"}", "a number with too many digits"),
    ],
)
def test_a_bad_record_costs_nothing_but_itself(value, reason):
    decoded = JSON.decode(block(*[GOOD] * 200, value, *[GOOD] * 200))

    assert reasons(decoded) == {200: reason}
    assert fields_of(decoded.columns) == [expected(GOOD)] * 400


def test_a_record_rejected_shows_how_its_value_begins():
    decoded = JSON.decode(block(b"\x01\xff" + b"x" * 1_000))

    (excerpt,) = decoded.rejected["excerpt"].to_pylist()
    assert excerpt == "��" + "x" * (EXCERPT_BYTES - 2)


def test_excerpts_are_bounded_and_the_count_is_not():
    decoded = JSON.decode(block(*[b"bad"] * (MAX_EXCERPTS + 5)))

    assert decoded.rejected.num_rows == MAX_EXCERPTS + 5
    assert decoded.rejected["excerpt"].null_count == 5


def test_an_empty_block_gives_empty_tables():
    decoded = JSON.decode(block())

    assert decoded.columns.num_rows == 0
    assert decoded.columns.column_names == KAFKA
    assert decoded.rejected.schema == REJECTED


# Any records


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
written = st.builds(
    lambda value, indent, only_ascii: json.dumps(
        value, indent=indent, ensure_ascii=only_ascii
    ).encode(errors="surrogatepass"),
    st.dictionaries(names, json_values, max_size=4),
    st.sampled_from([None, None, None, 1]),
    st.booleans(),
)
hostile = st.sampled_from(
    [
        *[b"", b" ", b"1", b"null", b"[]", b'"x"', b"{}", b"{} ", b"\x00", b"\xff"],
        *[b"\xef\xbb\xbf{}", b'{"a":1,}', b'{"a":01}'],
        *[b'{"a":1}{"a":2}', b'{"a":1} 5 {"b":1}', b'{"a":1},1,{"a":1}', b'{"a":1}\x00{"a":1}'],
        *[b'{"a":', b"1}", b'{"a":1}}', b'{"a":1}}5{"v":{"b":1}', b'{"a":[{"b":1}', b'{"b":1}]}'],
        *[b'{"a":"}', b'"}', b'{"a":"\\"}', b'{"a":"x\ny"}', b"{\"a\":'x'}"],
        *[b'{"a":1,"a":2}', b'{"a.b":1,"a":{"b":2}}', b'{"a":"\xff"}', b'{"a":"\\ud800"}'],
        *[b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e400}', b'{"a":-0}', b'{"a":-0.0}'],
    ]
)  # fmt: skip
noise = st.text('{}[]",:\\ \n1aé', max_size=12).map(str.encode)
few = st.lists(st.none() | written | hostile | noise, max_size=20)
many = st.lists(written | hostile, min_size=1, max_size=8).flatmap(
    lambda pool: st.lists(st.sampled_from(pool), min_size=100, max_size=300)
)


def expected(value: bytes) -> dict:
    flat = flatten(json.loads(value.decode()))
    return {k: v for k, v in flat.items() if v is not None and k not in KAFKA}


def same(found: object, wanted: object) -> bool:
    """Equal; or the JSON text of a value whose field has several types, lists or huge integers."""
    if isinstance(found, str) and not isinstance(wanted, str):
        return repr(json.loads(found)) == repr(wanted) or json.loads(found) == wanted
    if isinstance(wanted, float):
        return struct.pack("d", found) == struct.pack("d", wanted)
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


@given(few | many)
@example([b'{"a":1}{"a":2}', b'{"a":', b'{"b":1}}'])
@example([b'{"a":[null,null]}'])
@example([b'{"a":[{"b":1}]}', *[b'{"a":[null,null]}'] * 99])
@settings(max_examples=150)
def test_good_and_rejected_records_are_all_the_records(values):
    decoded = JSON.decode(block(*values))

    good, bad = decoded.columns[OFFSET].to_pylist(), decoded.rejected[OFFSET].to_pylist()
    assert sorted(good + bad) == list(range(len(values)))
    assert good == sorted(good)
    assert bad == sorted(bad)


def agrees_with_json_loads(values):
    """Check that the values that are good are what `json.loads` makes of them."""
    decoded = JSON.decode(block(*values))

    offsets = decoded.columns[OFFSET].to_pylist()
    for offset, found in zip(offsets, fields_of(decoded.columns), strict=True):
        # Where a field has text, too, NaN is no value.
        wanted = {n: v for n, v in expected(values[offset]).items() if v == v or n in found}
        assert found.keys() == wanted.keys()
        assert all(same(found[name], wanted[name]) for name in wanted), (found, wanted)


@given(few | many)
@settings(max_examples=150)
def test_good_records_are_what_json_loads_gives(values):
    agrees_with_json_loads(values)


@given(few | many)
@settings(max_examples=100)
def test_what_json_loads_takes_is_not_rejected(values):
    bad = reasons(JSON.decode(block(*values)))

    for offset, reason in bad.items():
        value = values[offset]
        if value is not None and "surrogate" not in reason:
            with pytest.raises((ValueError, AssertionError)):
                assert isinstance(json.loads(value.decode()), dict)


# Blocks together


@given(st.lists(few, max_size=4))
@example([[b'{"a":NaN}'], [b'{"a":-0}']])
@settings(max_examples=100)
def test_blocks_one_after_another_decode_as_one_block(lists):
    together = JSON.decode(block(*[value for values in lists for value in values]))
    apart = [JSON.decode(block(*values)) for values in lists]

    found = fields_of(concat([decoded.columns for decoded in apart]))
    wanted = fields_of(together.columns)
    assert len(found) == len(wanted)
    for row, other in zip(found, wanted, strict=True):
        assert row.keys() == other.keys()
        for name in row:
            assert (
                same(row[name], other[name])
                or same(other[name], row[name])
                or are_one_number(row[name], other[name])
            ), (row, other)


def are_one_number(one, other):
    """Whether two values are one number: 2 or 2.0, -0 (an integer to Python) or -0.0."""
    try:
        return type(one) is type(other) and float(one) == float(other)
    except ValueError:
        return False
