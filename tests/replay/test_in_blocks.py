"""A topic replayed in blocks has the outcome that it has in one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.columns import ARRIVAL, CLIENT, EVENT_TIME, MISSING_TIME, RECEIVED_TIME, SESSION
from lib.replay.engine import replay
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.in_blocks import Job, clocks_question, outcome_question
from lib.replay.input import replay_input_of
from lib.replay.outcome import outcome_of
from lib.replay.windows import NO_INDEX, SessionWindow
from tests.replay.sequences import settings_of_all_engines
from tests.support.rounds import answered_in_blocks, compact
from tests.support.tables import events_table

GAP = SessionWindow(10)


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
    return events_table(
        event_time,
        np.where(received < 0, MISSING_TIME, received),
        client=[f"c{code}" for code in client],
        session=[f"s{code}-{time // 25}" for code, time in zip(client, event_time, strict=True)],
        partition=partition,
    )


def in_one(table, job):
    heard = table[job.timed(table)]
    heard = heard.assign(**{RECEIVED_TIME: np.maximum.accumulate(job.received(heard))})
    events = replay_input_of(heard, job.key)
    sessions = heard[SESSION].cat.codes.to_numpy() if job.has_sessions else None
    return outcome_of(replay(events, job.setting), sessions)


def in_blocks(table, job, cuts, homes):
    """The outcome in blocks that begin at `cuts`, then of blocks of clients, by `homes`."""
    stretches = np.split(np.arange(len(table)), sorted(cuts))
    in_order = [compact(table.iloc[rows]) for rows in stretches]
    clocks = answered_in_blocks([clocks_question(block, job) for block in in_order])
    numbered = table.assign(**{ARRIVAL: np.arange(len(table))})
    home = table[CLIENT].map(dict(zip(["c0", "c1", "c2", "c3"], homes, strict=True)))
    by_client = [compact(numbered[home.to_numpy() == block]) for block in range(3)]
    return answered_in_blocks([outcome_question(block, job, clocks) for block in by_client])


def told(outcome):
    kinds = () if outcome.sessions is None else outcome.sessions.kind
    return replace(outcome, sessions=None), sorted(kind for kind in kinds if kind != NO_INDEX)


@settings(max_examples=150, deadline=None)
@given(
    tables(),
    st.builds(
        Job,
        settings_of_all_engines.filter(needs_no_whole),
        st.sampled_from([CLIENT, SESSION]),
        st.booleans(),
        st.booleans(),
    ),
    st.lists(st.integers(0, 40), max_size=3),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
)
def test_an_outcome_does_not_depend_on_the_blocks(table, job, cuts, homes):
    assert told(in_blocks(table, job, cuts, homes)) == told(in_one(table, job))


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
    ask = partial(clocks_question, job=Job(setting, CLIENT, has_sessions=False))

    with pytest.raises(AssertionError, match=r"all events that wait|in turns"):
        answered_in_blocks([ask(table.iloc[:4]), ask(table.iloc[4:])])


def test_an_application_stops_at_the_same_event_in_every_block():
    table = events_table(
        [0, 1, 9_000_000, 3], [0, MISSING_TIME, 2, 3], client=["c0", "c1", "c2", "c3"]
    )
    job = Job(KafkaStreamsSetting(GAP), CLIENT, has_sessions=False)

    found = in_blocks(table, job, [1, 2], [0, 1, 2, 0])

    assert (found.events, found.windows) == (1, 1)
    assert found.stopped_because.startswith("Kafka Streams stops at event 2 in arrival order")
    assert told(found) == told(in_one(table, job))
    assert table[EVENT_TIME].max() == 9_000_000
