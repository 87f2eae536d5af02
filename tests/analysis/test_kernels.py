import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.analysis import kernels

keyed = st.lists(st.tuples(st.integers(0, 200_000), st.integers(-(2**62), 2**62)), max_size=50)


def columns(pairs):
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def test_groups_of_categories_keep_all_categories_in_their_labels():
    column = pd.Categorical(["b", "d", "b"], categories=["a", "b", "c", "d"])
    groups = kernels.group_by(pd.DataFrame({"key": column}), "key")
    assert groups.codes.tolist() == [0, 1, 0]
    assert list(groups.labels) == ["b", "d"]
    assert list(groups.labels.categories) == ["a", "b", "c", "d"]


@settings(deadline=None)
@given(keyed)
def test_bounds_of_groups_are_their_smallest_and_largest_values(pairs):
    codes, values = columns(pairs)
    groups = kernels.group_by(pd.DataFrame({"key": codes}), "key")
    low, high = kernels.bounds_within(groups, values)
    expected = pd.Series(values).groupby(codes).agg(["min", "max"])
    assert low.tolist() == expected["min"].tolist()
    assert high.tolist() == expected["max"].tolist()


@settings(deadline=None)
@given(keyed)
def test_values_brought_together_stand_group_after_group_and_go_back(pairs):
    codes, values = columns(pairs)
    groups = kernels.group_by(pd.DataFrame({"key": codes}), "key")
    found = kernels.together(groups, values)
    assert found.tolist() == values[np.argsort(codes, kind="stable")].tolist()
    assert kernels.apart(groups, found).tolist() == values.tolist()


@settings(deadline=None)
@given(keyed)
def test_groups_of_numbers_are_those_of_a_category(pairs):
    codes, _ = columns(pairs)
    numbers = kernels.group_by(pd.DataFrame({"key": codes}), "key")
    categories = kernels.group_by(pd.DataFrame({"key": pd.Categorical(codes)}), "key")
    assert numbers.codes.tolist() == categories.codes.tolist()
    assert list(numbers.labels) == list(categories.labels) == sorted(set(codes))


def in_runs(seed, size, disorder):
    """Whole numbers that rise but for some disorder, with ties."""
    rng = np.random.default_rng(seed)
    return np.arange(size) // 2 + rng.integers(-disorder, disorder, size, endpoint=True)


@settings(deadline=None)
@given(
    st.integers(0, 99),
    st.lists(st.integers(0, 1_000), min_size=1, max_size=5),
    st.sampled_from([0, 3, 50, 100_000]),
)
def test_groups_of_any_size_and_disorder_are_sorted_stably(seed, sizes, disorder):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    values = in_runs(seed, sum(sizes), disorder)
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    rising, before = kernels.sort_within(bounds, values)
    order = np.lexsort((values, codes))
    assert rising.tolist() == values[order].tolist()
    assert (before if before is not None else np.arange(len(values))).tolist() == order.tolist()


@settings(deadline=None)
@given(keyed)
def test_values_are_sorted_within_groups_however_far_apart_they_are(pairs):
    codes, values = columns(pairs)
    groups = kernels.group_by(pd.DataFrame({"key": codes}), "key")
    rising, _ = kernels.sort_within(groups.bounds, kernels.together(groups, values))
    assert rising.tolist() == [value for _, value in sorted(pairs)]


@settings(deadline=None)
@given(keyed)
def test_steps_are_differences_of_sorted_values(pairs):
    codes, values = columns([(code, value // 4) for code, value in pairs])
    groups = kernels.group_by(pd.DataFrame({"key": codes}), "key")
    steps = kernels.steps_within(groups.bounds, kernels.together(groups, values), -1)
    found = kernels.apart(groups, steps)
    for code in groups.labels:
        rows = np.flatnonzero(codes == code)
        rising = rows[np.argsort(values[rows], kind="stable")]
        assert found[rising[0]] == -1
        assert found[rising[1:]].tolist() == np.diff(values[rising]).tolist()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 9) | st.floats(0, 1e9)), max_size=300))
def test_lower_medians_are_the_middle_of_the_sorted_values(pairs):
    codes = np.array([code for code, _ in pairs], np.int32)
    values = np.array([value for _, value in pairs], np.float64)
    found = kernels.medians_within(kernels.Groups(codes, pd.RangeIndex(6)), values)
    for code in range(6):
        own = np.sort(values[codes == code])
        assert found[code] == (own[(len(own) - 1) // 2] if len(own) else 0)


def test_medians_of_values_that_rise_and_fall_are_found_in_linear_time():
    values = np.concatenate((np.arange(500_000.0), np.arange(500_000.0)[::-1]))
    groups = kernels.Groups(np.zeros(len(values), np.int32), pd.RangeIndex(1))
    assert kernels.medians_within(groups, values) == [249_999]


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50) | st.integers(-(2**62), 2**62), max_size=100))
def test_a_tally_is_what_is_unique_and_its_counts(values):
    found = kernels.tally(np.array(values, np.int64))
    expected = np.unique(np.array(values, np.int64), return_counts=True)
    assert [part.tolist() for part in found] == [part.tolist() for part in expected]


@settings(deadline=None)
@given(st.lists(st.integers(0, 20)), st.lists(st.integers(-1, 21), min_size=1).map(sorted))
def test_values_up_to_a_limit_are_counted(values, limits):
    found = kernels.count_up_to(np.array(values, np.float64), np.array(limits, np.float64))
    assert found.tolist() == [sum(value <= limit for value in values) for limit in limits]


close = st.lists(st.tuples(st.integers(0, 3), st.integers(-20, 20)), min_size=1, max_size=200)


@settings(deadline=None)
@given(close | keyed.filter(bool), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_quantiles_are_values_of_their_rank_however_far_apart(pairs, shares):
    codes, values = columns(pairs)
    groups = kernels.group_by(pd.DataFrame({"key": codes}), "key")
    found = kernels.quantiles_within(groups, values, shares)
    for code, quantiles in zip(groups.labels, found.tolist(), strict=True):
        own = np.sort(values[codes == code])
        ranks = np.ceil(np.round(len(own) * np.array(shares), 6)).astype(int)
        assert quantiles == own[np.maximum(ranks - 1, 0)].tolist()


@settings(deadline=None)
@given(keyed)
def test_the_last_value_of_each_group(pairs):
    codes, _ = columns(pairs)
    groups = kernels.group_by(pd.DataFrame({"key": codes}), "key")
    rows = np.arange(len(codes), dtype=np.int32)
    expected = pd.Series(rows).groupby(codes).last()
    assert kernels.last_within(groups, rows).tolist() == expected.tolist()


@settings(deadline=None)
@given(keyed)
def test_the_first_event_of_each_group(pairs):
    codes, _ = columns(pairs)
    groups = kernels.group_by(pd.DataFrame({"key": codes}), "key")
    expected = pd.Series(np.arange(len(codes))).groupby(codes).first()
    assert kernels.first_within(groups).tolist() == expected.tolist()


@settings(deadline=None)
@given(keyed)
def test_behind_is_the_distance_to_the_largest_so_far(pairs):
    codes, values = columns(pairs)
    largest = pd.Series(values).groupby(codes).cummax().to_numpy(np.int64)
    assert kernels.behind_running_max(codes, values).tolist() == (largest - values).tolist()
