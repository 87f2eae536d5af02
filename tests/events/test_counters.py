"""A number counts events only if time passes where one is missing, or if it is called so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.events.recognition import recognise
from tests.events.test_recognition import START, decoded


def sequence_of(name, numbers, times):
    """The sequence number that is recognised in events of three clients, all alike."""
    records = [
        {"device": device, "ts": int(ms), "received_at": int(ms) + 200, name: int(number)}
        for number, ms in zip(numbers, times, strict=True)
        for device in ("a", "b", "c")
    ]
    return recognise(decoded(records)).fields.sequence


def times_of(events, seed, least=4_000):
    """Event times about five seconds apart."""
    return START + np.cumsum(np.random.default_rng(seed).integers(least, 6_000, events))


@given(st.integers(0, 99), st.sampled_from([2, 3, 5]))
@settings(max_examples=30)
def test_what_goes_up_by_more_as_quickly_as_by_one_counts_no_events(seed, step):
    jumps = np.random.default_rng(seed).permutation(np.arange(60) % 10 == 0)

    numbers = 50_000 + np.cumsum(np.where(jumps, step, 1))

    assert sequence_of("reading", numbers, times_of(60, seed)) is None


@given(st.integers(0, 99))
@settings(max_examples=30)
def test_what_stays_the_same_while_time_goes_on_counts_no_events(seed):
    stays = np.random.default_rng(seed).permutation(np.arange(60) % 10 == 0)

    numbers = 50_000 + np.cumsum(~stays)

    assert sequence_of("reading", numbers, times_of(60, seed)) is None


@given(st.integers(0, 99), st.integers(1, 12))
@settings(max_examples=30)
def test_a_count_with_lost_events_is_one(seed, lost):
    rng = np.random.default_rng(seed)
    arrived = np.sort(rng.permutation(np.arange(1, 99))[lost:])

    assert sequence_of("n", arrived, times_of(99, seed)[arrived]) == "n"


def test_events_that_come_again_are_counted_all_the_same():
    numbers = np.repeat(np.arange(60), 1 + (np.arange(60) % 10 == 0))

    assert sequence_of("n", numbers, times_of(60, 1)[numbers]) == "n"


@pytest.mark.parametrize("name", ["uptime_min", "odometer", "minute", "total", "hourOfYear"])
def test_what_is_called_an_amount_counts_no_events(name):
    assert sequence_of(name, np.arange(60), times_of(60, 1)) is None


@pytest.mark.parametrize("name", ["seq", "event_id", "counter"])
def test_what_is_called_a_count_is_one_however_it_behaves(name):
    numbers = np.cumsum(np.where(np.arange(60) % 10 == 0, 2, 1))

    assert sequence_of(name, numbers, times_of(60, 1)) == name
