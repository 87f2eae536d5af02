"""Clients that were heard all along and then never again, while most others were.

Where clients come and go, one that stops is nothing: its work was done. Where nearly all are heard
until the topic ends, and one that was as steady stops long before, its silence is worth a sentence.
Whether it was switched off, broke, or is cut off until after the topic's end cannot be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.core.blockwise import Answer, Pool, added, answered, compact, joined, stacked
from lib.core.columns import CLIENT, EVENT_TIME, EVENTS, LAST_HEARD, RECEIVED_TIME, SILENT
from lib.core.jit import compiled

if TYPE_CHECKING:
    from lib.analysis.kernels import Codes, Ints
    from lib.core.blockwise import Question

LONGEST: Final = "Longest"

STAYING_SHARE: Final = 0.8
"""Share of the clients, at least, that are heard until the topic ends; else they come and go."""
FEWEST: Final = 20
"""Events of a client, at least, for its intervals to tell anything."""
TIMES_LONGER: Final = 3
"""A silence of a client that is gone is so many times as long as any before it."""
TIMES_IDLE: Final = 10
"""And so many times as long as it ever made nothing: apps that rest come back when they will."""
OTHERS: Final = 0.9
"""And longer than the longest silence of so many of the clients."""

SHORTER_LIFE: Final = 4
"""And at most so many times as long as the client was heard: a job that ran once is done."""

_NEVER: Final = np.iinfo(np.int64).min


def gone(events: pd.DataFrame) -> pd.DataFrame:
    """Return the clients that were heard until long before the topic's end, and never again.

    Parameters
    ----------
    events
        An events table in **arrival order**, of events that have a received time.

    Returns
    -------
    pd.DataFrame
        One row a client, by `LastHeard`: `ClientID`; `LastHeard` epoch ms; `Silent`, from then to
        the last event of the topic, and `Longest`, its longest silence before, ms; `Events` that
        it sent. int64. Empty where clients come and go.
    """
    return answered(gone_question(events))


def gone_question(events: pd.DataFrame) -> Question[pd.DataFrame]:
    """Ask for those that are `gone`, of blocks that have all events of their clients each."""
    clients = kernels.group_by(events, CLIENT)
    received = kernels.ints(events[RECEIVED_TIME])
    last, longest = np.full(clients.n, _NEVER), np.zeros(clients.n, np.int64)
    first = kernels.bounds_within(clients, received)[0]
    newest, idle = np.full(clients.n, _NEVER), np.zeros(clients.n, np.int64)
    _find_longest(clients.codes, received, last, longest)
    _find_longest(clients.codes, kernels.ints(events[EVENT_TIME]), newest, idle)
    end = yield Pool(int(received.max(initial=_NEVER)), max)
    silent = end - last
    steady = clients.sizes >= FEWEST
    of_steady = yield Pool(longest[steady], joined)
    usual = np.quantile(of_steady, OTHERS) if len(of_steady) else 0.0
    is_gone = steady & (silent > np.maximum(TIMES_LONGER * longest, usual))
    stopped = yield Pool(np.count_nonzero(is_gone), added)
    come_and_go = stopped > (1 - STAYING_SHARE) * len(of_steady)
    is_gone &= (last - first >= silent / SHORTER_LIFE) & (silent > TIMES_IDLE * idle)
    found = np.flatnonzero(is_gone) if not come_and_go else np.empty(0, np.int64)
    table = pd.DataFrame(
        {
            CLIENT: clients.labels.take(found),
            LAST_HEARD: last[found],
            SILENT: silent[found],
            LONGEST: longest[found],
            EVENTS: clients.sizes[found],
        }
    )
    return Answer(compact(table), stacked, _by_last_heard)


def _by_last_heard(table: pd.DataFrame) -> pd.DataFrame:
    by_name = table.sort_values(CLIENT, kind="stable", na_position="first")
    return by_name.sort_values(LAST_HEARD, kind="stable", ignore_index=True)


@compiled
def _find_longest(codes: Codes, times: Ints, last: Ints, longest: Ints) -> None:
    """Find each client's last time, and the longest without one; `last` is `_NEVER` before."""
    for event in range(len(codes)):
        client, at = codes[event], times[event]
        if last[client] != _NEVER:
            longest[client] = max(longest[client], at - last[client])
        last[client] = max(last[client], at)
