"""A chart of a topic in blocks is that of the one block that it is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lib.analysis.outages import outages_and_rhythm
from lib.analysis.received import with_received_time
from lib.analysis.sessions import sizes_question
from lib.charts.comparison import drawn_comparison
from lib.charts.comparison_data import RowOrder, comparison_question, find_in_group
from lib.charts.delay import drawn_over_time
from lib.charts.delay_data import over_time_question
from lib.charts.embedded import embedded
from lib.charts.rows import lanes_in
from lib.charts.skew import drawn_skew
from lib.charts.skew_data import (
    LATE,
    LateMarks,
    behind_watermark,
    points_question,
    skew_question,
    watermark_question,
)
from lib.charts.times import TimeScale
from lib.core.blockwise import Answer, added, answered
from lib.core.columns import ARRIVAL, CLIENT, EVENT_TIME, LEFT, MISSING_TIME, RECEIVED_TIME
from lib.simulate import Scenario
from tests.support.rounds import answered_in_blocks, compact
from tests.support.tables import simulated_table

ALL = slice(None)
UTC = {"zero_ms": 0, "scale": TimeScale.UTC}


@pytest.fixture(scope="module")
def events():
    scenario = Scenario(
        clients=30, sessions=60, events=6_000, partitions=3, outage_share=0.5, lost_share=0.01,
        disorder_share=0.05, disorder_ms=4_000,
    )  # fmt: skip
    return simulated_table(scenario)


def by_client(events, blocks):
    """Return blocks of clients, with the places of their events; and one that has none."""
    events = events.assign(**{ARRIVAL: np.arange(len(events))})
    codes = events[CLIENT].cat.codes.to_numpy()
    return [compact(events[codes % blocks == number]) for number in (*range(blocks), blocks)]


def in_blocks(question, events, blocks=3):
    return answered_in_blocks([question(block) for block in by_client(events, blocks)])


def spec(chart):
    return embedded(chart, width=800)


@pytest.mark.parametrize("number", [4_000, 6_000])  # points, and counts
@pytest.mark.parametrize("order", RowOrder)
def test_of_both_clocks(events, number, order):
    events = events.iloc[:number]
    outages, _ = outages_and_rhythm(events)
    how = {**UTC, "height": 240, "outages": outages}

    def question(block):
        return comparison_question(block, most_lanes=lanes_in(240), outages=outages, order=order)

    whole = drawn_comparison(answered(question(events)), **how)
    parts = drawn_comparison(in_blocks(question, events), **how)

    assert (whole.width_ms is None) is (number == 4_000)
    assert parts.alt == whole.alt
    assert spec(parts.chart) == spec(whole.chart)


@pytest.mark.parametrize("number", [4_000, 6_000])
def test_of_delay_over_time(events, number):
    # Given events of which some have no received time, and a stretch with few of them
    events = events.iloc[:number].copy()
    events.loc[events.index % 7 == 0, RECEIVED_TIME] = MISSING_TIME
    events.loc[events.index[-1], EVENT_TIME] += 3_600_000

    whole = drawn_over_time(answered(over_time_question(events)), **UTC)
    parts = drawn_over_time(in_blocks(over_time_question, events), **UTC)

    assert parts.alt == whole.alt
    assert parts.reading == whole.reading
    assert spec(parts.chart) == spec(whole.chart)


@pytest.mark.parametrize("number", [4_000, 6_000])
@pytest.mark.parametrize("spread", [1, 20])  # the diagonal, and delays
def test_of_the_skew_plot(events, number, spread):
    # Given events judged by a watermark
    events = events.iloc[:number].copy()
    first = int(events[EVENT_TIME].min())
    for name in (EVENT_TIME, RECEIVED_TIME):
        events[name] = first + spread * (events[name] - first)
    judged = behind_watermark(events, 500)

    def question(block):
        at = block[ARRIVAL].to_numpy() if ARRIVAL in block else np.arange(len(block))
        arrays = (judged.watermark_ms, judged.late, judged.reached_ms)
        marks = LateMarks(*(each[at] for each in arrays), judged.words, judged.clock)
        return skew_question(block, ALL, marks)

    whole = drawn_skew(answered(question(events)), judged.words, judged.clock, **UTC)
    parts = drawn_skew(in_blocks(question, events), judged.words, judged.clock, **UTC)

    assert judged.late.any()
    assert parts.reading == whole.reading
    assert spec(parts.chart) == spec(whole.chart)


@pytest.mark.parametrize("number", [4_000, 6_000])
def test_of_the_skew_plot_by_a_watermark(events, number):
    # Given events of which some have no received time, and some are left by a filter
    events = events.iloc[:number].copy()
    events.loc[events.index % 7 == 0, RECEIVED_TIME] = MISSING_TIME
    events[LEFT] = events.index % 3 > 0
    ask = partial(watermark_question, delay_ms=500)
    # When stretches that follow one another are asked, and blocks of clients for points
    stretches = [events.iloc[part] for part in np.array_split(np.arange(len(events)), 5)]
    parts = answered_in_blocks([*map(ask, [events.head(0), *stretches])])
    points = in_blocks(points_question, events)
    # Then it is what one machine draws
    heard = with_received_time(events).reset_index(drop=True)
    judged = behind_watermark(heard, 500)
    whole = answered(skew_question(heard, np.flatnonzero(heard[LEFT]), judged))
    words = (judged.words, judged.clock)
    if number == 4_000:
        parts = replace(parts, points=points.assign(**{LATE: parts.points[LATE]}))
    assert whole.late > 0
    drawn, other = drawn_skew(whole, *words, **UTC), drawn_skew(parts, *words, **UTC)
    assert other.reading == drawn.reading
    assert spec(other.chart) == spec(drawn.chart)


@pytest.mark.parametrize(("first", "last", "left"), [("c12", "c3", 20), ("d", "e", 30)])
def test_a_group_of_clients(events, first, last, left):
    def question(block):
        rows = yield from find_in_group(block, ALL, (first, last))
        clients = block[CLIENT].iloc[rows].drop_duplicates()
        return Answer(clients.tolist(), added, sorted)

    found = in_blocks(question, events)
    assert found == answered(question(events))
    assert len(found) == left  # all, where none is of the group


def test_of_sessions_that_are_in_several_blocks(events):
    whole = answered(sizes_question(events))
    parts = answered_in_blocks([sizes_question(events[n::3]) for n in range(3)])
    assert whole.value.tolist() == parts.value.tolist()
    assert whole.count.tolist() == parts.count.tolist()
