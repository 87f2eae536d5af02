"""What all events pass falls behind, or does not."""

import numpy as np
import pandas as pd
import pytest

from lib.analysis.analyse import analyse
from lib.analysis.falling_behind import (
    FallingBehind,
    falling_behind,
    falling_behind_question,
)
from lib.core.blockwise import alone
from tests.support.rounds import answered_in_blocks
from tests.support.tables import events_table

MINUTE = 60_000


def topic(way, *, clients=6, minutes=60, ahead=0, seed=1):
    """Clients heard every few seconds; `way` is what all events pass at a moment, ms.

    The clock of the first client is ahead by `ahead`.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(clients):
        happened = np.cumsum(rng.exponential(4_000, 15 * minutes))
        took = way(happened) + rng.gamma(2, 100, len(happened))
        shown = happened + (ahead if client == 0 else 0)
        arrived = happened + took
        rows += [(int(r), int(e), f"c{client}") for r, e in zip(arrived, shown, strict=True)]
    received, shown, client = zip(*sorted(rows), strict=True)
    return events_table(shown, received, client=client)


def sentences(events):
    return [f.sentence for f in analyse(events).findings if f.kind == "falling behind"]


@pytest.mark.parametrize("clients", [1, 6])
def test_a_queue_that_grows_is_told_with_how_much_longer_the_fastest_took(clients):
    events = topic(lambda at: at / 6, clients=clients)
    found = falling_behind(events)
    assert found.events == len(events)
    assert 0 <= found.first < 5_000
    assert found.last == pytest.approx(9 * MINUTE, rel=0.1)
    (sentence,) = sentences(events)
    assert sentence.startswith("All events come later and later: the fastest took ")


def test_of_clocks_that_are_ahead_only_the_difference_is_told():
    (sentence,) = sentences(topic(lambda at: at / 6, ahead=2 * MINUTE))
    assert "in the last tenth of the time, the fastest took 9." in sentence
    assert "−" not in sentence


STEADY = {
    "nothing": lambda at: 0 * at,
    "what clocks drift": lambda at: at * 0.0005,
    "less than 10 s": lambda at: at / 600,
    "one step": lambda at: np.where(at > 30 * MINUTE, 5 * MINUTE, 0.0),
    "up and down": lambda at: MINUTE * np.abs(np.sin(at / (5 * MINUTE))),
    "a queue that is drained": lambda at: np.maximum(0.0, 20 * MINUTE - at / 3),
}


@pytest.mark.parametrize("way", STEADY)
def test_nothing_falls_behind_with(way):
    assert falling_behind(topic(STEADY[way])) is None


def test_event_times_that_stand_still_tell_nothing():
    events = events_table([5] * 1_000, range(5, 1_000_005, 1_000))
    assert falling_behind(events) is None


@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_few_events_tell_nothing(count):
    times = [MINUTE * n for n in range(count)]
    assert falling_behind(events_table(times, [at + at // 2 for at in times])) is None


def test_ten_events_that_each_took_longer_are_enough():
    times = [MINUTE * n for n in range(10)]
    found = falling_behind(events_table(times, [at + at // 2 for at in times]))
    assert found == FallingBehind(0, 9 * MINUTE // 2, 10)


@pytest.mark.parametrize("blocks", [2, 7, 1_000])
def test_it_is_the_same_in_blocks(blocks):
    events = topic(lambda at: at / 6, minutes=10)
    parts = [events.iloc[part] for part in np.array_split(np.arange(len(events)), blocks)]
    found = answered_in_blocks([falling_behind_question(part) for part in parts])
    assert found == falling_behind(events) is not None


@pytest.mark.parametrize("lasted", [9, 10, 11, 97, 1_000])
def test_tenths_are_those_of_the_time_in_whichever_order_events_come(lasted):
    received = np.random.default_rng(lasted).integers(0, lasted, 200) - lasted // 3
    received[:2] = received.min(), received.max()
    events = events_table(received - np.arange(200), received)

    part = alone(falling_behind_question(events)).part

    tenth = (received - received.min()) * 10 // (np.ptp(received) + 1)
    expected = pd.Series(np.arange(200)).groupby(tenth).min()
    assert part[expected.index].tolist() == expected.tolist()
