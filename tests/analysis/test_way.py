"""The way between two topics: its delays and outages."""

import numpy as np
import pandas as pd
import pytest

from lib.analysis import outages
from lib.analysis.delays import NEGATIVE
from lib.analysis.matching import match
from lib.analysis.way import COPIED, way_between
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    LAST_HEARD,
    LOST,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    RECORD_TIME,
    SEQUENCE,
    SESSION,
)
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME
from tests.support.tables import events_table

KEY = (CLIENT, SESSION, SEQUENCE)
NAMES = ("a", "b")


def topic(events=2_000, partitions=1):
    random = np.random.default_rng(3)
    happened = np.arange(events) * 100
    received = np.maximum.accumulate(happened + 20 + random.integers(0, 60, events))
    return events_table(
        happened.tolist(),
        received.tolist(),
        client=[f"c{i % 4}" for i in range(events)],
        sequence=[i // 4 for i in range(events)],
        partition=[i % 4 % partitions for i in range(events)],
    )


def mirror(here, took):
    """A mirror that took so long for each event; one partition's records stay in order."""
    there = here.assign(**{RECEIVED_TIME: here[RECEIVED_TIME] + took})
    return there.sort_values(RECEIVED_TIME, kind="stable").reset_index(drop=True)


def way(here, there, **options):
    _, found = way_between(here, there, match(here, there, KEY), names=NAMES, **options)
    return found


def milliseconds(events=2_000):
    return np.random.default_rng(4).integers(5, 15, events)


def test_the_delay_is_received_there_less_received_here():
    here, took = topic(), milliseconds()
    found = way(here, mirror(here, took))
    row = found.quantiles.iloc[0]
    assert (row["min"], row["max"]) == (took.min(), took.max())
    assert row["p50"] == np.sort(took)[len(took) // 2 - 1]
    assert not found.withheld
    assert found.outages.empty


def test_events_held_back_on_the_way_are_an_outage():
    # Given a mirror that stood still for 30 s, and then wrote what had come meanwhile
    here = topic()
    received = here[RECEIVED_TIME].to_numpy()
    down = (received >= 60_000) & (received < 90_000)
    took = np.where(down, 90_000 - received + milliseconds(), milliseconds())
    # When
    [outage] = way(here, mirror(here, took)).outages.to_dict("records")
    # Then
    assert outage[outages.KIND] == outages.BUFFERED
    assert outage[outages.HELD_BACK] == pytest.approx(down.sum(), abs=2)
    assert 89_000 < outage[outages.BACK_AT] <= 90_015
    assert outage[LAST_HEARD] < 60_015


def test_events_lost_on_the_way_are_an_outage_unless_they_may_not_have_been_read():
    here = topic()
    there = mirror(here, milliseconds())
    there = there.drop(index=range(700, 1_000)).reset_index(drop=True)
    [outage] = way(here, there).outages.to_dict("records")
    assert outage[outages.KIND] == outages.MOSTLY_LOST
    assert outage[LOST] == 300
    assert not way(here, there, all_read=False).outages[LOST].any()


def test_partitions_are_looked_at_apart():
    # Given a mirror of which only the task of partition 1 stood still
    here = topic(partitions=2)
    received, partition = here[RECEIVED_TIME].to_numpy(), here["KafkaPartition"].to_numpy()
    down = (partition == 1) & (received >= 60_000) & (received < 90_000)
    took = np.where(down, 90_000 - received + milliseconds(), milliseconds())
    # When
    found = way(here, mirror(here, took)).outages
    # Then
    assert found[CLIENT].tolist() == [1]


def test_timestamps_that_a_mirror_carried_over_tell_no_delay():
    here = topic().assign(**{RECEIVED_TIME_TYPE: CREATE_TIME})
    found = way(here, mirror(here, 0))
    assert found.withheld == COPIED.format(share="100 %")
    assert found.quantiles.empty
    assert found.outages.empty


def test_a_broker_that_appends_within_a_millisecond_tells_its_delay():
    here = topic().assign(**{RECEIVED_TIME_TYPE: LOG_APPEND_TIME})
    assert not way(here, mirror(here, np.arange(2_000) % 5 == 0)).withheld
    assert way(here, mirror(here, 0)).withheld == COPIED.format(share="100 %")


def test_record_times_that_producers_copied_from_event_times_tell_no_delay():
    here = topic()
    copied = here.assign(**{RECEIVED_TIME: here[EVENT_TIME], RECEIVED_TIME_TYPE: CREATE_TIME})
    assert way(copied, mirror(here, milliseconds())).withheld.startswith("a: Received time means")
    assert way(here, copied).withheld.startswith("b: ")


def test_the_brokers_times_count_where_a_field_is_the_received_time():
    here, took = topic(), milliseconds()
    there = mirror(here, took)
    collected = [
        t.assign(**{RECORD_TIME: t[RECEIVED_TIME], RECEIVED_TIME: 5}) for t in (here, there)
    ]
    assert way(*collected).quantiles["max"].tolist() == [took.max()]


def test_events_there_before_they_were_here_are_counted():
    here = topic()
    assert way(here, mirror(here, -milliseconds())).quantiles[NEGATIVE].tolist() == [2_000]


def test_without_times_or_pairs_nothing_is_told():
    here = topic()
    untimed = here.assign(**{RECEIVED_TIME: -1})
    assert way(here, untimed).withheld
    assert way(here, here.assign(**{SESSION: pd.Categorical(["other"] * 2_000)})).withheld
