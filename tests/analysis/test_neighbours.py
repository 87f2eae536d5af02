"""What stands around a record, of one block of events and of several."""

import numpy as np
import pytest

from lib.analysis.neighbours import neighbours_question
from lib.core.blockwise import answered
from lib.core.columns import ARRIVAL, OFFSET
from tests.support.rounds import answered_in_blocks, compact
from tests.support.tables import events_table


@pytest.fixture
def table():
    """Events of two partitions: session a in both, session b in one; a record that holds two."""
    return events_table(
        [10, 20, 20, 20, 15, 30, 40, 50],
        [10, 20, 21, 22, 23, 31, 41, 51],
        client=[1, 2, 2, 1, 1, 2, 2, 1],
        session=["a", "b", "b", "a", "a", "b", "b", "a"],
        partition=[0, 1, 1, 0, 0, 1, 1, 0],
        extra={OFFSET: [0, 0, 0, 1, 2, 3, 4, 3]},
    )


def told(found):
    return {
        of: [*map(tuple, rows[["Timestamp", OFFSET]].to_numpy().tolist())]
        for of, rows in found.items()
    }


@pytest.mark.parametrize(
    ("place", "partition", "session"),
    [
        ((0, 1), [(10, 0), (20, 1), (15, 2)], [(15, 2), (20, 1), (50, 3)]),
        ((0, 0), [(10, 0), (20, 1)], [(10, 0), (15, 2)]),
        # Of a record with two events, the first
        ((1, 0), [(20, 0), (20, 0)], [(20, 0), (20, 0)]),
        # A record that is no event: what stands where it would
        ((1, 2), [(20, 0), (30, 3), (40, 4)], None),
        ((7, 0), [], None),
    ],
)
def test_events_around_a_record(table, place, partition, session):
    found = answered(neighbours_question(table, *place, 1))
    expected = {"partition": partition} | ({} if session is None else {"session": session})
    assert told(found) == expected
    # Given the same events in blocks, by client, then half and half
    placed = table.assign(**{ARRIVAL: np.arange(len(table))})
    for which in (table["ClientID"] == 1, np.arange(len(table)) < 4):
        blocks = [compact(placed[which]), compact(placed[~which])]
        in_blocks = answered_in_blocks([neighbours_question(each, *place, 1) for each in blocks])
        assert told(in_blocks) == expected
