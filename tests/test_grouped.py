import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import grouped

keyed = st.lists(st.tuples(st.integers(0, 200_000), st.integers(-(2**62), 2**62)), max_size=50)


def columns(pairs):
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@settings(deadline=None)
@given(keyed)
def test_stable_order_is_that_of_a_stable_sort(pairs):
    codes, _ = columns(pairs)
    assert grouped.stable_order(codes).tolist() == np.argsort(codes, kind="stable").tolist()


@settings(deadline=None)
@given(keyed)
def test_order_by_is_that_of_a_lexical_sort(pairs):
    codes, values = columns(pairs)
    assert grouped.order_by(codes, values).tolist() == np.lexsort((values, codes)).tolist()


@settings(deadline=None)
@given(keyed)
def test_values_are_sorted_within_groups_whatever_their_size(pairs):
    codes, values = columns(pairs)
    groups = grouped.group_by(pd.DataFrame({"key": codes}), "key")
    assert grouped.sort_within(groups, values).tolist() == [value for _, value in sorted(pairs)]


def test_groups_of_categories_keep_all_categories_in_their_labels():
    column = pd.Categorical(["b", "d", "b"], categories=["a", "b", "c", "d"])
    groups = grouped.group_by(pd.DataFrame({"key": column}), "key")
    assert groups.codes.tolist() == [0, 1, 0]
    assert list(groups.labels) == ["b", "d"]
    assert list(groups.labels.categories) == ["a", "b", "c", "d"]


@settings(deadline=None)
@given(keyed)
def test_bounds_of_groups_are_their_smallest_and_largest_values(pairs):
    codes, values = columns(pairs)
    groups = grouped.group_by(pd.DataFrame({"key": codes}), "key")
    low, high = grouped.bounds_within(groups, values)
    expected = pd.Series(values).groupby(codes).agg(["min", "max"])
    assert low.tolist() == expected["min"].tolist()
    assert high.tolist() == expected["max"].tolist()
