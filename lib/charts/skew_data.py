"""What the skew plot draws, asked block by block; and the watermark's line in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis.received import with_received_time
from lib.charts.drawn_events import (
    COLUMNS,
    MOST_POINTS,
    cell_counts,
    ends_of,
    in_arrival_order,
    left_of,
    one_by_one,
)
from lib.core.blockwise import Answer, Carry, Pool, added, alone, around, stacked
from lib.core.columns import ARRIVAL, EVENT_TIME, RECEIVED_TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question, Steps
    from lib.replay.windows import Replay

PIXELS: Final = 1_400
"""Width of a wide chart: the watermark's step line is exact to one of so many pixel columns."""

LONGEST_DIAGONAL_MS: Final = 15 * 60_000
"""Up to here received time is drawn over event time; beyond, delays would hide in the diagonal."""

HEIGHT: Final = 340

ROWS: Final = HEIGHT // 2
"""Rows of the image: lines of a pixel would hardly be seen."""

ACROSS: Final = 120
UP: Final = 60
"""Cells that tell their number of events, on either axis, where events are counted."""

LINEAR_S: Final = 0.01
"""Up to here the axis of delays is linear, on either side of 0."""

LATE: Final = "late"

_COLUMN: Final = "column"

_NEVER: Final = np.iinfo(np.int64).min

Ends = tuple[int, int]


@dataclass(frozen=True)
class LateMarks:
    """How the events of a table are judged, one element each.

    Attributes
    ----------
    watermark_ms
        int64, epoch ms: the watermark or stream time when the event had arrived.
    late
        bool.
    reached_ms
        int64, epoch ms: the largest received time of the topic's events up to this one.
    words
        What an event is that is not late, and one that is.
    clock
        What the events are judged by.
    """

    watermark_ms: NDArray[np.int64]
    late: NDArray[np.bool_]
    reached_ms: NDArray[np.int64]
    words: tuple[str, str]
    clock: str


BY_WATERMARK: Final = ("in time", "behind the watermark")
WATERMARK: Final = "watermark"


def behind_watermark(table: pd.DataFrame, delay_ms: int) -> LateMarks:
    """Return all events judged by the watermark M − D alone, M including the event itself."""
    return alone(find_behind_watermark(table, delay_ms))


def find_behind_watermark(table: pd.DataFrame, delay_ms: int) -> Steps[LateMarks]:
    """Find `behind_watermark` of blocks that follow one another in arrival order."""
    event, received = table[EVENT_TIME].to_numpy(), table[RECEIVED_TIME].to_numpy()
    largest = np.array([each.max(initial=_NEVER) for each in (event, received)])
    before = yield Carry(largest, np.maximum, np.full(2, _NEVER))
    newest, reached = (
        np.maximum(np.maximum.accumulate(each), earlier)
        for each, earlier in zip((event, received), before, strict=True)
    )
    watermark = newest - delay_ms
    return LateMarks(watermark, event < watermark, reached, BY_WATERMARK, WATERMARK)


def watermark_question(table: pd.DataFrame, delay_ms: int) -> Question[SkewData]:
    """Ask what the plot draws by a watermark, of blocks that follow one another in arrival order.

    Of the events that are left, where there is a column `Left`. Points lack what the blocks do.
    """
    heard = with_received_time(table)
    judged = yield from find_behind_watermark(heard, delay_ms)
    start: int = yield Carry(len(heard), added, 0)
    heard = heard.assign(**{ARRIVAL: np.arange(start, start + len(heard))})
    return (yield from skew_question(heard, left_of(heard), judged))


def points_question(table: pd.DataFrame) -> Question[pd.DataFrame]:
    """Ask for those points with all that charts tell of them; `table` is a block of any events."""
    yield from ()  # a question without a round
    heard = with_received_time(table)
    return Answer(one_by_one(heard, left_of(heard)), stacked, in_arrival_order)


JUDGED: Final = ("kept", "dropped")
ENGINE_CLOCK: Final = "watermark, or stream time, by which the engine judged"


def judged_by_engine(replayed: Replay, reached_ms: NDArray[np.int64]) -> LateMarks:
    """Return all events of a replay judged as the engine did; `reached_ms` as in `LateMarks`."""
    return LateMarks(replayed.clock, replayed.late, reached_ms, JUDGED, ENGINE_CLOCK)


@dataclass(frozen=True)
class Frame:
    """The axes of a plot: event time across, and received time or delay up.

    `ends` are of event time, epoch ms; `up` of what goes up: epoch ms, or delay in ms.
    """

    ends: Ends
    up: Ends
    is_diagonal: bool

    def place(self, values_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return where values are between the ends of the axis up, from 0 to 1."""
        low, high = (self._even(np.array(end, np.float64)) for end in self.up)
        share: NDArray[np.float64] = (self._even(values_ms.astype(np.float64)) - low) / (high - low)
        return share

    def at(self, share: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the values at such places, ms."""
        low, high = (self._even(np.array(end, np.float64)) for end in self.up)
        even = low + share * (high - low)
        if not self.is_diagonal:
            even = np.sign(even) * np.expm1(np.abs(even)) * LINEAR_S * 1000
        return np.round(even).astype(np.int64)

    def _even(self, values_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.is_diagonal:
            return values_ms
        return np.sign(values_ms) * np.log1p(np.abs(values_ms) / (LINEAR_S * 1000))


@dataclass(frozen=True, eq=False)
class SkewData:
    """What is drawn of at least one event.

    Attributes
    ----------
    events, late
        How many they are, and of these, late ones.
    longest_ms
        The longest delay.
    frame
        Axes that no event is cut off by.
    steps
        The watermark over received time as a step line that is right to a pixel column: columns
        `received` and `watermark` int64 (epoch ms), both rising. From there on the watermark stands
        at that event time. The steps into each of `PIXELS` columns of the frame, and the last: the
        line is never ahead of the true one, and inside the frame never behind it by a column.
        Where partitions have clocks of their own, it is that which is furthest.
    points
        The events, with `late`; None where they are counted.
    cells
        How many events are in each of `ROWS` × `COLUMNS` cells, the upper row first.
    told
        The same in `ACROSS` × `UP` cells, from the left and from below, late ones apart.
    """

    events: int
    late: int
    longest_ms: int
    frame: Frame
    steps: pd.DataFrame
    points: pd.DataFrame | None
    cells: NDArray[np.int64]
    told: NDArray[np.int64]

    def __add__(self, other: SkewData) -> SkewData:
        """Return that of the events of both, which have everything else in common."""
        points = None
        if self.points is not None and other.points is not None:
            points = stacked(self.points, other.points)
        return replace(
            self,
            steps=_first_steps(pd.concat([self.steps, other.steps])),
            points=points,
            cells=self.cells + other.cells,
            told=self.told + other.told,
        )


@dataclass(frozen=True)
class _Bounds:
    events: int
    late: int
    event: Ends
    received: Ends
    delay: Ends

    def __add__(self, other: _Bounds) -> _Bounds:
        if not (self.events and other.events):
            return self if self.events else other
        return _Bounds(
            self.events + other.events,
            self.late + other.late,
            around(self.event, other.event),
            around(self.received, other.received),
            around(self.delay, other.delay),
        )


def skew_question(
    table: pd.DataFrame, rows: NDArray[np.int64] | slice, judged: LateMarks
) -> Question[SkewData]:
    """Ask what the plot draws of the events at `rows` of a block, which have received times.

    Parameters
    ----------
    judged
        How the events of the block are judged, by what all events of the topic say.
    """
    event, received = table[EVENT_TIME].to_numpy()[rows], table[RECEIVED_TIME].to_numpy()[rows]
    late, delay = judged.late[rows], received - event
    own = _Bounds(len(event), int(np.count_nonzero(late)), *map(ends_of, (event, received, delay)))
    bounds: _Bounds = yield Pool(own, added)
    frame = _frame(bounds)
    arrival = table[ARRIVAL].to_numpy() if ARRIVAL in table else np.arange(len(table))
    clock = judged.watermark_ms[rows], judged.reached_ms[rows]
    steps = _steps(*clock, arrival[rows], frame.ends)
    points, cells, told = None, np.empty(0, np.int64), np.empty(0, np.int64)
    if bounds.events <= MOST_POINTS:
        points = one_by_one(table, rows, **{LATE: late})
    else:
        up = received if frame.is_diagonal else delay
        across, row = _cell(event, up, frame, COLUMNS, ROWS)
        cells = cell_counts(ROWS - 1 - row, across, (ROWS, COLUMNS))
        across, row = _cell(event, up, frame, ACROSS, UP)
        told = cell_counts(across * UP + row, late.astype(np.int64), (ACROSS * UP, 2))
    found = SkewData(bounds.events, bounds.late, bounds.delay[1], frame, steps, points, cells, told)
    return Answer(found, added, _finished)


def _finished(found: SkewData) -> SkewData:
    points = None if found.points is None else in_arrival_order(found.points)
    return replace(found, points=points, steps=_rising(found.steps))


def _frame(bounds: _Bounds) -> Frame:
    """Return axes that no event is cut off by."""
    event, received = bounds.event, bounds.received
    both = around(event, received)
    if both[1] - both[0] <= LONGEST_DIAGONAL_MS:
        margin = max((both[1] - both[0]) // 50, 1)
        ends = both[0] - margin, both[1] + margin
        return Frame(ends, ends, is_diagonal=True)
    margin = max((event[1] - event[0]) // 100, 1)
    ends = event[0] - margin, event[1] + margin
    low, high = min(bounds.delay[0], 0), max(bounds.delay[1], 1)
    return Frame(ends, (low + low // 3 - 2, high + high // 3 + 2), is_diagonal=False)


def _cell(
    event: NDArray[np.int64], up: NDArray[np.int64], frame: Frame, columns: int, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the column and the row, from below, of each event."""
    first, last = frame.ends
    across = (event - first) * columns // (last - first)
    upward = (frame.place(up) * rows).astype(np.int64)
    return np.clip(across, 0, columns - 1), np.clip(upward, 0, rows - 1)


def _steps(
    watermark: NDArray[np.int64],
    reached: NDArray[np.int64],
    arrival: NDArray[np.int64],
    domain_ms: Ends,
) -> pd.DataFrame:
    """Return the events of a block that may be steps: the first into each pixel column.

    Watermarks before 1970 are left out: that is how engines write that there is none.
    """
    first, last = domain_ms
    visible = np.clip(watermark, first - 1, last + 1)
    column = (visible - first) * PIXELS // max(last - first, 1)
    column[watermark < 0] = np.iinfo(np.int64).max  # or the first one of all would not be a rise
    rises = np.diff(column, prepend=column[:1] - 1) != 0
    if len(column):
        rises[watermark.argmax()] = True
    at = np.flatnonzero(rises & (watermark >= 0))
    events = (column[at], arrival[at], watermark[at], reached[at])
    names = (_COLUMN, ARRIVAL, "watermark", "received")
    return _first_steps(pd.DataFrame(dict(zip(names, events, strict=True))))


def _first_steps(steps: pd.DataFrame) -> pd.DataFrame:
    """Return the first step into each pixel column, and the first to where the watermark ends."""
    steps = steps.sort_values(ARRIVAL, ignore_index=True)
    kept = ~steps[_COLUMN].duplicated().to_numpy()
    if len(steps):
        kept[steps["watermark"].to_numpy().argmax()] = True
    return steps[kept]


def _rising(steps: pd.DataFrame) -> pd.DataFrame:
    """Return those steps that are further than all before them."""
    column, watermark = (steps[name].to_numpy() for name in (_COLUMN, "watermark"))
    further = np.diff(np.maximum.accumulate(column), prepend=column[:1] - 1) > 0
    if len(steps):
        further[watermark.argmax()] = True
    return steps[["received", "watermark"]][further].reset_index(drop=True)


def delay_limit(steps: pd.DataFrame, domain_ms: Ends) -> pd.DataFrame:
    """Return how long an event may be under way, by when it happened, to be ahead of a watermark.

    Parameters
    ----------
    steps
        As in `SkewData`.
    domain_ms
        The event times that the chart shows, epoch ms.

    Returns
    -------
    Columns `event` int64 (epoch ms), rising, and `limit` int64 ms: an event that happened between
    two steps of the watermark may take until the watermark steps over it; `limit` falls by 1 ms a
    ms up to the next step, where it jumps up. A jump has two rows with the same `event`.
    """
    watermark, received = (steps[name].to_numpy() for name in ("watermark", "received"))
    if not len(watermark):
        return pd.DataFrame({"event": np.array([], np.int64), "limit": np.array([], np.int64)})
    first, last = domain_ms
    # Between steps that are far apart the line bends on an axis that is not linear.
    between = np.linspace(first, last, PIXELS, dtype=np.int64)
    between = between[(between < watermark[-1]) & ~np.isin(between, watermark)]
    passed = received[np.searchsorted(watermark, between)]
    event = np.concatenate((watermark, watermark[:-1], between))
    at = np.concatenate((received, received[1:], passed))
    order = np.lexsort((at, event))
    inside = (event >= first) & (event <= last)
    order = order[inside[order]]
    return pd.DataFrame({"event": event[order], "limit": (at - event)[order]})
