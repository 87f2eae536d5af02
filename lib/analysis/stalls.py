"""Stalls: stretches in which a topic, or a partition, received nothing that came afterwards.

Outages are looked for in what is known of each client. Where clients are heard a few times each, or
send to any partition, no client's own events show that all of a topic or partition stood still.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis import kernels
from lib.analysis.received import find_span
from lib.analysis.tally import find_median
from lib.core.blockwise import Answer, Pool, added, answered, in_step
from lib.core.columns import EVENT_TIME, PARTITION, RECEIVED_TIME

if TYPE_CHECKING:
    import pandas as pd

    from lib.analysis.kernels import Ints
    from lib.core.blockwise import Question, Steps

TOPIC: Final = -1
"""In place of a partition: nothing was received in any."""
LEAST_MS: Final = 10_000
"""A shorter stall is not worth a sentence."""
FEWEST: Final = 10
"""Events that were due in a stall, at least."""

_CELLS: Final = 4096  # of received time, in each of which the first and the last arrival are kept
_MOST_PARTITIONS: Final = 100
_MOST: Final = 3  # stalls of a topic or partition; more are how it is heard
_LONGER: Final = 5.0  # times than any other pause
_MOST_OF_SPAN: Final = 0.5
_USUAL_RATE: Final = 0.5  # of the events that come in such a time were due in it, at least
_WAITED: Final = (0.25, 0.7)  # of a stall, on average: half where all come at its end
_NONE: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Stall:
    """A stretch in which nothing was received.

    Attributes
    ----------
    partition
        Of which; `TOPIC` of all.
    last, back
        The arrivals before and after it, epoch ms.
    held
        Events that were due in it, with the topic's median delay, and came after it.
    burst_end
        When the last of them came, epoch ms.
    """

    partition: int
    last: int
    back: int
    held: int
    burst_end: int


def stalls(events: pd.DataFrame) -> list[Stall]:
    """Return the stalls of a topic and of its partitions, in which most of the usual events waited.

    A stall is far longer than other pauses; where it is a partition's, others received something in
    it. What was due in it came faster afterwards than it had happened: where the clock of received
    times is set forward, all is late from then on.

    Parameters
    ----------
    events
        Rows of an events table that have a received time, in any order.
    """
    return answered(stalls_question(events))


def stalls_question(events: pd.DataFrame) -> Question[list[Stall]]:
    """Ask for `stalls`, of blocks of any events."""
    received, partition = (kernels.ints(events[name]) for name in (RECEIVED_TIME, PARTITION))
    delays = received - kernels.ints(events[EVENT_TIME])
    known = yield from in_step(
        {
            "span": find_span(received),
            "partitions": _find_numbers(partition),
            "usual": find_median(delays),
        }
    )
    (begin, end), numbers = known["span"], known["partitions"]
    if not len(numbers) or len(numbers) > _MOST_PARTITIONS:
        return Answer(np.zeros((0, 3), np.int64), _of_both, partial(_judged, pauses=[]))
    whole = max(end - begin + 1, 1)
    cell = np.searchsorted(numbers, partition) * _CELLS + (received - begin) * _CELLS // whole
    ends = np.full((2, len(numbers) * _CELLS), _NONE)
    np.minimum.at(ends[0], cell, received)
    np.minimum.at(ends[1], cell, -received)
    ends = yield Pool(ends, np.minimum)
    counts = yield Pool(np.bincount(np.searchsorted(numbers, partition), None, len(numbers)), added)
    first, last = ends[0].reshape(-1, _CELLS), -ends[1].reshape(-1, _CELLS)
    pauses = _pauses(TOPIC, first.min(axis=0), last.max(axis=0), int(counts.sum()), whole)
    if len(numbers) > 1:
        for at, number in enumerate(numbers.tolist()):
            of_it = _pauses(number, first[at], last[at], int(counts[at]), whole)
            others = np.delete(first, at, axis=0)
            pauses += [p for p in of_it if ((others > p.last) & (others < p.back)).any()]
    due = received - delays + round(known["usual"])
    part = np.zeros((len(pauses), 3), np.int64)
    for row, pause in zip(part, pauses, strict=True):
        waited = (due > pause.last) & (due < pause.back) & (received >= pause.back)
        if pause.partition != TOPIC:
            waited &= partition == pause.partition
        row[:] = waited.sum(), (received - due)[waited].sum(), received[waited].max(initial=0)
    return Answer(part, _of_both, partial(_judged, pauses=pauses))


@dataclass(frozen=True)
class _Pause:
    partition: int
    last: int
    back: int
    usual: float  # events that come in such a time


def _find_numbers(values: Ints) -> Steps[Ints]:
    """Find the values of all blocks, each once, rising."""
    found: Ints = yield Pool(np.unique(values), np.union1d)
    return found


def _pauses(partition: int, first: Ints, last: Ints, events: int, whole: int) -> list[_Pause]:
    """Return the few pauses that are far longer than all others."""
    heard = first != _NONE
    first, last = first[heard], last[heard]
    lengths = first[1:] - last[:-1]
    longest = np.argsort(-lengths, kind="stable")[: _MOST + 1]
    for few in range(min(_MOST, len(longest)), 0, -1):
        others = lengths[longest[few]] if few < len(longest) else 0
        least = max(LEAST_MS, _LONGER * others, 2 * _LONGER * whole / _CELLS)
        if lengths[longest[few - 1]] >= least:
            found = longest[:few]
            if lengths[found].sum() > _MOST_OF_SPAN * whole:
                return []
            rate = events / (whole - lengths[found].sum())
            return [
                _Pause(partition, int(last[at]), int(first[at + 1]), rate * float(lengths[at]))
                for at in found.tolist()
            ]
    return []


def _of_both(one: Ints, other: Ints) -> Ints:
    return np.column_stack((one[:, :2] + other[:, :2], np.maximum(one[:, 2], other[:, 2])))


def _judged(part: Ints, *, pauses: list[_Pause]) -> list[Stall]:
    found: list[Stall] = []
    for pause, (held, waited, burst_end) in zip(pauses, part.tolist(), strict=True):
        length = pause.back - pause.last
        if held < max(FEWEST, _USUAL_RATE * pause.usual):
            continue
        if not _WAITED[0] <= waited / held / length <= _WAITED[1]:
            continue
        of_topic = (one for one in found if one.partition == TOPIC)
        if any(one.last < pause.back and one.back > pause.last for one in of_topic):
            continue
        found.append(Stall(pause.partition, pause.last, pause.back, held, burst_end))
    return found
