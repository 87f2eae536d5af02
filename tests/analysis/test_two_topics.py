"""What is said and listed of two topics that are compared."""

from dataclasses import replace

import pandas as pd
import pytest

from lib.analysis.matching import match
from lib.analysis.two_topics import (
    RECEIVED_THERE,
    SENT_HERE,
    THERE,
    TOOK,
    WHAT,
    Difference,
    comparable,
    compared,
    differing,
    key_of,
    keys_to_choose,
    names_of,
)
from lib.core.columns import CLIENT, EVENT_TIME, OFFSET, SEQUENCE, SESSION
from lib.loading.load import load
from lib.sources.base import Everything, Latest
from lib.sources.files.folder import samples
from tests.support.tables import events_table

KEY = (CLIENT, SESSION, SEQUENCE)


def tables():
    """Five events here; there the second is missing, the last comes twice, the third took 9 s."""
    here = events_table([0, 1, 2, 3, 4], [10, 11, 12, 13, 14], sequence=[1, 2, 3, 4, 5])
    there = events_table(
        [0, 2, 3, 4, 4], [20, 9_012, 9_013, 9_014, 9_015], sequence=[1, 3, 4, 5, 5]
    )
    return here, there


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        (Difference.ONLY_IN_ONE, [["only in a", "1", 2, 1, 11, None]]),
        (Difference.REPEATED, [["repeated in b", "1", 5, 4, None, 9_015]]),
        (Difference.REORDERED, []),
        (Difference.CHANGED, []),
    ],
)
def test_events_that_differ_are_listed_with_where_they_are(kind, rows):
    here, there = tables()
    listed, count = differing(here, there, match(here, there, KEY), kind, ("a", "b"))
    assert count == len(rows)
    shown = listed[[WHAT, CLIENT, SEQUENCE, EVENT_TIME, SENT_HERE, RECEIVED_THERE]]
    assert shown.astype(object).where(shown.notna(), None).to_numpy().tolist() == rows


def test_the_slowest_come_first():
    here, there = tables()
    listed, _ = differing(here, there, match(here, there, KEY), Difference.SLOWEST, ("a", "b"))
    assert listed[TOOK].tolist() == [9_000, 9_000, 9_000, 10]
    assert listed[f"{OFFSET}{THERE}"].tolist() == [1, 2, 3, 0]


def test_what_else_has_to_be_said_is_said():
    # Given a topic, and the newest of it, read until it was stopped
    topic = load(samples(), "sessions-10", Everything())
    newest = load(samples(), "sessions-10", Latest(100))
    stopped = replace(newest, report=replace(newest.report, stopped=True))
    # When they are compared
    found = compared(topic, stopped, None)
    # Then nothing is said to be lost
    assert names_of(topic.report.topic, stopped.report.topic) == (
        "sessions-10 (first)",
        "sessions-10 (second)",
    )
    assert found.told.counts.pairs == 100
    assert found.told.caveats == (
        (
            "Of what is only in sessions-10 (first), matched events of the same partition do not "
            "surround 155 events: sessions-10 (second) may not have been read so far, or may not "
            "have them yet."
        ),
        (
            "Not every record of sessions-10 (second) was read, or is still there: what is only in "
            "sessions-10 (first) may be among those."
        ),
    )


def test_what_can_be_chosen_begins_with_numbers():
    topic = load(samples(), "sessions-10", Everything())
    assert keys_to_choose(comparable(topic), comparable(topic))[:2] == ["numbers", "@key"]
    assert compared(topic, topic, "gone").told.why_not.startswith("There is no gone in both topics")


def test_two_topics_without_a_common_event_are_not_matched():
    topic = load(samples(), "sessions-10", Everything())
    table = topic.events.table
    others = table.assign(**{SESSION: pd.Categorical([f"other {s}" for s in table[SESSION]])})
    other = replace(topic, events=replace(topic.events, table=others))
    found = compared(topic, other, None)
    assert found.matching is None
    assert found.told.why_not.startswith(
        "No event of sessions-10 (first) is in sessions-10 (second), by"
    )


def test_sessions_that_were_derived_are_no_part_of_the_key():
    topic = load(samples(), "sessions-10", Everything())
    named = comparable(topic)
    derived = replace(named, fields=replace(named.fields, session=None))
    without = replace(named, has_numbers=False)

    assert key_of((named, named), None) == ((CLIENT, SESSION, SEQUENCE), "")
    assert key_of((named, derived), None) == ((CLIENT, SEQUENCE), "")
    key, why_not = key_of((named, without), None)
    assert (key, why_not.partition(":")[0]) == (
        (), "sessions-10 (second) is without sequence numbers"
    )  # fmt: skip
