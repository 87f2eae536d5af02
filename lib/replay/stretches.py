"""A topic cut into stretches of equally many events, and what each would have needed.

A stretch is to the advice what a draw is to a statistic: where the stretches are alike, the next
one needs more than the largest of n before it did in one case of n + 1, and how much more it needs
then is learned from how far earlier stretches went beyond all before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.core.blockwise import Answer, added, as_it_is
from lib.replay.windows import SessionWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.engine import Setting
    from lib.replay.input import ReplayInput
    from lib.replay.outcome import TrueSessions
    from lib.replay.windows import Replay

LEAST_MARGIN: Final = 1.25
MOST_MARGIN: Final = 2.0
"""The tolerance is taken larger by a factor from the first to the second."""

_LEARNED_FROM: Final = 0.3
"""Share of the stretches that come first, so that a later one can go beyond them."""

_CHANCE: Final = 0.01
"""How likely it may be that a topic without a change looks as if it had one."""

_CHANGE: Final = 1.5
"""Factor by which the tolerance has to change for the change to matter."""

_BEYOND: Final = np.iinfo(np.int64).max

_BINS: Final = 200
"""Bins of equally many events in which late events are counted to see how lumpy they are."""


def bounds(events: int, stretches: int) -> NDArray[np.int64]:
    """Return the first event of each stretch, and at the end the number of events."""
    return np.linspace(0, events, stretches + 1).astype(np.int64)


def slack_ms(setting: Setting) -> int:
    """Return how far out of order an event may be without any delay: the session gap, or 0."""
    return setting.window.length_ms if isinstance(setting.window, SessionWindow) else 0


@dataclass(frozen=True, eq=False)
class Highest:
    """The highest values of each stretch: of what no more than a share of its values are above.

    Attributes
    ----------
    share
        The share, 0 to 1.
    most
        How many values of a stretch are kept, at most.
    events
        int64, how many events each stretch has.
    values
        The highest of each, int64.
    """

    share: float
    most: NDArray[np.int64]
    events: NDArray[np.int64]
    values: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(
        cls, values: NDArray[np.int64], events: ReplayInput, cuts: NDArray[np.int64], share: float
    ) -> Highest:
        """Return those of some events, each with a value, in stretches of the topic."""
        inner = events.arrived(cuts)[1:-1]
        most = (share * np.diff(cuts)).astype(np.int64) + 1
        parts = np.split(values, inner)
        highest = tuple(_highest(*each) for each in zip(parts, most.tolist(), strict=True))
        return cls(share, most, np.array([len(part) for part in parts]), highest)

    def __add__(self, other: Highest) -> Highest:
        """Return those of the events of both."""
        both = map(np.concatenate, zip(self.values, other.values, strict=True))
        values = tuple(_highest(*each) for each in zip(both, self.most.tolist(), strict=True))
        return Highest(self.share, self.most, self.events + other.events, values)

    @property
    def upper(self) -> NDArray[np.int64]:
        """What no more than the share of a stretch's values are above, int64; 0 without any."""
        found = (
            _upper(values, int(self.share * events), events)
            for values, events in zip(self.values, self.events.tolist(), strict=True)
        )
        return np.array(list(found), dtype=np.int64)


def _highest(values: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if len(values) <= most:
        return values
    return np.partition(values, len(values) - most)[len(values) - most :]


def _upper(highest: NDArray[np.int64], above: int, events: int) -> int:
    return 0 if above >= events else int(_highest(highest, above + 1).min())


def missed_question(
    events: ReplayInput,
    replayed: Replay,
    _: TrueSessions | None,
    cuts: NDArray[np.int64],
    share: float,
) -> Question[Highest]:
    """Ask by how much events missed: of a replay without a delay, what delay keeps a goal.

    A little less than its `upper` can do: what an event missed by without a delay keeps it for
    certain, but a session that is held longer may keep it, too.

    Parameters
    ----------
    cuts
        The stretches, from `bounds`.
    share
        Of the events of each that may be dropped, 0 to 1.
    """
    yield from ()  # a question without a round
    return Answer(Highest.of(replayed.missed_by_ms, events, cuts, share), added, as_it_is)


@dataclass(frozen=True, eq=False)
class Tolerances:
    """How far out of order the events of each stretch may be for the goal to be kept, in ms.

    That is the delay needed and the slack of the setting; where no delay is needed, the
    out-of-orderness, so that the stretches can be compared although they all need the same.

    Attributes
    ----------
    need
        int64, the delay that each stretch needs.
    tolerance
        int64, the tolerance that each stretch needs.
    slack
        What the setting tolerates without a delay.
    unspared
        int64, the tolerance that each stretch would need if the partition were not there that holds
        the watermark back longest, which spares late events; never below `tolerance`.
    """

    need: NDArray[np.int64]
    tolerance: NDArray[np.int64]
    slack: int
    unspared: NDArray[np.int64]

    def first(self, stretches: int) -> Tolerances:
        """Return those of the first stretches."""
        return Tolerances(
            self.need[:stretches],
            self.tolerance[:stretches],
            self.slack,
            self.unspared[:stretches],
        )

    @property
    def margin(self) -> float:
        """The largest factor by which a stretch went beyond all before it, from 1.25 to 2."""
        learned = max(1, int(_LEARNED_FROM * len(self.unspared)))
        before = np.maximum.accumulate(np.maximum(self.unspared, 1))[learned - 1 : -1]
        beyond = (self.unspared[learned:] / before).max(initial=0)
        return float(np.clip(beyond, LEAST_MARGIN, MOST_MARGIN))

    @property
    def delay_ms(self) -> int:
        """The delay to take: the largest that a stretch needs, with the margin, two digits."""
        with_margin = round(float(self.unspared.max(initial=0)) * self.margin) - self.slack
        return rounded_up(max(with_margin, int(self.need.max(initial=0)), 0))


def tolerances(
    need: NDArray[np.int64],
    out_of_order: NDArray[np.int64],
    slack: int,
    without_slowest: NDArray[np.int64] | None = None,
) -> Tolerances:
    """Return the tolerances that follow from the delays needed and the out-of-orderness.

    `without_slowest` is the delay that each stretch needs without the partition that holds the
    watermark back longest, where there are several.
    """
    tolerance = np.where(need > 0, need + slack, np.minimum(out_of_order, slack))
    unspared = tolerance
    if without_slowest is not None:
        unspared = np.maximum(tolerance, np.where(without_slowest > 0, without_slowest + slack, 0))
    return Tolerances(need, tolerance, slack, unspared)


def rounded_up(ms: int) -> int:
    """Return the next number with no more than two digits that are not 0."""
    step = 10 ** max(0, len(str(ms)) - 2)
    return int(-(-ms // step) * step)


def change_point(values: NDArray[np.int64], least: float) -> int | None:
    """Return where a series changes its level for good, or None.

    Pettitt's test ("A non-parametric approach to the change-point problem", Applied Statistics
    28, 1979) at 1 %. A change is none where the median grows or falls by less than half, or stays
    below `least`.
    """
    size = len(values)
    if size < 2:
        return None
    order = np.sign(values[:, None] - values[None, :])
    earlier_larger = np.array([order[:k, k:].sum() for k in range(1, size)])
    at = int(np.argmax(np.abs(earlier_larger))) + 1
    chance = 2 * np.exp(-6.0 * earlier_larger[at - 1] ** 2 / (size**3 + size**2))
    low, high = sorted((float(np.median(values[:at])), float(np.median(values[at:]))))
    return at if chance < _CHANCE and high > _CHANGE * low and high > least else None


@dataclass(frozen=True)
class Lumps:
    """How late events come: one by one, or many at once.

    Attributes
    ----------
    late
        Number of events that are late without a delay.
    bins
        Number of bins, of 200 with equally many events, that have any.
    size
        How many come together: variance over mean of their number in a bin. 1 where each comes
        for itself; of outages that hold back as many events each, that number.
    largest_at
        Index of the first late event in the bin that has most; -1 without any.
    """

    late: int
    bins: int
    size: float
    largest_at: int


@dataclass(frozen=True, eq=False)
class LateInBins:
    """How many events are late in each of 200 bins of equally many events, and the first of them.

    `late` and `first` are int64; the index in the topic is beyond every index where none is.
    """

    late: NDArray[np.int64]
    first: NDArray[np.int64]

    @classmethod
    def of(cls, events: ReplayInput, undelayed: Replay, of_topic: int) -> LateInBins:
        """Return those of some events of a topic of so many."""
        late = np.flatnonzero(undelayed.missed_by_ms)
        begins = np.searchsorted(late, events.arrived(bounds(of_topic, _BINS)))
        places = np.append(events.place(late), _BEYOND)
        number = np.diff(begins)
        return cls(number, np.where(number > 0, places[begins[:-1]], _BEYOND))

    def __add__(self, other: LateInBins) -> LateInBins:
        """Return those of the events of both."""
        return LateInBins(self.late + other.late, np.minimum(self.first, other.first))

    @property
    def lumps(self) -> Lumps:
        """How late events come."""
        if not self.late.any():
            return Lumps(0, 0, 0.0, -1)
        return Lumps(
            late=int(self.late.sum()),
            bins=int(np.count_nonzero(self.late)),
            size=float(self.late.var() / self.late.mean()),
            largest_at=int(self.first[np.argmax(self.late)]),
        )
