"""A chart of a topic in blocks is that of the one block that it is."""

from __future__ import annotations

import numpy as np
import pytest

from lib.analysis.outages import outages_and_rhythm
from lib.analysis.sessions import sizes_question
from lib.charts.comparison import drawn_comparison
from lib.charts.comparison_data import RowOrder, comparison_question
from lib.charts.delay import drawn_over_time
from lib.charts.delay_data import over_time_question
from lib.charts.embedded import embedded
from lib.charts.rows import lanes_in
from lib.charts.skew import drawn_skew
from lib.charts.skew_data import LateMarks, behind_watermark, skew_question
from lib.charts.times import TimeScale
from lib.core.blockwise import answered
from lib.core.columns import ARRIVAL, CLIENT, EVENT_TIME, MISSING_TIME, RECEIVED_TIME
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
        return skew_question(block, ALL, LateMarks(*(each[at] for each in arrays), judged.words))

    whole = drawn_skew(answered(question(events)), judged.words, judged.clock, **UTC)
    parts = drawn_skew(in_blocks(question, events), judged.words, judged.clock, **UTC)

    assert whole.late > 0
    assert parts.picture.reading == whole.picture.reading
    assert spec(parts.picture.chart) == spec(whole.picture.chart)


def test_of_sessions_that_are_in_several_blocks(events):
    whole = answered(sizes_question(events))
    parts = answered_in_blocks([sizes_question(events[n::3]) for n in range(3)])
    assert whole.value.tolist() == parts.value.tolist()
    assert whole.count.tolist() == parts.count.tolist()
