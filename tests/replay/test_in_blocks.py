"""A topic replayed in blocks has the outcome that it has in one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.core.blockwise import answered
from lib.core.columns import (
    ARRIVAL,
    CLIENT,
    EVENT_TIME,
    HOME_HASH,
    KEY_HASH,
    MISSING_TIME,
    PARTITION,
    RECEIVED_TIME,
    SESSION,
)
from lib.replay.advisor import advise, advise_on
from lib.replay.blame import blame, blame_on
from lib.replay.engine import replay
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.gaps import gap_distribution, gaps_question, knee_ms
from lib.replay.goal import Goal
from lib.replay.in_blocks import (
    Job,
    clocks_question,
    in_order_question,
    missed_in_order_question,
    missed_question,
    of_keys_question,
    of_sessions_question,
    outcome_question,
    replay_question,
)
from lib.replay.input import key_hashes, replay_input_of
from lib.replay.outcome import TrueSessions, outcome_of
from lib.replay.partitions import partition_skew, partition_skew_question
from lib.replay.processing_time import on_received_question
from lib.replay.registry import ENGINES
from lib.replay.sentences import advice_sentence
from lib.replay.windows import NO_INDEX, HoppingWindow, SessionWindow, TumblingWindow
from tests.replay.sequences import settings_of_all_engines
from tests.support.rounds import answered_in_blocks, compact
from tests.support.tables import events_table

GAP = SessionWindow(10)
PAGE = "Page"  # a field by which windows may be grouped
CUTS = st.lists(st.integers(0, 40), max_size=3)
HOMES = st.lists(st.integers(0, 2), min_size=4, max_size=4)


def needs_no_whole(setting):
    limited = getattr(setting, "batch_records", None) or getattr(setting, "batch_ends", ())
    return not limited and not getattr(setting, "catching_up", False)


@st.composite
def tables(draw):
    """Up to 40 events of up to 4 clients on up to 3 partitions; received times may fall or lack."""
    row = st.tuples(st.integers(0, 60), st.integers(0, 3), st.integers(0, 2), st.integers(-1, 60))
    rows = draw(st.lists(row, max_size=40))
    event_time, client, partition, received = np.array(rows, np.int64).reshape(-1, 4).T
    if draw(st.booleans()):
        received = np.sort(received)
    of = draw(st.sampled_from([client, partition, 0 * client]))
    table = events_table(
        event_time,
        np.where(received < 0, MISSING_TIME, received),
        client=[f"c{code}" for code in client],
        session=[f"s{code}-{time // 25}" for code, time in zip(of, event_time, strict=True)],
        partition=partition,
    )
    return table.assign(**{PAGE: (event_time + client) % 4})


def in_one(table, job):
    heard = table[job.timed(table)]
    heard = heard.assign(**{RECEIVED_TIME: np.maximum.accumulate(job.received(heard))})
    events = replay_input_of(heard, job.key, job.partitions)
    sessions = heard[SESSION].cat.codes.to_numpy() if job.has_sessions else None
    return outcome_of(replay(events, *job.settings), sessions)


@dataclass(eq=False)
class InBlocks:
    """A topic in blocks that begin at `cuts`, and in blocks of clients, by `homes`."""

    table: object
    job: Job
    cuts: list[int]
    homes: list[int]

    @property
    def events(self):
        return len(self.table)

    @property
    def sessions(self):
        return self.table[SESSION].nunique() if self.job.has_sessions else None

    @cached_property
    def stretches(self):
        rows = np.split(np.arange(len(self.table)), sorted(self.cuts))
        hashes = {KEY_HASH: CLIENT, HOME_HASH: self.job.key}
        table = self.table.assign(**{n: key_hashes(self.table[of]) for n, of in hashes.items()})
        return [compact(table.iloc[part]) for part in rows]

    @cached_property
    def by_key(self):
        place = np.cumsum(self.job.timed(self.table)) - 1  # of those that can be replayed
        numbered = self.table.assign(**{ARRIVAL: place})
        codes = self.table[self.job.key].astype("category").cat.codes
        home = np.array(self.homes)[codes % len(self.homes)]
        return [compact(numbered[home == block]) for block in range(3)]

    def in_order(self, question):
        ask = partial(in_order_question, job=self.job, question=question)
        return answered_in_blocks([*map(ask, self.stretches)])

    def of_sessions(self, question):
        ask = partial(of_sessions_question, job=self.job, question=question)
        return answered_in_blocks([*map(ask, self.by_key)])

    def of_missed(self, setting, question):
        (missed,) = self.of_each([setting], missed_question)
        job = replace(self.job, settings=(setting,))
        ask = partial(missed_in_order_question, job=job, missed=missed, question=question)
        return answered_in_blocks([*map(ask, self.stretches)])

    def of_each(self, settings, question, without=()):
        job = replace(self.job, settings=tuple(settings), without=tuple(without))
        clocks = answered_in_blocks([clocks_question(block, job) for block in self.stretches])
        ask = partial(replay_question, job=job, clocks=clocks, question=question)
        return answered_in_blocks([*map(ask, self.by_key)])


def in_blocks(table, job, cuts, homes):
    (outcome,) = InBlocks(table, job, cuts, homes).of_each(job.settings, outcome_question)
    return outcome


def told(outcome):
    kinds = () if outcome.sessions is None else outcome.sessions.kind
    return replace(outcome, sessions=None), sorted(kind for kind in kinds if kind != NO_INDEX)


@settings(max_examples=100, deadline=None)
@given(
    tables(),
    st.builds(
        Job,
        st.tuples(settings_of_all_engines.filter(needs_no_whole)),
        st.sampled_from([CLIENT, SESSION, PARTITION, PAGE]),
        st.booleans(),
        st.booleans(),
        sessions_are_apart=st.just(False),
        partitions=st.sampled_from([0, 5]),
    ),
    CUTS,
    HOMES,
)
@example(
    events_table([0], [1], client=["c0"], session=["s0-0"], partition=[0]),
    Job((SparkSetting(SessionWindow(1)),), CLIENT, has_sessions=False, order_only=True),
    [],
    [0] * 4,
)
def test_an_outcome_does_not_depend_on_the_blocks(table, job, cuts, homes):
    assert told(in_blocks(table, job, cuts, homes)) == told(in_one(table, job))


def heard_in(table, key=CLIENT):
    """Return the events of a table as an engine reads them, received times as a clock."""
    heard = table[table[RECEIVED_TIME] != MISSING_TIME]
    clock = np.maximum.accumulate(heard[RECEIVED_TIME].to_numpy())
    return replay_input_of(heard.assign(**{RECEIVED_TIME: clock}), key), heard


@settings(max_examples=40, deadline=None)
@given(
    tables(),
    settings_of_all_engines.filter(needs_no_whole),
    st.sampled_from([CLIENT, PARTITION]),
    CUTS,
    HOMES,
)
def test_whose_fault_it_is_does_not_depend_on_the_blocks(table, setting, column, cuts, homes):
    events, heard = heard_in(table)
    names = sorted(heard[column].unique())
    groups = np.array(names, np.int64) if column == PARTITION else key_hashes(pd.Series(names))
    codes = heard[column].map({name: code for code, name in enumerate(names)}).to_numpy(np.int64)
    job = Job((setting,), CLIENT, has_sessions=False, group=column)

    one = blame(events, setting, replay(events, setting), codes, 0.1)
    other = blame_on(InBlocks(table, job, cuts, homes), setting, groups, 0.1)

    pd.testing.assert_frame_equal(one.table, other.table)
    assert (one.dropped, one.ahead, one.replayed) == (other.dropped, other.ahead, other.replayed)


@settings(max_examples=40, deadline=None)
@given(tables(), CUTS)
def test_how_far_partitions_are_apart_does_not_depend_on_the_blocks(table, cuts):
    events, heard = heard_in(table)
    if not len(heard):
        return
    blocks = InBlocks(table, Job((), CLIENT, has_sessions=False), cuts, [0] * 4)
    question = partial(partition_skew_question, share=0.1, idle_timeout_ms=5)

    one, other = partition_skew(events, 0.1, 5), blocks.in_order(question)

    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.timeline, other.timeline)
    assert (one.within_ms, one.merged_ms) == (other.within_ms, other.merged_ms)


@settings(max_examples=30, deadline=None)
@given(
    tables(),
    st.sampled_from([GAP, TumblingWindow(10), HoppingWindow(10, 2)]),
    st.sampled_from([CLIENT, PARTITION, PAGE]),
    CUTS,
    HOMES,
)
def test_windows_on_received_time_do_not_depend_on_the_blocks(table, window, key, cuts, homes):
    setting = FlinkSetting(window)
    events, heard = heard_in(table, key)
    job = Job((setting,), key, has_sessions=True, sessions_are_apart=False)
    question = partial(on_received_question, window=window)

    sessions = TrueSessions(heard[SESSION].cat.codes.to_numpy())
    one = answered(question(events, replay(events, setting), sessions))
    (other,) = InBlocks(table, job, cuts, homes).of_each([setting], question)

    assert told(one.outcome) == told(other.outcome)
    assert (one.kept, one.elsewhere) == (other.kept, other.elsewhere)


@settings(max_examples=30, deadline=None)
@given(tables(), HOMES)
def test_gaps_do_not_depend_on_the_blocks(table, homes):
    job = Job((), CLIENT, has_sessions=False)
    ask = partial(of_keys_question, job=job, question=gaps_question)
    blocks = InBlocks(table, job, [], homes).by_key

    one, other = (
        answered(gaps_question(heard_in(table)[0])),
        answered_in_blocks([*map(ask, blocks)]),
    )

    assert gap_distribution(one).equals(gap_distribution(other))
    assert knee_ms(one) == knee_ms(other)


@pytest.mark.parametrize(
    "setting",
    [
        FlinkSetting(GAP, catching_up=True),
        SparkSetting(GAP, batch_records=2),
        SparkSetting(GAP, batch_ends=(2, 3)),
    ],
)
def test_what_all_that_waits_decides_is_not_told_of_blocks(setting):
    table = events_table(range(8), range(8), client=[*"abababab"])
    table = table.assign(**{KEY_HASH: key_hashes(table[CLIENT])})
    ask = partial(clocks_question, job=Job((setting,), CLIENT, has_sessions=False))

    with pytest.raises(AssertionError, match=r"all events that wait|in turns"):
        answered_in_blocks([ask(table.iloc[:4]), ask(table.iloc[4:])])


def test_an_application_stops_at_the_same_event_in_every_block():
    table = events_table(
        [0, 1, 9_000_000, 3], [0, MISSING_TIME, 2, 3], client=["c0", "c1", "c2", "c3"]
    )
    job = Job((KafkaStreamsSetting(GAP),), CLIENT, has_sessions=False)

    found = in_blocks(table, job, [1, 2], [0, 1, 2, 0])

    assert (found.events, found.windows) == (1, 1)
    assert found.stopped_because.startswith("Kafka Streams stops at event 2 in arrival order")
    assert told(found) == told(in_one(table, job))
    assert table[EVENT_TIME].max() == 9_000_000


@pytest.fixture(scope="module")
def traffic():
    """Sessions of ten clients with pauses between, a tenth of the events up to a minute late."""
    random = np.random.default_rng(5)
    number, place = np.divmod(np.arange(18_000), 2_000)
    happened = number * 400_000 + place * 125
    late = np.where(random.random(18_000) < 0.1, random.integers(0, 60_000, 18_000), 0)
    order = np.argsort(happened + late, kind="stable")
    client = np.arange(18_000) % 10
    return events_table(
        happened[order],
        (happened + late)[order],
        client=[f"c{code}" for code in client[order]],
        session=[f"s{code}-{n}" for code, n in zip(client[order], number[order], strict=True)],
        partition=random.integers(0, 3, 18_000),
    )


@pytest.mark.parametrize("key", [CLIENT, PAGE])
@pytest.mark.parametrize(
    ("engine", "goal"),
    [*((engine, Goal(0.01)) for engine in ENGINES), (ENGINES[0], Goal(0.02, most_broken=0.5))],
)
def test_the_advice_does_not_depend_on_the_blocks(traffic, engine, goal, key):
    # Given clients of whom two, now and then, share a page with the next one
    clients = traffic[CLIENT].cat.codes.to_numpy()
    shares = (clients % 5 == 0) & (traffic[EVENT_TIME] // 400_000 % 4 == 1)
    traffic = traffic.assign(**{PAGE: clients + (shares & (traffic[EVENT_TIME] // 1_250 % 2 == 0))})
    setting = engine.setting(SessionWindow(30_000))
    job = Job((setting,), key, has_sessions=True, sessions_are_apart=key == CLIENT)
    sessions = traffic[SESSION].cat.codes.to_numpy()
    blocks = InBlocks(traffic, job, [5_000, 5_010, 17_000], [0, 1, 2, 0, 1, 2, 0, 1, 2, 0])

    one = advise(replay_input_of(traffic, key), setting, goal, sessions)
    other = advise_on(blocks, setting, goal)

    assert (one.outcome.sessions.mixed > 0) == (key == PAGE)
    assert told(one.outcome) == told(other.outcome)
    assert replace(one, outcome=None) == replace(other, outcome=None)
    assert one.tried
    assert advice_sentence(one, goal, str) == advice_sentence(other, goal, str)
