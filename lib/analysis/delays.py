"""Delay and out-of-orderness: two different questions about late events.

Delay is received − event time: buffering, network and the client's clock together.
Out-of-orderness is the largest event time seen before an event − its own, at least 0: what a
watermark delay has to cover. An outage of all clients at once gives large delays and hardly any
out-of-orderness.

Events without a received time are left out, of out-of-orderness, too: nothing says when they
arrived. All times are whole milliseconds. A quantile is always one of the observed values: the
smallest that at least that share of the events do not exceed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import kernels
from lib.analysis.received import has_received_time, with_received_time
from lib.analysis.tally import NO_VALUES, Tally, find_quantiles
from lib.core.blockwise import Answer, Carry, Pool, added, answered, around, stacked
from lib.core.columns import EVENT_TIME, EVENTS, FROM, PARTITION, RECEIVED_TIME, TO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lib.analysis.kernels import Ints
    from lib.core.blockwise import Question, Steps

SHARES: Final[Sequence[float]] = (0.0, 0.5, 0.9, 0.99, 0.999, 1.0)

NEGATIVE: Final = "Negative"
OUT_OF_ORDER: Final = "OutOfOrder"
SCOPE: Final = "Scope"
SHARE: Final = "Share"
LONGER: Final = "Longer"

_LATEST: Final = np.iinfo(np.int64).max
_NEVER: Final = np.iinfo(np.int64).min


def quantile_name(share: float) -> str:
    """Return the column name of a quantile: "min", "p50", "p99.9", "max"."""
    return {0.0: "min", 1.0: "max"}.get(share, f"p{round(share * 100, 6):g}")


def delay_quantiles(events: pd.DataFrame, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """Return quantiles of the delays of the whole topic, in one row; no row without events.

    Parameters
    ----------
    events
        The events table, in any order.
    shares
        Which quantiles, from 0 to 1.

    Returns
    -------
    pd.DataFrame
        `Events` and `Negative`, int64 numbers of events, the latter with a delay below zero; one
        int64 column in ms for each share, named by `quantile_name`.
    """
    return quantile_table(Tally.of(_delay(with_received_time(events))), shares)


def quantile_table(delays: Tally, shares: Sequence[float] = SHARES) -> pd.DataFrame:
    """Return the result of `delay_quantiles` where delays are counted."""
    rows = [[delays.n, delays.below(0), *delays.quantiles(shares).tolist()]] if delays.n else []
    names = [EVENTS, NEGATIVE, *map(quantile_name, shares)]
    return pd.DataFrame(np.array(rows, np.int64).reshape(-1, len(names)), columns=names)


def find_over_time(
    events: pd.DataFrame,
    shares: Sequence[float] = (0.5, 0.9, 0.99),
    *,
    bins: int = 200,
    between: tuple[int, int] | None = None,
) -> Steps[pd.DataFrame]:
    """Find quantiles of delay in equal stretches of event time, of blocks of events.

    Parameters
    ----------
    events
        The events table, in any order.
    shares
        Which quantiles, from 0 to 1.
    bins
        How many stretches, at most.
    between
        The first and last event time of the stretches, epoch ms; None: those of the events.

    Returns
    -------
    pd.DataFrame
        `From` and `To`, int64 epoch ms, `From` ≤ t < `To`; `Events` int64; one Int64 column in
        ms for each share, missing where a stretch has no events.
    """
    events = with_received_time(events)
    times = kernels.ints(events[EVENT_TIME])
    own = int(times.min(initial=_LATEST)), int(times.max(initial=-1))
    first, last = between or (yield Pool(own, around))
    width = max(-(-(last + 1 - first) // bins), 1)
    starts = np.arange(first, last + 1, width)
    place = ((times - first) // width).astype(np.int32)
    counts, found = yield from find_quantiles(place, len(starts), _delay(events), shares)
    table = pd.DataFrame({FROM: starts, TO: starts + width, EVENTS: counts})
    for column, share in enumerate(shares):
        quantile = pd.array(found[:, column], dtype="Int64")
        table[quantile_name(share)] = pd.Series(quantile).mask(counts == 0)
    return table


def delay_distribution(
    events: pd.DataFrame, *, by: str | None = None, per_decade: int = 10
) -> pd.DataFrame:
    """Return how many events have which delay, in bins that are equally wide on a log axis.

    Parameters
    ----------
    events
        The events table, in any order.
    by
        A column to split by, for example the client; None for the topic as a whole. The result
        has a row for each value and bin: choose some of a great many clients first.
    per_decade
        Bins from one power of ten to the next.

    Returns
    -------
    pd.DataFrame
        The column `by` (if given); `From` and `To`, int64 ms, `From` < delay ≤ `To`, except that
        the first bin, 0 to 1, also has all delays of zero and below; `Events` int64; `Share` of
        the group's events, float64; `Longer`, the survival curve: the share with a delay above
        `To`, float64.
    """
    if by is None:
        return distribution_table(
            Tally.of(_delay(with_received_time(events))), per_decade=per_decade
        )
    return answered(distribution_question(events, by, per_decade=per_decade))


def distribution_question(
    events: pd.DataFrame, by: str, *, per_decade: int = 10
) -> Question[pd.DataFrame]:
    """Ask for `delay_distribution` by a column; a block has all events of the values it has."""
    events = with_received_time(events)
    groups, delays = kernels.group_by(events, by), _delay(events)
    largest: int = yield Pool(int(delays.max(initial=1)), max)
    ends = _bin_ends(largest, per_decade)
    cells = groups.codes * len(ends) + np.searchsorted(ends, delays, side="left")
    counts = kernels.counts(cells.astype(np.int32), groups.n * len(ends))
    labels = pd.DataFrame({by: groups.labels})
    table = _distribution(labels, counts.reshape(groups.n, len(ends)), ends)
    return Answer(table, stacked, partial(_sorted, by=by))


def _sorted(table: pd.DataFrame, by: str) -> pd.DataFrame:
    return table.sort_values(by, kind="stable", na_position="first", ignore_index=True)


def distribution_table(delays: Tally, *, per_decade: int = 10) -> pd.DataFrame:
    """Return the result of `delay_distribution` where delays are counted."""
    ends = _bin_ends(int(delays.value.max(initial=1)), per_decade)
    place = np.searchsorted(ends, delays.value, side="left")
    counts = np.bincount(place, delays.count, len(ends)).astype(np.int64)
    groups = min(delays.n, 1)
    return _distribution(pd.DataFrame(index=range(groups)), counts[np.newaxis][:groups], ends)


def _distribution(labels: pd.DataFrame, counts: Ints, ends: Ints) -> pd.DataFrame:
    """Return the table of counts by group, with these labels, and bin, with these ends."""
    sizes = counts.sum(axis=1, keepdims=True)
    table = labels.iloc[np.repeat(np.arange(len(labels)), len(ends))].reset_index(drop=True)
    table[FROM] = np.tile(np.concatenate(([0], ends[:-1])), len(labels))
    table[TO] = np.tile(ends, len(labels))
    table[EVENTS] = counts.ravel()
    table[SHARE] = (counts / sizes).ravel()
    table[LONGER] = ((sizes - counts.cumsum(axis=1)) / sizes).ravel()
    return table


def out_of_orderness_quantiles(
    events: pd.DataFrame,
    shares: Sequence[float] = SHARES,
    *,
    left: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return quantiles of out-of-orderness: over the topic, inside partitions, in each partition.

    A quantile is also the *delay needed*: a watermark delay of p99 ms covers 99 % of the events,
    that is, M − t ≤ delay for them.

    Parameters
    ----------
    events
        The events table, in **arrival order**.
    shares
        Which quantiles, from 0 to 1.
    left
        Of which events; None: of all. Each is against all events before it in any case.

    Returns
    -------
    pd.DataFrame
        `Scope`: "topic" (each event against all before it), "partitions" (all events, each
        against those before it in its own partition), then "partition 0", "partition 1", …;
        `Events` and `OutOfOrder` (those behind at all), int64; one int64 column in ms for each
        share.
    """
    return answered(disorder_question(events, shares, left))


@dataclass(frozen=True, eq=False)
class Disorder:
    """How often each out-of-orderness occurs: over the topic, and inside each partition."""

    topic: Tally
    partitions: Mapping[int, Tally]

    def __add__(self, other: Disorder) -> Disorder:
        """Return that of the events of both."""
        both = {**self.partitions, **other.partitions}
        of = (self.partitions, other.partitions)
        each = {p: of[0].get(p, NO_VALUES) + of[1].get(p, NO_VALUES) for p in sorted(both)}
        return Disorder(self.topic + other.topic, each)


def disorder_question(
    events: pd.DataFrame, shares: Sequence[float] = SHARES, left: NDArray[np.bool_] | None = None
) -> Question[pd.DataFrame]:
    """Ask for `out_of_orderness_quantiles` of blocks that follow one another in arrival order."""
    known = has_received_time(events)
    counted = np.ones(len(events), np.bool_) if left is None else left
    if known is not None:
        events, counted = events[known], counted[known]
    times, each = kernels.ints(events[EVENT_TIME]), kernels.group_by(events, PARTITION)
    numbers = [int(number) for number in each.labels]
    newest = dict(zip(numbers, kernels.bounds_within(each, times)[1].tolist(), strict=True))
    before = yield Carry(newest, largest_of_each, {})
    start = np.array([before.get(number, _NEVER) for number in numbers], np.int64)
    own = kernels.together(each, kernels.behind_running_max(each.codes, times, start))
    so_far = np.array([max(before.values(), default=_NEVER)])
    topic = kernels.behind_running_max(np.zeros(len(times), np.int32), times, so_far)
    own_counted = kernels.together(each, counted.astype(np.int32)).astype(np.bool_)
    parts = (np.split(of, each.bounds[1:-1]) for of in (own, own_counted))
    tallies = [Tally.of(part[which]) for part, which in zip(*parts, strict=True)]
    found = Disorder(Tally.of(topic[counted]), dict(zip(numbers, tallies, strict=False)))
    return Answer(found, added, partial(_disorder_table, shares=shares))


def largest_of_each(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    """Return the larger of two values for each partition."""
    return {p: max(one.get(p, _NEVER), other.get(p, _NEVER)) for p in {**one, **other}}


def _disorder_table(found: Disorder, shares: Sequence[float]) -> pd.DataFrame:
    each = found.partitions
    of_all = sum(each.values(), NO_VALUES)
    tallies = {"topic": found.topic, "partitions": of_all}
    tallies |= {f"partition {number}": tally for number, tally in each.items()}
    rows = [
        [scope, tally.n, tally.n - tally.below(1), *tally.quantiles(shares).tolist()]
        for scope, tally in tallies.items()
        if tally.n
    ]
    names = [EVENTS, OUT_OF_ORDER, *map(quantile_name, shares)]
    table = pd.DataFrame(rows, columns=[SCOPE, *names])
    return table.astype({SCOPE: "str"} | dict.fromkeys(names, "int64"))


def _delay(events: pd.DataFrame) -> Ints:
    return kernels.ints(events[RECEIVED_TIME]) - kernels.ints(events[EVENT_TIME])


def _bin_ends(largest: int, per_decade: int) -> Ints:
    """Return whole milliseconds, about equally far apart on a log axis, 1 up to `largest`."""
    decades = int(np.ceil(np.log10(max(largest, 1)))) + 1
    steps = np.arange(decades * per_decade + 1) / per_decade
    ends = np.unique(np.round(10.0**steps).astype(np.int64))
    return ends[: int(np.searchsorted(ends, largest)) + 1]
