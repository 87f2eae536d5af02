"""A chart of a topic in blocks is that of the one block that it is."""

from __future__ import annotations

import numpy as np
import pytest

from lib.analysis.outages import outages_and_rhythm
from lib.charts.comparison import drawn_comparison, lanes_in
from lib.charts.comparison_data import RowOrder, comparison_question
from lib.charts.embedded import embedded
from lib.charts.times import TimeScale
from lib.core.blockwise import answered
from lib.core.columns import ARRIVAL, CLIENT
from lib.simulate import Scenario, simulate
from tests.support.rounds import answered_in_blocks, compact
from tests.support.tables import events_table


@pytest.fixture(scope="module")
def events():
    scenario = Scenario(
        clients=30, sessions=60, events=6_000, partitions=3, outage_share=0.5, lost_share=0.01,
        disorder_share=0.05, disorder_ms=4_000,
    )  # fmt: skip
    simulation = simulate(scenario)
    log = simulation.events
    return events_table(
        log.timestamp,
        log.received,
        client=[f"c{client}" for client in log.client],
        session=[simulation.session_ids[number] for number in log.session],
        sequence=log.event_id,
        partition=log.partition,
    )


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
    how = {"zero_ms": 0, "scale": TimeScale.UTC, "height": 240, "outages": outages}

    def question(block):
        return comparison_question(block, most_lanes=lanes_in(240), outages=outages, order=order)

    whole = drawn_comparison(answered(question(events)), **how)
    parts = drawn_comparison(in_blocks(question, events), **how)

    assert (whole.width_ms is None) is (number == 4_000)
    assert parts.alt == whole.alt
    assert spec(parts.chart) == spec(whole.chart)
