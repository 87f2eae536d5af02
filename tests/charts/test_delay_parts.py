"""The charts of delay's parts: what they draw, in which units, and that they stay small."""

import pandas as pd
import pytest

from lib.analysis.delay_parts import DelayPart, delay_parts, take_apart
from lib.charts.delay_parts import MOST_CLIENTS, WORDS, over_time, per_client
from lib.charts.times import TimeScale
from lib.core.columns import RECORD_TIME, SENT_TIME
from tests.support.tables import events_table


def parts_of(clients=3, events=300, recorded=True):
    """Each client's events wait as many seconds as its number says; the rest takes 20 ms."""
    of = [n % clients for n in range(events)]
    happened = [1_000 * n for n in range(events)]
    sent = [t + 1_000 * c for t, c in zip(happened, of, strict=True)]
    received = [t + 20 for t in sent]
    extra = {SENT_TIME: sent} | ({RECORD_TIME: [t + 3 for t in received]} if recorded else {})
    events = events_table(happened, received, client=[f"c{c}" for c in of], extra=extra)
    return delay_parts(events, take_apart(events))


def data_of(chart):
    [rows] = chart.to_dict()["datasets"].values()
    return pd.DataFrame(rows)


def test_a_client_has_a_bar_for_each_part_in_seconds():
    drawn = per_client(parts_of().by_client)
    data = data_of(drawn.chart).set_index(["client", "part"])["seconds"]
    assert data["c2", WORDS[DelayPart.BUFFERING]] == 2.0
    assert data["c2", WORDS[DelayPart.PIPELINE]] == 0.003
    assert len(data) == 3 * len(DelayPart)


def test_the_longest_clients_come_first_and_no_more_than_fit():
    drawn = per_client(parts_of(clients=60, events=600).by_client)
    data = data_of(drawn.chart)
    assert (drawn.shown, drawn.clients) == (MOST_CLIENTS, 60)
    assert data["client"].nunique() == MOST_CLIENTS
    assert data.sort_values("place")["client"].iloc[0] == "c59"


def test_parts_that_cannot_be_told_are_not_drawn():
    parts = parts_of(recorded=False)
    for chart in (per_client(parts.by_client).chart, over_time_of(parts)):
        assert WORDS[DelayPart.PIPELINE] not in set(data_of(chart)["part"])
        assert (
            WORDS[DelayPart.PIPELINE] not in chart.to_dict()["encoding"]["color"]["scale"]["domain"]
        )


def over_time_of(parts, scale=TimeScale.ZERO, **more):
    return over_time(parts.over_time, zero_ms=0, scale=scale, **more)


@pytest.mark.parametrize("scale", TimeScale)
def test_over_time_there_are_at_most_200_stretches_a_part(scale):
    data = data_of(over_time_of(parts_of(events=3_000), scale))
    assert (data.groupby("part").size() <= 200).all()


@pytest.mark.parametrize(("share", "words"), [("p50", "half"), ("p90", "90 %"), ("p99", "99 %")])
def test_the_title_says_the_share_and_the_axis_the_unit(share, words):
    chart = over_time_of(parts_of(), share=share).to_dict()
    assert chart["title"]["text"] == f"{words} of the events had no more, over time"
    assert "? '1 s' :" in chart["encoding"]["y"]["axis"]["labelExpr"]
