"""Delay, taken apart: before an event was sent, under way, at the servers, and the client's clock.

With event time e and sent time s, both by the client's clock, received time r by a collector's, and
the record's timestamp k by the broker's:

- *buffering* s − e needs no common clock;
- r − s is the *transit* and θ, what the client's clock is behind. Its lower envelope over time
  (`lib.analysis.clock_steps`) is the fastest transit and θ, the part *clock*; what is above it is
  the part *network*: also a retry that keeps the first sent time waits there;
- *pipeline* k − r.

They add up to k − e, event by event. Which can be told follows from which times there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import client_clocks, kernels
from lib.analysis.clock_steps import (
    between_steps,
    clock_offsets,
    find_clock_steps,
)
from lib.analysis.delays import SCOPE, quantile_name
from lib.analysis.outages import BACK_AT, BURST_END
from lib.analysis.received import find_span, has_received_time
from lib.analysis.tally import Tally, find_quantiles
from lib.core.blockwise import Answer, Pool, added, alone, answered, either, in_step, stacked
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENTS,
    FROM,
    MISSING_TIME,
    RECEIVED_TIME,
    RECORD_TIME,
    SENT_TIME,
    TO,
)
from lib.sources.records import NO_TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from lib.analysis.client_clocks import ClientTimes, LowerEnvelopes
    from lib.analysis.kernels import Codes, Groups, Ints
    from lib.core.blockwise import Question, Steps

    Bools = npt.NDArray[np.bool_]

PART: Final = "Part"
SENDS: Final = "Sends"
PER_SEND: Final = "PerSend"
SEND_INTERVAL: Final = "SendInterval"
ASLEEP: Final = "Asleep"
SENT_BEFORE: Final = "SentBefore"
BUFFERED: Final = "Buffered"
AFTER_SENT: Final = "AfterSent"

SHARES: Final[Sequence[float]] = (0.5, 0.9, 0.99, 1.0)
IDLE_MS: Final = 1_000
"""A client that did nothing for less before it sent was not asleep."""


class DelayPart(StrEnum):
    """A part of the delay; their order is that of an event's way."""

    BUFFERING = "buffering"
    NETWORK = "network"
    CLOCK = "clock"
    PIPELINE = "pipeline"


PARTS: Final = pd.CategoricalDtype([str(part) for part in DelayPart])


@dataclass(frozen=True)
class EventParts:
    """The parts of each event's delay that can be told, and what its client's clock showed.

    Attributes
    ----------
    rows
        Of each part, the positions of the events in which it is known.
    ms
        Of each part, those events' share in their delay, int64.
    missing
        Why other parts cannot be told, in one sentence; empty where all can.
    clocks, steps
        `clock_steps.clock_offsets` and `ClockSteps.table`; None without sent or received times.
    """

    rows: Mapping[DelayPart, Ints]
    ms: Mapping[DelayPart, Ints]
    missing: str
    clocks: pd.DataFrame | None
    steps: pd.DataFrame | None


@dataclass(frozen=True)
class PartQuantiles:
    """How long the parts of the delay are.

    Attributes
    ----------
    of_topic, by_client
        `parts_by`, over all events and for each client.
    uploads
        `uploads` of the clients; None without sent times.
    """

    of_topic: pd.DataFrame
    by_client: pd.DataFrame
    uploads: pd.DataFrame | None


@dataclass(frozen=True)
class DelayParts(PartQuantiles):
    """What delay is made of.

    Attributes
    ----------
    over_time
        `find_parts_over_time`.
    missing, clocks, steps
        As in `EventParts`.
    """

    missing: str
    over_time: pd.DataFrame
    clocks: pd.DataFrame | None
    steps: pd.DataFrame | None


def delay_parts(events: pd.DataFrame, parts: EventParts) -> DelayParts | None:
    """Return what the delays of an events table are made of; None where nothing can be told.

    Each part is that of the events which have the times that it needs: see `take_apart`.
    """
    found = answered(_parts_question(events, parts))
    return found and replace(found, clocks=parts.clocks, steps=parts.steps)


def parts_question(events: pd.DataFrame) -> Question[DelayParts | None]:
    """Ask for `delay_parts`, but for clocks, of blocks that have all events of their clients."""
    parts, _ = yield from find_parts(events)
    return (yield from _parts_question(events, parts))


def _parts_question(events: pd.DataFrame, parts: EventParts) -> Question[DelayParts | None]:
    quantiles = yield from quantiles_question(events, parts)
    over_time = yield from find_parts_over_time(events, parts)
    finish = partial(_taken_apart, quantiles.finish, parts.missing, over_time)
    return Answer(quantiles.part, quantiles.merge, finish)


def _taken_apart(
    finish: Callable[[_CountedParts], PartQuantiles | None],
    missing: str,
    over_time: pd.DataFrame,
    counted: _CountedParts,
) -> DelayParts | None:
    found = finish(counted)
    if found is None:
        return None
    of = found.of_topic, found.by_client, found.uploads
    return DelayParts(*of, missing, over_time, None, None)


def missing_parts(*, sent: bool, received: bool, recorded: bool) -> str:
    """Return which parts of the delay cannot be told, and why; empty where all can.

    Parameters
    ----------
    sent, received, recorded
        Whether any event has a sent time, a received one, and that and another one of its record.
    """
    if not received:
        told = "Only how old events were when they were sent can be told" if sent else "No part"
        return f"{told}: there is no received time." if sent else "There is no received time."
    said = []
    if not sent:
        said.append(
            "Without a sent time, buffering, network and the client's clock are in one delay."
        )
    if not recorded:
        said.append(
            "Received time is the record's timestamp, or the only one at the servers: what lies "
            "between a collector and the broker is not told apart from the network."
        )
    return " ".join(said)


def take_apart(events: pd.DataFrame) -> EventParts:
    """Return the parts of each event's delay.

    Where all four parts of an event are known, they add up to k − e.
    """
    parts, seen = alone(find_parts(events))
    return parts if seen is None else replace(parts, clocks=clock_offsets(*seen))


def find_parts(
    events: pd.DataFrame,
) -> Steps[tuple[EventParts, tuple[ClientTimes, LowerEnvelopes] | None]]:
    """Find the parts of each event's delay, of a block that has all events of its clients.

    And what `clock_offsets` of all clients are found from; None without sent or received times.
    """
    sent, received, recorded = _known_times(events)
    under_way, at_servers = sent & received, received & recorded
    here = tuple(bool(known.any()) for known in (sent, received, under_way, at_servers))
    any_sent, any_received, any_under_way, any_at_servers = yield Pool(here, _either_of_each)
    missing = missing_parts(sent=any_sent, received=any_received, recorded=any_at_servers)
    rows, values = {}, {}
    steps, seen = None, None
    if any_sent:
        rows[DelayPart.BUFFERING] = np.flatnonzero(sent)
        values[DelayPart.BUFFERING] = _between(events, sent, EVENT_TIME, SENT_TIME)
    if any_under_way:
        some = events if under_way.all() else events[under_way]
        times = client_clocks.sent_times(some)
        found = yield from find_clock_steps(times)
        stretches = between_steps(times, found)
        envelopes = yield from client_clocks.find_envelopes(stretches)
        lags = envelopes.lags(stretches.clients.codes, times.shown, times.received)
        steps, seen = found.table(times), (stretches, envelopes)
        rows |= dict.fromkeys((DelayPart.NETWORK, DelayPart.CLOCK), np.flatnonzero(under_way))
        values[DelayPart.NETWORK] = np.rint(lags).astype(np.int64)
        values[DelayPart.CLOCK] = times.received - times.shown - values[DelayPart.NETWORK]
    if any_at_servers:
        rows[DelayPart.PIPELINE] = np.flatnonzero(at_servers)
        values[DelayPart.PIPELINE] = _between(events, at_servers, RECEIVED_TIME, RECORD_TIME)
    return EventParts(rows, values, missing, None, steps), seen


def _either_of_each(one: tuple[bool, ...], other: tuple[bool, ...]) -> tuple[bool, ...]:
    return tuple(map(either, one, other))


@dataclass(frozen=True, eq=False)
class _CountedParts:
    """What `PartQuantiles` are made of: how often each length of a part occurs, and tables."""

    of_topic: Mapping[DelayPart, Tally]
    by_client: pd.DataFrame | None
    uploads: pd.DataFrame | None

    def __add__(self, other: _CountedParts) -> _CountedParts:
        both = {part: tally + other.of_topic[part] for part, tally in self.of_topic.items()}
        return _CountedParts(
            both,
            _stacked_if_any(self.by_client, other.by_client),
            _stacked_if_any(self.uploads, other.uploads),
        )

    @property
    def quantiles(self) -> PartQuantiles | None:
        if self.by_client is None:
            return None
        by_client = _one_table([self.by_client], [CLIENT, PART])
        sends = self.uploads
        if sends is not None:
            sends = sends.sort_values(CLIENT, na_position="first", ignore_index=True)
        return PartQuantiles(_of_topic(self.of_topic), by_client, sends)


def _stacked_if_any(one: pd.DataFrame | None, other: pd.DataFrame | None) -> pd.DataFrame | None:
    if one is None or other is None:
        return other if one is None else one
    return stacked(one, other)


def quantiles_question(events: pd.DataFrame, parts: EventParts) -> Question[PartQuantiles | None]:
    """Ask for quantiles of the parts of blocks that have all events of their clients each.

    None where nothing can be told.
    """
    yield from ()  # a question without a round
    counted = {part: Tally.of(ms) for part, ms in parts.ms.items()}
    here = replace(parts, rows={part: rows for part, rows in parts.rows.items() if len(rows)})
    found = _CountedParts(
        counted,
        parts_by(CLIENT, events, here) if here.rows else None,
        uploads(events) if DelayPart.BUFFERING in here.rows else None,
    )
    return Answer(found, added, _quantiles_of)


def _quantiles_of(counted: _CountedParts) -> PartQuantiles | None:
    return counted.quantiles


def _of_topic(tallies: Mapping[DelayPart, Tally]) -> pd.DataFrame:
    """Return the result of `parts_by` for the whole topic."""
    rows = [[tally.n, *tally.quantiles(SHARES).tolist()] for tally in tallies.values()]
    table = pd.DataFrame(rows, columns=[EVENTS, *map(quantile_name, SHARES)])
    table.insert(0, SCOPE, "topic")
    table.insert(1, PART, pd.Series([str(part) for part in tallies], dtype=PARTS))
    return _one_table([table], [SCOPE, PART])


def parts_by(
    column: str | None,
    events: pd.DataFrame,
    parts: EventParts,
) -> pd.DataFrame:
    """Return quantiles of each part for each value of a column; None: for the whole topic.

    Returns
    -------
    pd.DataFrame
        One row a value and part that is known of it: the column's name (`Scope` for the topic);
        `DelayPart`, category; `Events` in which it is known, int64; one int64 column in ms for each
        of `SHARES`, named by `delays.quantile_name`.
    """
    groups = kernels.whole_topic(events) if column is None else kernels.group_by(events, column)
    name = SCOPE if column is None else column
    tables = [
        _quantiles(part, _of(groups, rows), parts.ms[part], SHARES, name)
        for part, rows in parts.rows.items()
    ]
    return _one_table(tables, [name, PART])


_SHARES_OVER_TIME: Final = (0.5, 0.9, 0.99)
_BINS: Final = 200


def find_parts_over_time(events: pd.DataFrame, parts: EventParts) -> Steps[pd.DataFrame]:
    """Find quantiles of each part in equal stretches of event time.

    Returns
    -------
    pd.DataFrame
        One row a stretch and part with events: `From` and `To`, int64 epoch ms, `From` ≤ t < `To`;
        `DelayPart`, category; `Events` int64; one int64 column in ms for each of
        `_SHARES_OVER_TIME`. At most `_BINS` rows a part. Nothing where no part is known.
    """
    if not parts.rows:
        return pd.DataFrame()
    times = kernels.ints(events[EVENT_TIME])
    first, last = yield from find_span(times)
    width = max(-(-(last + 1 - first) // _BINS), 1)
    stretch = ((times - first) // width).astype(np.int32)
    found = yield from in_step(
        {
            part: find_quantiles(stretch[rows], _BINS, parts.ms[part], _SHARES_OVER_TIME)
            for part, rows in parts.rows.items()
        }
    )
    starts = {FROM: pd.Index(first + width * np.arange(_BINS, dtype=np.int64))}
    tables = []
    for part in parts.rows:
        sizes, quantiles = found[part]
        tables.append(_table(starts, part, sizes, quantiles, _SHARES_OVER_TIME)[sizes > 0])
    table = _one_table(tables, [FROM, PART])
    table.insert(1, TO, table[FROM] + width)
    return table


def uploads(events: pd.DataFrame) -> pd.DataFrame:
    """Return how each client sends: in uploads, which share one sent time.

    Returns
    -------
    pd.DataFrame
        One row a client with sent times: `ClientID`; `Events` and `Sends` (distinct sent times),
        int64; `PerSend`, median number of events of an upload, float64; `SendInterval`, median
        time between two uploads, float64 ms, NaN with one; `Asleep`, events of uploads before which
        the client was idle, for `IDLE_MS` at least and half of the oldest event's buffering: it
        slept, or nothing that happened made it send; `SentBefore`, events that were sent before
        they happened: the clock was set back between. int64.
    """
    known = events[SENT_TIME].to_numpy() != MISSING_TIME
    some = events if known.all() else events[known]
    sent, happened = kernels.ints(some[SENT_TIME]), kernels.ints(some[EVENT_TIME])
    clients = kernels.group_by(some, CLIENT)
    order = np.lexsort((happened, sent, clients.codes))
    client, sent, happened = clients.codes[order], sent[order], happened[order]
    opens = np.append(True, (np.diff(sent) != 0) | (np.diff(client) != 0))[: len(sent)]
    first = np.flatnonzero(opens)
    size = np.diff(np.append(first, len(sent)))
    of, at, last = client[first], sent[first], first + size - 1
    idle = at - happened[last]
    slept = (idle >= IDLE_MS) & (2 * idle >= at - happened[first])
    slept &= ~_happened_between(client, happened, of, happened[last], at)
    sends = kernels.Groups(of, clients.labels)
    same = np.append(False, np.diff(of) == 0)[: len(of)]
    interval = np.diff(at, prepend=0).astype(np.float64)
    between = kernels.Groups(of[same], clients.labels)
    return pd.DataFrame(
        {
            CLIENT: clients.labels,
            EVENTS: clients.sizes,
            SENDS: sends.sizes,
            PER_SEND: kernels.medians_within(sends, size.astype(np.float64)),
            SEND_INTERVAL: np.where(
                between.sizes > 0, kernels.medians_within(between, interval[same]), np.nan
            ),
            ASLEEP: np.bincount(of, weights=size * slept, minlength=clients.n).astype(np.int64),
            SENT_BEFORE: kernels.counts(client[sent < happened], clients.n),
        }
    )


def parts_of_outages(
    events: pd.DataFrame, parts: EventParts, outages: pd.DataFrame
) -> pd.DataFrame | None:
    """Return where the events that an outage held back waited; None without sent times.

    Parameters
    ----------
    events, parts
        An events table, and what `take_apart` says of it.
    outages
        The result of `outages.outages_of`.

    Returns
    -------
    pd.DataFrame
        One row an outage: `Buffered` and `AfterSent`, Int64 ms, the longest that an event of the
        client, received from `BackAt` to `BurstEnd`, waited before it was sent, and then beyond
        the fastest transit; missing where that is not known.
    """
    if DelayPart.NETWORK not in parts.rows:
        return None
    rows = parts.rows[DelayPart.NETWORK]
    waited = np.zeros(len(events), np.int64)
    waited[parts.rows[DelayPart.BUFFERING]] = parts.ms[DelayPart.BUFFERING]
    clients = kernels.group_by(events, CLIENT)
    received = kernels.ints(events[RECEIVED_TIME])[rows]
    order = np.lexsort((received, clients.codes[rows]))
    client, received = clients.codes[rows][order], received[order]
    values = np.stack((waited[rows], parts.ms[DelayPart.NETWORK]))[:, order]
    code = _codes(clients, outages[CLIENT]).astype(np.int32)
    bounds = [np.searchsorted(client, code, side) for side in ("left", "right")]
    ends = outages[[BACK_AT, BURST_END]].to_numpy(np.int64)
    found = np.full((len(outages), 2), np.nan)
    for row, (low, high) in enumerate(zip(*bounds, strict=True)):
        first, last = low + np.searchsorted(received[low:high], ends[row] + (0, 1))
        if last > first:
            found[row] = values[:, first:last].max(axis=1)
    return pd.DataFrame(found, columns=[BUFFERED, AFTER_SENT]).astype("Int64")


def of_either(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return `parts_of_outages` of the events of both, which have no client in common."""
    return one.fillna(other)


def _known_times(events: pd.DataFrame) -> tuple[Bools, Bools, Bools]:
    """Return which events have a sent time, a received time, and another one of their record."""
    n = len(events)
    received = has_received_time(events)
    known = [
        ~events[name].isin(none).to_numpy() if name in events else np.zeros(n, np.bool_)
        for name, none in ((SENT_TIME, [MISSING_TIME]), (RECORD_TIME, [MISSING_TIME, NO_TIMESTAMP]))
    ]
    return known[0], np.ones(n, np.bool_) if received is None else received, known[1]


def _between(events: pd.DataFrame, known: Bools, first: str, last: str) -> Ints:
    return kernels.ints(events[last])[known] - kernels.ints(events[first])[known]


def _codes(groups: Groups, names: pd.Series) -> Ints:
    """Return the code of the group that each name is of; −1 if of none."""
    codes = pd.Series(np.arange(groups.n), index=pd.Index(groups.labels))
    return codes.reindex(pd.Index(names)).fillna(-1).to_numpy(np.int64)


def _of(groups: Groups, rows: Ints) -> Groups:
    """Return the groups of some of the events; those without any are left out."""
    used, codes = np.unique(groups.codes[rows], return_inverse=True)
    return kernels.Groups(codes.astype(np.int32), groups.labels.take(used))


def _quantiles(
    part: DelayPart, groups: Groups, values: Ints, shares: Sequence[float], name: str
) -> pd.DataFrame:
    found = kernels.quantiles_within(groups, values, shares)
    return _table({name: groups.labels}, part, groups.sizes, found, shares)


def _table(
    labels: Mapping[str, pd.Index | pd.Categorical],
    part: DelayPart,
    sizes: Ints,
    quantiles: Ints,
    shares: Sequence[float],
) -> pd.DataFrame:
    of_part = pd.Categorical([str(part)] * len(sizes), dtype=PARTS)
    table = pd.DataFrame({**labels, PART: of_part, EVENTS: sizes})
    return table.assign(**dict(zip(map(quantile_name, shares), quantiles.T, strict=True)))


def _one_table(tables: Sequence[pd.DataFrame], by: list[str]) -> pd.DataFrame:
    return pd.concat(tables).sort_values(by, kind="stable", ignore_index=True)


def _happened_between(client: Codes, happened: Ints, of: Codes, since: Ints, until: Ints) -> Bools:
    """Return whether something of a client happened after each of some times, up to others.

    `client` and `happened` are of all events, in any order.
    """
    low, span = int(happened.min()), int(max(happened.max(), until.max()) - happened.min()) + 2
    keys = np.sort(client * np.int64(span) + (happened - low))
    begin, end = (of * np.int64(span) + np.maximum(at - low, -1) for at in (since, until))
    first, last = (np.searchsorted(keys, at, "right") for at in (begin, end))
    return last > first
