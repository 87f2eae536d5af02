"""Columns in small types, and what is put below them."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.events.pandas_columns import LONGEST_NAME, append, compact, join, names

integers = st.integers(-200, 200) | st.integers(-(2**63), 2**63 - 1) | st.none()
KINDS = {
    pa.int64(): integers,
    pa.float64(): st.floats(allow_nan=False) | st.none(),
    pa.bool_(): st.booleans() | st.none(),
    pa.string(): st.sampled_from(["a", "b", "ü", "Z", ""]) | st.text(max_size=2) | st.none(),
}


def column(values: list, kind: pa.DataType) -> pd.Series:
    return pd.Series(compact(pa.chunked_array([pa.array(values, kind)])))


@st.composite
def columns(draw: st.DrawFn) -> tuple[pd.Series, pd.Series]:
    """Two columns, mostly of one kind, of values that often repeat."""
    one = draw(st.sampled_from([*KINDS]))
    other = draw(st.sampled_from([one, one, one, *KINDS]))
    pools = [draw(st.lists(KINDS[kind], min_size=1, max_size=4)) for kind in (one, other)]
    values = [draw(st.lists(st.sampled_from(pool), min_size=1, max_size=20)) for pool in pools]
    return column(values[0], one), column(values[1], other)


@given(columns())
@example((column(["b", "b"], pa.string()), column(["a", None, "a"], pa.string())))
@example((column([1], pa.int64()), column([300], pa.int64())))
@settings(max_examples=500)
def test_what_is_appended_is_what_reading_both_gives(parts):
    appended = append(*parts)

    if appended is not None:
        wanted = compact(join(*parts))
        pd.testing.assert_series_equal(pd.Series(appended), pd.Series(wanted))


def test_columns_of_one_kind_are_appended_without_reading_them():
    repeating = column(["a", "a"], pa.string()), column(["b", "b", "c", "c"], pa.string())

    assert append(*repeating) is not None
    assert append(column([1], pa.int64()), column([300], pa.int64())) is not None
    assert append(column([1], pa.int64()), column([0.5], pa.float64())) is None


def test_a_name_of_any_length_is_kept_apart_from_others_and_short():
    long = "x" * 1_000_000
    called = pa.chunked_array([["b", long, long + "y", "b", None, "a" * LONGEST_NAME]])

    found = names(called)

    assert found.codes.tolist()[4] == -1
    assert len(set(found[[0, 1, 2, 5]])) == 4
    assert max(map(len, found.categories)) == LONGEST_NAME
    assert found[0] == found[3] == "b"
    assert found[5] == "a" * LONGEST_NAME
    assert found[1].startswith("xxx")
    assert found.categories.is_monotonic_increasing
    assert names(called[1:2])[0] == found[1]
