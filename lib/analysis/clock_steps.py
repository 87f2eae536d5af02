"""Clocks that were set while their client ran, and what each showed before and after.

A clock that is set moves all delays of its client at once and for good; a network that is slow for
a while lets them come back. Of each client's delays, in the order of arrival, the smallest of each
of 32 blocks are looked at: a step is where three in a row lie on one side of its middle and the
three before on the other, if both levels then stay.

Not told apart: a clock that is set back, and a way that gets longer for good, by as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import client_clocks, kernels
from lib.analysis.client_clocks import AHEAD_MS, client_times, find_envelopes, sent_times
from lib.analysis.kernels import Groups
from lib.analysis.shared_delay import find_shared_delay
from lib.core.blockwise import Pool, alone, either
from lib.core.columns import CLIENT, DRIFT, EVENT_TIME, EVENTS, FROM, TO
from lib.core.durations import QUARTER_HOUR_MS
from lib.core.jit import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from lib.analysis.client_clocks import ClientTimes, LowerEnvelopes
    from lib.analysis.kernels import Codes, Ints
    from lib.analysis.sequence_numbers import SequenceNumbers
    from lib.core.blockwise import Steps

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]
    Steady = tuple["ClockSteps", bool, pd.DataFrame, LowerEnvelopes]

AT: Final = "At"
SIZE: Final = "Size"
ZONE: Final = "Zone"
AHEAD: Final = "Ahead"
LOW: Final = "Low"
LIKELY: Final = "Likely"
HIGH: Final = "High"
MEASURED_AT: Final = "MeasuredAt"

SMALLEST_STEP_MS: Final = 1_000

_BLOCKS: Final = 64  # what was heard of a client, cut into so many and some at both ends
_SIDE: Final = 3  # blocks, at least, that make a level
_PRICE: Final = 2.5  # of another level: so many blocks off the old one pay it
_SCATTER: Final = 8.0  # levels are apart by so many times what neighbouring blocks are
_SINGLY: Final = 0.8  # a client gathers that was heard less often than this, of its events
_FLAT: Final = 0.002  # a level rises or falls by at most so much: twice what clocks drift
_FASTEST: Final = client_clocks.MAX_DRIFT_PPM * 1e-6
_STEADY: Final = 2  # or by a unit over this
_OVERTAKEN: Final = 4  # so many events of a slower way may come last, of one that was overtaken
_ZONE_MARGIN_MS: Final = 2_000  # a zone's change is so near to quarter hours
_WIDEST_ZONES_MS: Final = 26 * 3_600_000  # from UTC-12 to UTC+14
_RESOLUTION_MS: Final = 1  # times are rounded down to whole milliseconds


@dataclass(frozen=True)
class ClockSteps:
    """Moments at which clocks were set, by client and time; one element a step.

    Attributes
    ----------
    client
        Code of the client, int64.
    at
        When the first event after it was received, int64 epoch ms.
    size
        By how much the clock was set forward (below zero: back), int64 ms.
    told
        Whether it is worth a sentence: not where delays were higher for a while, as where a way
        was longer.
    ahead
        Whether the clock was ahead before: its events were received more than a day before they had
        happened, which no wrong clock of a server explains.
    """

    client: Ints
    at: Ints
    size: Ints
    told: Bools
    ahead: Bools

    def table(self, times: ClientTimes) -> pd.DataFrame:
        """Return one row a step that is told: `ClientID`; `At`, `Size`; `Zone`, `Ahead`, `Events`.

        `Zone` says whether it is a whole number of quarter hours, as where a time zone changes, and
        at most what zones are apart;
        `Events` counts those until the clock was set again. `times` are those of `clock_steps`.
        """
        # Each client's steps and the stretches after them stand in the same order.
        stretch = self.client + np.arange(len(self.client)) + 1
        quarters = np.rint(self.size / QUARTER_HOUR_MS)
        off = np.abs(self.size - quarters * QUARTER_HOUR_MS)
        table = pd.DataFrame(
            {
                CLIENT: times.clients.labels.take(self.client),
                AT: self.at,
                SIZE: self.size,
                ZONE: (quarters != 0)
                & (off <= _ZONE_MARGIN_MS)
                & (np.abs(self.size) <= _WIDEST_ZONES_MS),
                AHEAD: self.ahead,
                EVENTS: between_steps(times, self).clients.sizes[stretch],
            }
        )
        return table[self.told].reset_index(drop=True)


def clock_steps(times: ClientTimes) -> ClockSteps:
    """Return the moments at which clocks were set.

    Parameters
    ----------
    times
        `client_clocks.sent_times`: buffering hides a clock, so steps are best seen by sent times.
    """
    return alone(find_clock_steps(times))


def find_clock_steps(times: ClientTimes) -> Steps[ClockSteps]:
    """Find the `clock_steps` of the block's clients.

    None where all clients' delays were changing, as in a queue that grows or is drained.
    """
    found = _steps_of_clients(times)
    any_found = yield Pool(len(found.client) > 0, either)
    shared = (yield from find_shared_delay(times)) if any_found else None
    if shared is None:
        return found
    steps = zip(found.client.tolist(), found.at.tolist(), found.size.tolist(), strict=True)
    own = np.array([not shared.explains(client, at, -size) for client, at, size in steps], np.bool_)
    return ClockSteps(*(getattr(found, each.name)[own] for each in fields(found)))


def _steps_of_clients(times: ClientTimes) -> ClockSteps:
    clients = times.clients
    codes, lowest, heard = _lowest_heard(times)
    begins = Groups(codes, clients.labels).bounds
    rows = []
    for client in _may_step(codes, heard.delay[lowest]).tolist():
        blocks = lowest[begins[client] : begins[client + 1]]
        own = slice(clients.bounds[client], clients.bounds[client + 1])
        unit = heard.unit(client, int(clients.sizes[client]))
        unit = max(unit, 2.0 * _resolution(heard.received[own] - heard.delay[own]))
        rows += [
            (client, heard.received[at], size, told, ahead)
            for at, size, told, ahead in _steps_or_teeth(blocks, heard.of(client), heard, unit)
        ]
    client, at, size, told, ahead = np.array(rows, np.int64).reshape(-1, 5).T
    return ClockSteps(client, at, size, told.astype(np.bool_), ahead.astype(np.bool_))


def by_one_clock(times: ClientTimes, steps: ClockSteps) -> Steps[ClientTimes]:
    """Find the times as clocks would have shown them that were never set after the topic.

    What a clock showed before a step is moved so that the smallest delays of both stretches agree,
    and what it gained or lost in each stretch is taken out.
    """
    stretches = between_steps(times, steps)
    codes, envelopes = stretches.clients.codes, (yield from find_envelopes(stretches))
    if not len(steps.client):
        return times
    of_client = times.clients.codes[kernels.first_within(stretches.clients)]
    last = np.append(np.flatnonzero(np.diff(of_client)), len(of_client) - 1)
    ahead = envelopes.height[last][of_client] - envelopes.height
    was_set = kernels.counts(of_client, times.clients.n)[of_client] > 1
    gains = np.where(was_set, envelopes.slope, 0.0)
    since = times.shown - envelopes.middle[codes]
    moved = np.rint(ahead[codes] - gains[codes] * since).astype(np.int64)
    return replace(times, event_time=times.event_time - moved, shown=times.shown - moved)


def without_steps(events: pd.DataFrame, steps: ClockSteps) -> Steps[tuple[pd.DataFrame, bool]]:
    """Find the events with event times by clocks that were never set (`by_one_clock`).

    And whether any clock was set, of this block or another.
    """
    any_set = yield Pool(len(steps.client) > 0, either)
    if not any_set:
        return events, False
    moved = yield from by_one_clock(sent_times(events), steps)
    return events.assign(**{EVENT_TIME: moved.event_time}), True


def find_steady(heard: pd.DataFrame, sent: ClientTimes) -> Steps[Steady]:
    """Find when clocks were set, whether any was, the events as if not, and their envelopes."""
    steps = yield from find_clock_steps(sent)
    steady, any_set = yield from without_steps(heard, steps)
    return steps, any_set, steady, (yield from find_envelopes(client_times(steady)))


def steady_of_first_arrivals(
    heard: pd.DataFrame, numbers: SequenceNumbers | None, found: Steady
) -> Steps[Steady]:
    """Find what `find_steady` finds without the events that came again, if a clock was set.

    What came again says how late it came again, and nothing of a clock.
    """
    _, any_set, _, _ = found
    again = any_set and numbers is not None and bool(numbers.repeated.any())
    any_again = yield Pool(again, either)
    if not any_again or numbers is None:
        return found
    return (yield from find_steady(heard, sent_times(heard[~numbers.repeated])))


def between_steps(times: ClientTimes, steps: ClockSteps) -> ClientTimes:
    """Return the times with a group for each stretch in which a client's clock was not set.

    Its labels have a client once for each of its stretches, in order.
    """
    clients = times.clients
    if not len(steps.client):
        return times
    number = np.bincount(steps.client, minlength=clients.n)
    earlier = np.cumsum(number) - number
    stepped = np.flatnonzero(number[clients.codes])
    low, span = int(times.received.min()), int(np.ptp(times.received)) + 1
    codes = clients.codes[stepped].astype(np.int64)
    events = codes * span + (times.received[stepped] - low)
    before = np.searchsorted(steps.client * span + (steps.at - low), events, "right")
    stretch = (np.arange(clients.n) + earlier)[clients.codes]
    stretch[stepped] += before - earlier[codes]
    labels = clients.labels.take(np.repeat(np.arange(clients.n), number + 1))
    return replace(times, clients=Groups(stretch.astype(np.int32), labels))


def clock_offsets(times: ClientTimes, envelopes: LowerEnvelopes) -> pd.DataFrame:
    """Return what to add to each client's clock to get the collector's time, as an interval.

    Received − sent time is the transit and that offset. Transit is never below zero: the lower
    envelope is the most that the offset can be. The least follows from the fastest transit of the
    fleet, the median of the envelopes that are not below zero, if most clocks are right; and from
    how much too high the envelope may be by chance.

    Parameters
    ----------
    times, envelopes
        `sent_times`, better `between_steps`, and their `lower_envelopes`.

    Returns
    -------
    pd.DataFrame
        One row a client and stretch between steps: `ClientID`; `From`, `To`, first and last
        received time, int64 epoch ms; `Events` int64; `Low`, `Likely` and `High`, float64 ms, at
        the moment `MeasuredAt` of the client's own clock (float64 epoch ms); `Drift`, what the
        offset gains, float64 ppm. `Likely` is the envelope less the fleet's fastest transit; where
        no client tells that, it is the envelope, and `Low` is minus infinity.
    """
    groups, height = times.clients, envelopes.height
    network = client_clocks.network_of(times, envelopes)
    too_high = too_low = np.zeros(groups.n)
    if groups.n:
        too_high = np.maximum(network.longest_by_chance(envelopes.heard), envelopes.blur)
        # A line that was levelled may have a drift of so much on either side of its middle.
        drift = np.maximum(network.longest_by_chance(envelopes.heard / 4), envelopes.blur)
        drift = np.maximum(drift, _RESOLUTION_MS)
        too_low = np.where(envelopes.slope == 0, drift, 0.0)
    first, last = kernels.bounds_within(groups, times.received)
    transit = fastest_transit(envelopes)
    return pd.DataFrame(
        {
            CLIENT: groups.labels,
            FROM: first,
            TO: last,
            EVENTS: groups.sizes,
            LOW: height - transit - too_high - _RESOLUTION_MS,
            LIKELY: height - (transit if np.isfinite(transit) else 0.0),
            HIGH: height + too_low + _RESOLUTION_MS,
            DRIFT: envelopes.slope * 1e6,
            MEASURED_AT: envelopes.middle,
        }
    )


def fastest_transit(envelopes: LowerEnvelopes) -> float:
    """Return the fastest transit of the fleet, ms; infinite where no envelope is above zero."""
    possible = envelopes.height[envelopes.height >= 0]
    return float(np.median(possible)) if len(possible) else np.inf


def _resolution(shown: Ints) -> int:
    """Return what all times are multiples of, ms: a minute, where no seconds are written."""
    return int(np.gcd.reduce(shown))


@dataclass(frozen=True)
class _Heard:
    """When clients were heard: what arrives less than half as far apart as it happened is one time.

    So is what was sent at one moment: an upload, however its events arrive.

    Attributes
    ----------
    delay, received
        Of all events, client after client, in the order of arrival.
    lowest
        Place of the event with the smallest delay of each time that a client was heard.
    begins
        Where each client begins in `lowest`, and the end.
    """

    delay: Ints
    received: Ints
    lowest: Codes
    begins: Ints

    def of(self, client: int) -> Codes:
        """Return what `lowest` has of a client."""
        return self.lowest[self.begins[client] : self.begins[client + 1]]

    def unit(self, client: int, events: int) -> float:
        """Return what counts as one level of a client, ms: a second, or what its delays scatter.

        From one time to the next they scatter, whatever drifts and whenever a clock is set. What is
        gathered and sent at fixed times is as old as the beats of two clocks make it.
        """
        own = self.of(client)
        scatter = float(np.median(np.abs(np.diff(self.delay[own]))))
        lasted = float(self.received[own[-1]] - self.received[own[0]])
        gathers = len(own) < _SINGLY * events
        return max(SMALLEST_STEP_MS, _SCATTER * scatter, 2 * lasted / events if gathers else 0.0)


def _lowest_heard(times: ClientTimes) -> tuple[Codes, Ints, _Heard]:
    """Return blocks of the times that each client was heard: code, place of the smallest delay."""
    clients = times.clients
    received, before = kernels.sort_within(
        clients.bounds, kernels.together(clients, times.received)
    )
    delay = kernels.together(clients, times.received - times.shown)
    delay = delay if before is None else kernels.taken(delay, before)
    heard = np.empty(len(delay), np.int32)
    heards = np.empty(clients.n + 1, np.int64)
    are_sent = not np.array_equal(times.shown, times.event_time)
    _find_heard(clients.bounds, received, delay, heard, heards, are_sent)
    lowest, codes = np.empty(heards[-1], np.int64), np.empty(heards[-1], np.int32)
    blocks = _find_lowest(heards, delay, heard, lowest, codes)
    return codes[:blocks], lowest[:blocks], _Heard(delay, received, heard[: heards[-1]], heards)


def _may_step(codes: Codes, level: Ints) -> Ints:
    """Return the clients of which three blocks are at another level than the three before."""
    if len(level) < 2 * _SIDE:
        return np.empty(0, np.int64)
    one, two, three = level[:-2], level[1:-1], level[2:]  # the median of three
    middle = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))
    jumps = np.abs(middle[_SIDE:] - middle[:-_SIDE]) >= SMALLEST_STEP_MS
    own = codes[: len(jumps)] == codes[2 * _SIDE - 1 :]
    found: Ints = np.unique(codes[: len(jumps)][own & jumps]).astype(np.int64)
    return found


def _steps_or_teeth(
    blocks: Ints, times: Codes, heard: _Heard, unit: float
) -> list[tuple[int, int, bool, bool]]:
    """Return the steps of a client; if it has none, those of a clock that drifts in between.

    A clock that drifts and is set right again and again has teeth: no two levels. What it gains or
    loses from block to block, in the median, is taken out. Teeth are not told one by one.
    """
    begin, end = int(blocks[0]), int(blocks[-1]) + 1
    times = times[slice(*np.searchsorted(times, (begin, end)))]
    found = list(_steps(blocks, times, heard.delay, heard.received, unit))
    if found:
        return found
    delay, since = heard.delay[begin:end], heard.received[begin:end] - heard.received[begin]
    rate = _rate(heard.delay[blocks], heard.received[blocks])
    if not SMALLEST_STEP_MS <= abs(rate) * since[-1] <= _FASTEST * since[-1]:
        return []
    level = delay - np.rint(rate * since).astype(np.int64)
    teeth = list(_steps(blocks - begin, times - begin, level, since, unit))
    return [(begin + at, size, told and len(teeth) == 1, ahead) for at, size, told, ahead in teeth]


def _steps(
    blocks: Ints, times: Codes, delay: Ints, received: Ints, unit: float
) -> Iterator[tuple[int, int, bool, bool]]:
    """Yield each step of a client: the first event after it, its size, whether it is told; `ahead`.

    `blocks` are the positions of the smallest delay of each block, `times` of each time that it was
    heard. A longer way for a while is no clock's: what is left for a higher level and come back to
    is not told.
    """
    level = delay[blocks].astype(np.float64)
    rate = _rate(level, received[blocks])
    parts = _levels(level, received[blocks], unit)
    middle = [float(np.median(level[part])) for part in parts]
    for number, (one, other) in enumerate(pairwise(parts)):
        # Right before and after: a clock that drifts is elsewhere by then.
        before, after = np.median(level[one[-_SIDE:]]), np.median(level[other[:_SIDE]])
        jump = level[one[-1]] - level[other[0]]
        # Where all that comes falls behind more and more, it does while nothing is heard, too.
        usual = rate * float(received[blocks[other[0]]] - received[blocks[one[-1]]])
        if min(abs(before - after + usual), 4 / 3 * abs(jump + usual)) < unit:
            continue
        between = delay[blocks[one[-1]] : blocks[other[0]] + 1]
        low = np.flatnonzero(between < (before + after) / 2)
        if not 0 < len(low) < len(between):
            continue
        first = low[0] if before > after else low[-1] + 1
        beyond = number - 1 if before > after else number + 2
        back = 0 <= beyond < len(middle) and _is_back(middle, number, beyond)
        at = int(blocks[one[-1]] + first)
        sides = [times[slice(*np.searchsorted(times, blocks[p[[0, -1]]]))] for p in (one, other)]
        if not _most_moved(delay[sides[0]], delay[sides[1]], before - after):
            continue
        late, later = (delay[side] > (before + after) / 2 for side in sides)
        if not _beyond_chance(late, later, len(times)):
            continue
        own = slice(int(blocks[one[0]]), int(blocks[other[-1]]) + 1)
        happened, is_late = received[own] - delay[own], delay[own] > (before + after) / 2
        if before < after and _were_overtaken(happened, is_late, at - own.start):
            continue
        least = max(unit, abs(before - after)) / 2
        if _is_sudden(delay[blocks[0] : blocks[-1] + 1], at - int(blocks[0]), len(blocks), least):
            yield at, round(before - after), not back, bool(before < -AHEAD_MS)


def _rate(level: Ints | Floats, received: Ints) -> float:
    """Return how much a level rises from block to block, in the median, ms each ms."""
    apart = np.diff(received)
    rise = np.diff(level)[apart > 0] / apart[apart > 0]
    return float(np.median(rise)) if len(rise) else 0.0


def _most_moved(before: Ints, after: Ints, size: float) -> bool:
    """Return whether most delays moved by the size of a step, as the smallest did.

    Not where the last event of a batch is younger now and then, and all others are as they were.
    """
    if not len(before) or not len(after):
        return True
    moved = np.quantile(before, 0.25) - np.quantile(after, 0.25)
    return bool(abs(moved - size) <= abs(size) / 2)


def _beyond_chance(before: Bools, after: Bools, heard: int) -> bool:
    """Return whether more are late on one side of a step than mixed ones are at one of so many.

    By the ratio of likelihoods. A client whose connection takes long each time that it opens has
    rows of late ones, too.
    """
    ratio = _log_likelihood(before) + _log_likelihood(after)
    ratio -= _log_likelihood(np.concatenate((before, after)))
    return math.log(heard) - ratio <= math.log(client_clocks.CHANCE)


def _log_likelihood(which: Bools) -> float:
    """Return the logarithm of how likely some are, each by their share."""
    share = float(which.mean()) if len(which) else 0.0
    shares = [part for part in (share, 1 - share) if part > 0]
    return len(which) * sum(part * math.log(part) for part in shares)


def _were_overtaken(happened: Ints, is_late: Bools, at: int) -> bool:
    """Return whether what came since an event is what a faster way had overtaken, as others before.

    A client of two ways that stops leaves the events of the slower one: most happened before what
    had come last. So they did where a clock was set back, but before that few were late and
    overtaken. `is_late` is of events that took as long as those since.
    """
    overtaken = happened < np.maximum.accumulate(happened)
    left = len(happened) - at
    before = np.count_nonzero(overtaken[:at] & is_late[:at])
    return bool(2 * np.count_nonzero(overtaken[at:]) > left and left <= _OVERTAKEN * before)


def _is_sudden(delay: Ints, at: int, blocks: int, least: float) -> bool:
    """Return whether the smallest delays of a block's length on both sides of an event differ.

    Where a clock drifts fast, or is set right again and again, or all that comes falls behind more
    and more, two levels are far apart with nothing sudden between them.
    """
    length = max(len(delay) // blocks, _SIDE)
    before, after = delay[max(at - length, 0) : at], delay[at : at + length]
    return bool(abs(before.min() - after.min()) >= least)


def _is_back(middle: list[float], number: int, beyond: int) -> bool:
    """Return whether the step after level `number` is one side of a level higher than its sides."""
    low = min(middle[number], middle[number + 1])
    return abs(middle[beyond] - low) < abs(middle[number + 1] - middle[number]) / 4


def _levels(level: Floats, received: Ints, unit: float) -> list[Ints]:
    """Return the blocks of each level, rising: those that are at it, the others left out."""
    ends = np.empty(len(level) + 1, np.int64)
    _part(level, unit, ends)
    found: list[Ints] = []
    last = len(level)
    while last:
        first = int(ends[last])
        part = np.arange(first, last)
        good = part[np.abs(level[part] - np.median(level[part])) < unit / 2]
        if len(good) >= _SIDE and _is_flat(level[good], received[good], unit):
            found.append(good)
        last = first
    return found[::-1]


def _is_flat(level: Floats, received: Ints, unit: float) -> bool:
    """Return whether delays neither rise nor fall by more than a clock drifts.

    Those of a queue that is drained fall.
    """
    third = -(-len(level) // 3)
    change = abs(float(np.median(level[-third:]) - np.median(level[:third])))
    lasted = float(received[-1] - received[0])
    return change <= max(_FLAT * lasted, unit / _STEADY)


@compiled
def _find_heard(
    bounds: Ints, received: Ints, delay: Ints, heard: Codes, heards: Ints, are_sent: bool
) -> None:
    """Find the event of the smallest delay each time that a client was heard.

    `are_sent`: delays are since events were sent. Those sent at one moment are one upload.
    """
    found = 0
    for client in range(len(bounds) - 1):
        heards[client] = found
        for at in range(bounds[client], bounds[client + 1]):
            opens = at == bounds[client]
            if not opens:
                apart = received[at] - received[at - 1]
                happened = apart - (delay[at] - delay[at - 1])
                opens = 2 * apart >= abs(happened) and (happened != 0 if are_sent else apart > 0)
            if opens:
                heard[found] = at
                found += 1
            elif delay[at] < delay[heard[found - 1]]:
                heard[found - 1] = at
    heards[len(bounds) - 1] = found


@compiled
def _find_lowest(heards: Ints, delay: Ints, heard: Codes, lowest: Ints, codes: Codes) -> int:
    """Find the smallest delay of each of a client's blocks: short at both ends, longer between."""
    blocks = 0
    for client in range(len(heards) - 1):
        begin, end = heards[client], heards[client + 1]
        most = 1 + (end - begin) // _BLOCKS
        at = begin
        while at < end:
            size = min(most, 1 + (at - begin) // 4, 1 + (end - at) // 5)
            low = heard[at]
            for event in range(at + 1, at + size):
                if delay[heard[event]] < delay[low]:
                    low = heard[event]
            lowest[blocks], codes[blocks] = low, client
            blocks += 1
            at += size
    return blocks


@compiled
def _part(level: Floats, unit: float, ends: Ints) -> None:
    """Part blocks into levels: the least sum of what is off a level, and a price for each level.

    A block is off by the distance from the median of its part, at most a unit. `ends` gets, for
    each number of blocks, where the last part of the best parting begins.
    """
    n = len(level)
    best = np.zeros(n + 1)
    rising = np.empty(n)
    for last in range(1, n + 1):
        best[last] = np.inf
        size = 0
        for first in range(last - 1, -1, -1):
            value = level[first]
            place = size
            while place > 0 and rising[place - 1] > value:
                rising[place] = rising[place - 1]
                place -= 1
            rising[place] = value
            size += 1
            middle = rising[size // 2]
            cost = best[first] + _PRICE * unit
            if cost >= best[last]:
                continue
            for at in range(size):
                cost += min(abs(rising[at] - middle), unit)
                if cost >= best[last]:
                    break
            if cost < best[last]:
                best[last], ends[last] = cost, first
