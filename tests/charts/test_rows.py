"""Rows of a chart: every client has one, whatever the clients are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.charts.rows import (
    MOST_LANES,
    bin_width,
    client_lanes,
    count_cells,
    filled_bins,
)
from lib.core.columns import MISSING_TIME

CODES = st.lists(st.integers(-1, 199), min_size=1, max_size=400).map(np.array)
TWO_HUNDRED = pd.Index(range(200))


@given(CODES)
def test_every_client_with_events_has_a_lane_and_no_other(codes):
    lanes = client_lanes(TWO_HUNDRED, codes)
    assert set(np.flatnonzero(lanes.of_client >= 0)) == set(codes[codes >= 0])
    assert lanes.clients == len(set(codes[codes >= 0]))
    assert (lanes.of(codes) >= 0).tolist() == (codes >= 0).tolist()


@given(CODES)
def test_lanes_are_contiguous_in_the_order_of_the_clients(codes):
    lanes = client_lanes(TWO_HUNDRED, codes)
    of_present = lanes.of_client[lanes.of_client >= 0]
    assert (np.diff(of_present) >= 0).all()
    assert np.unique(of_present).tolist() == list(range(len(lanes.labels)))
    assert (lanes.first <= lanes.last).all()
    assert (lanes.last[:-1] < lanes.first[1:]).all()


@given(CODES, st.integers(1, 60))
def test_there_are_at_most_so_many(codes, most):
    lanes = client_lanes(TWO_HUNDRED, codes, most)
    assert len(lanes.labels) == min(most, lanes.clients)
    assert lanes.are_clients == (lanes.clients <= most)


@given(CODES)
def test_groups_differ_in_size_by_one_client_at_most(codes):
    lanes = client_lanes(TWO_HUNDRED, codes)
    sizes = np.bincount(lanes.of_client[lanes.of_client >= 0], minlength=1)
    assert sizes.max() - sizes.min() <= 1


def test_a_lane_of_several_clients_is_named_by_its_first_and_last():
    lanes = client_lanes(TWO_HUNDRED, np.arange(80))
    assert len(lanes.labels) == MOST_LANES
    assert lanes.labels[:2] == ["0 – 1", "2 – 3"]
    assert lanes.named(np.array([1, -1])).tolist()[0] == "2 – 3"
    assert pd.isna(lanes.named(np.array([1, -1]))[1])


@given(
    st.lists(st.tuples(st.integers(-1, 39), st.integers(0, 100_000)), min_size=1, max_size=300),
    st.integers(1, 5_000),
)
def test_counts_are_preserved(events, width):
    code, time = np.array(events).T
    lanes = client_lanes(pd.Index(range(40)), np.arange(40), most=7)
    cells = count_cells(lanes, code, time, start_ms=0, width_ms=width, columns=100_000 // width + 1)
    counts = filled_bins(cells, start_ms=0, width_ms=width)
    of_lane = counts.groupby("lane")["events"].sum().to_dict()
    assert of_lane == pd.Series(lanes.of(code[code >= 0])).value_counts().to_dict()
    assert (counts["events"] > 0).all()


def test_a_bin_holds_its_start_and_not_its_end():
    lanes = client_lanes(pd.Index(["a"]), np.zeros(1, int))
    times = np.array([9, 10, 19, 20, 30, MISSING_TIME])
    cells = count_cells(lanes, np.zeros(6, int), times, start_ms=10, width_ms=10, columns=2)
    counts = filled_bins(cells, start_ms=10, width_ms=10)
    assert counts.to_numpy().tolist() == [[0, 10, 20, 2], [0, 20, 30, 1]]


class TestBinWidth:
    @given(st.integers(0, 10**12), st.integers(1, 10_000))
    def test_cuts_a_stretch_into_at_most_so_many_bins(self, span, most):
        assert span // bin_width(span, most) + 1 <= most

    @pytest.mark.parametrize(
        ("span", "width"), [(0, 1), (99, 1), (100, 2), (499, 5), (500, 10), (86_400_000, 10**6)]
    )
    def test_is_a_round_number(self, span, width):
        assert bin_width(span, 100) == width


class TestWeights:
    @given(CODES, st.integers(2, 60))
    def test_the_heaviest_clients_have_a_lane_each_at_the_top(self, codes, most):
        weights = (np.arange(200) * 37 % 11).astype(float)
        lanes = client_lanes(TWO_HUNDRED, codes, most, weights)
        alone = np.flatnonzero(lanes.sizes == 1)
        top = len(lanes.labels) if lanes.are_clients else min(most // 2, len(alone))
        assert len(lanes.labels) == min(most, lanes.clients)
        assert lanes.sizes.sum() == lanes.clients
        assert (np.diff(weights[lanes.first[:top]]) <= 0).all() or not top

    def test_clients_of_one_weight_stand_in_their_order(self):
        lanes = client_lanes(TWO_HUNDRED, np.array([3, 1, 2]), weights=np.zeros(200))
        assert lanes.labels == ["1", "2", "3"]

    def test_the_others_share_lanes_with_their_neighbours(self):
        weights = np.zeros(200)
        weights[[7, 4]] = 2, 1
        lanes = client_lanes(TWO_HUNDRED, np.arange(10), 4, weights)
        assert lanes.labels == ["7", "4", "0 – 3", "5 – 9"]
        assert lanes.of(np.array([7, 0, 9, 4])).tolist() == [0, 2, 3, 1]
