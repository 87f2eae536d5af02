"""The distances between a key's events, and the knee of their distribution."""

from __future__ import annotations

import numpy as np

from lib.core.blockwise import answered
from lib.replay.counted import Counted
from lib.replay.gaps import gap_distribution, gaps_question, knee_ms
from lib.replay.input import replay_input


def test_gaps_are_between_neighbours_of_a_key_by_event_time():
    topic = replay_input(np.array([0, 100, 30, 101, 10]), np.array([0, 1, 0, 1, 0]))

    gaps = answered(gaps_question(topic))

    assert (gaps.value.tolist(), gaps.times.tolist()) == ([1, 10, 20], [1, 1, 1])


def test_the_distribution_counts_every_gap_once():
    gaps = Counted.of(np.array([0, 0, 3, 70, 500, 90_000]))

    distribution = gap_distribution(gaps)

    assert distribution["Events"].sum() == 6
    assert distribution["ShareBelow"].iloc[-1] == 1.0
    assert (distribution["FromMs"].iloc[1:].to_numpy() == distribution["ToMs"].iloc[:-1]).all()


def test_no_gap_has_an_empty_distribution_and_no_knee():
    none = Counted.of(np.empty(0, dtype=np.int64))

    assert gap_distribution(none).empty
    assert knee_ms(none) is None


def test_the_knee_parts_short_gaps_within_sessions_from_long_ones_between():
    gaps = Counted.of(np.concatenate([np.arange(100, 1_000), np.arange(600_000, 600_050)]))

    assert 900 <= knee_ms(gaps) < 1_000
