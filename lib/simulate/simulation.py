"""The topic that comes of a scenario, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lib.simulate.draw import generator
from lib.simulate.history import History, SimulatedEvents, draw_history, epoch_ms
from lib.simulate.network import appended
from lib.simulate.records import encode
from lib.simulate.truth import Truth, tell_truth
from lib.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lib.simulate.scenario import Scenario

BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Simulation:
    """A simulated topic: its events in arrival order, the sessions' names, and the truth."""

    scenario: Scenario
    events: SimulatedEvents
    session_ids: tuple[str, ...]
    truth: Truth

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the topic's records in arrival order, as blocks of schema `RECORDS`."""
        session_ids = pa.array(self.session_ids)
        ends = np.zeros(self.scenario.partitions, dtype=np.int64)
        for first in range(0, len(self.events), rows):
            block = self.events.take(slice(first, first + rows))
            yield encode(self.scenario, block, session_ids, _next_offsets(block.partition, ends))

    @property
    def records(self) -> pa.Table:
        """The whole topic as a table of schema `RECORDS`, in arrival order."""
        return pa.Table.from_batches(self.batches(), RECORDS)


def simulate(scenario: Scenario) -> Simulation:
    """Return the topic that `scenario` describes, and the truth about it.

    The same scenario always gives the same topic. Time and memory are linear in the events.
    """
    history = draw_history(scenario)
    return Simulation(
        scenario=scenario,
        events=_log(scenario, history),
        session_ids=history.sessions.ids,
        truth=tell_truth(scenario, history),
    )


def _log(scenario: Scenario, history: History) -> SimulatedEvents:
    """Return what the broker got, in arrival order: nothing of the lost, the copied twice."""
    copies = np.flatnonzero(history.copied)
    rng = generator(scenario, "duplicates")
    copied_at = history.arrival[copies] + rng.exponential(scenario.duplicate_delay_ms, len(copies))
    rows = np.concatenate([np.flatnonzero(~history.lost), copies])
    arrival = np.concatenate([history.arrival[~history.lost], copied_at])
    order = np.argsort(arrival, kind="stable")
    events = history.events.take(rows[order])
    events.collected[:] = epoch_ms(scenario, arrival[order])
    events.received[:] = epoch_ms(
        scenario, appended(scenario, arrival[order], history.last_arrival)
    )
    return events


def _next_offsets(partition: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the offset of each record; moves `ends`, the partitions' ends, past them."""
    offsets = np.empty(len(partition), dtype=np.int64)
    for number, count in enumerate(np.bincount(partition, minlength=len(ends))):
        offsets[partition == number] = ends[number] + np.arange(count)
        ends[number] += count
    return offsets
