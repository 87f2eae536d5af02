"""Questions put to a topic in blocks have the answers of the one block that it is."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.analysis import delay_parts, delays, gone, outages, sequence_numbers, timestamp_quality
from lib.analysis.client_clocks import clocks_of, find_envelopes, sent_times
from lib.analysis.tally import Tally, find_median, find_quantiles
from lib.analysis.time_diagnosis import diagnosed
from lib.core.blockwise import Answer, answered, as_it_is, first_of, stacked
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    MISSING_TIME,
    RECEIVED_TIME,
    RECORD_TIME,
    SENT_TIME,
)
from lib.simulate import Scenario
from tests.support.rounds import answered_in_blocks, compact
from tests.support.tables import events_table, simulated_table

SHARES = (0, 0.3, 0.5, 1)


def by_client(events, blocks):
    codes = events[CLIENT].cat.codes.to_numpy()
    return [compact(events[codes % blocks == number]) for number in range(blocks)]


def in_order(events, blocks):
    parts = np.array_split(np.arange(len(events)), blocks)
    return [compact(events.iloc[part]) for part in parts]


@pytest.fixture(scope="module")
def events():
    scenario = Scenario(
        clients=9, sessions=27, events=6_000, partitions=3, outage_share=0.5, clock_share=0.3,
        clock_drift_ppm=80.0, step_share=0.2, lost_share=0.01, duplicate_share=0.01,
        shared_outages=1, shared_outage_clients=0.4, disorder_share=0.05, disorder_ms=4_000,
    )  # fmt: skip
    return simulated_table(scenario)


def clocks_in(events):
    times = sent_times(events)
    envelopes = yield from find_envelopes(times)
    table = yield from clocks_of(events, times, envelopes)
    return Answer(table, stacked, lambda found: found.sort_values(CLIENT, ignore_index=True))


def diagnosis_in(events):
    codes = events[CLIENT].cat.codes.to_numpy()
    times = (events[name].to_numpy() for name in (EVENT_TIME, RECEIVED_TIME))
    return diagnosed(*times, form="ms", groups=codes, names_zone=False)


@pytest.mark.parametrize("blocks", [2, 12])
@pytest.mark.parametrize("first", [6_000, 1_500, 0])
def test_parts_of_delay_of_the_events_that_have_the_times(events, first, blocks):
    waits = np.random.default_rng(3).integers(0, 5_000, (2, len(events)))
    known = np.arange(len(events)) < first
    sent = np.where(known, events[EVENT_TIME] + waits[0], MISSING_TIME)
    recorded = np.where(known, events[RECEIVED_TIME] + waits[1], MISSING_TIME)
    timed = events.assign(**{SENT_TIME: sent, RECORD_TIME: recorded})

    whole = delay_parts.delay_parts(timed, delay_parts.take_apart(timed))
    parts = answered_in_blocks([*map(delay_parts.parts_question, by_client(timed, blocks))])

    assert (whole is None) == (parts is None) == (first == 0)
    for name in ("of_topic", "by_client", "uploads", "over_time") if first else ():
        assert_same(getattr(whole, name), getattr(parts, name))
    if first:
        assert parts.missing == whole.missing


BY_CLIENT = {
    "outages": partial(
        outages.outages_and_rhythm_question,
        sensitivity=0.5,
        sessions_are_derived=False,
        rejected=sequence_numbers.NONE_REJECTED,
    ),
    "clocks": clocks_in,
    "gone": gone.gone_question,
    "distribution of delay": partial(delays.distribution_question, by=CLIENT),
}
IN_ORDER = {"disorder": delays.disorder_question, "order": timestamp_quality.order_question}


def assert_same(one, other):
    if isinstance(one, tuple):
        for own, others in zip(one, other, strict=True):
            assert_same(own, others)
    elif isinstance(one, pd.DataFrame):
        for name in one.select_dtypes("category").columns:
            one = one.assign(**{name: one[name].astype("object")})
            other = other.assign(**{name: other[name].astype("object")})
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, timestamp_quality.ReceivedOrder):
        own = timestamp_quality.OwnBackwards(0, 9)
        assert one.counts(own, 0) == other.counts(own, 0)
    else:
        assert one == other


@pytest.mark.parametrize("blocks", [2, 5, 12])
@pytest.mark.parametrize("name", BY_CLIENT)
def test_of_clients(events, name, blocks):
    ask = BY_CLIENT[name]
    whole = answered(ask(events))
    assert_same(whole, answered_in_blocks([*map(ask, by_client(events, blocks))]))
    if name == "outages":
        assert len(whole[0])


@pytest.mark.parametrize("blocks", [2, 7])
@pytest.mark.parametrize("name", IN_ORDER)
def test_of_stretches_of_arrival_order(events, name, blocks):
    ask = IN_ORDER[name]
    assert_same(answered(ask(events)), answered_in_blocks([*map(ask, in_order(events, blocks))]))


@pytest.mark.parametrize("off_ms", [0, 3_600_000, 40 * 365 * 86_400_000])
def test_what_is_wrong_with_event_times(events, off_ms):
    off = events.assign(**{EVENT_TIME: events[EVENT_TIME] + off_ms})
    whole = answered(diagnosis_in(off))
    assert whole == answered_in_blocks([*map(diagnosis_in, by_client(off, 4))])
    assert (whole is None) == (off_ms == 0)


def test_counters_of_partitions_are_not_told_of_blocks():
    numbers = [1, 2, 3, 4, 5, 6, 7, 8]
    events = events_table(range(8), range(8), client=[*"abababab"], sequence=numbers)
    ask = partial(
        sequence_numbers.find_numbers,
        sessions_are_derived=True,
        rejected=sequence_numbers.NONE_REJECTED,
    )
    with pytest.raises(AssertionError, match="count the events of a partition"):
        answered_in_blocks([*map(ask, by_client(events, 2))])


whole_numbers = st.lists(st.integers(-(10**8), 10**8), min_size=1, max_size=30)


@given(st.lists(whole_numbers, min_size=1, max_size=4))
@settings(deadline=None)
def test_tallies_of_parts_are_that_of_the_whole(parts):
    tally = sum((Tally.of(np.array(part)) for part in parts[1:]), Tally.of(np.array(parts[0])))
    every = np.sort(np.concatenate(parts))
    assert tally.median == np.median(every)
    assert np.repeat(tally.value, tally.count).tolist() == every.tolist()
    assert tally.sizes.median == np.median(np.abs(every))


@given(st.lists(whole_numbers, min_size=1, max_size=4))
@settings(deadline=None)
def test_the_median_of_parts_is_that_of_the_whole(parts):
    def ask(values):
        found = yield from find_median(values)
        return Answer(found, max, float)

    found = answered_in_blocks([ask(np.array(part)) for part in parts])
    assert found == np.median(np.concatenate(parts))


@given(st.lists(whole_numbers, min_size=1, max_size=3), st.integers(1, 4))
@settings(deadline=None)
def test_quantiles_in_groups_of_parts_are_those_of_the_whole(parts, groups):
    codes = [np.abs(np.array(part)).astype(np.int32) % groups for part in parts]

    def ask(codes, values):
        found = yield from find_quantiles(codes, groups, np.array(values), SHARES)
        return Answer(found, first_of, as_it_is)

    sizes, found = answered_in_blocks([*map(ask, codes, parts)])

    every, of = np.concatenate(parts), np.concatenate(codes)
    for group, size in enumerate(sizes):
        own = every[of == group]
        assert len(own) == size
        told = np.quantile(own, SHARES, method="inverted_cdf") if size else np.zeros(len(SHARES))
        assert found[group].tolist() == told.tolist()
