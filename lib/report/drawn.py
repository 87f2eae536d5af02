"""What the charts of a report draw, asked of blocks: of a topic that is here, the one it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.analysis.sessions import sizes_question
from lib.analysis.summary import extremes_of
from lib.charts.comparison_data import comparison_question
from lib.charts.delay_data import over_time_question
from lib.charts.drawn_events import left_of
from lib.charts.rows import MOST_LANES, lanes_in
from lib.charts.skew_data import judged_by_engine, skew_question
from lib.core.blockwise import (
    Answer,
    added,
    as_it_is,
    compact,
    in_step,
    stacked,
    together,
)
from lib.core.columns import ARRIVAL, MISSED_BY_MS
from lib.replay.outcome import dropped_events

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

    from lib.analysis.summary import Extremes, Summary
    from lib.analysis.tally import Tally
    from lib.charts.comparison_data import ComparisonData
    from lib.charts.delay_data import DelayOverTime
    from lib.charts.skew_data import SkewData
    from lib.core.blockwise import Question
    from lib.replay.input import ReplayInput
    from lib.replay.windows import Replay

_ROW: Final = 13
"""Height of a row that can still be read, px."""


MOST_DROPPED: Final = 1_000
"""Dropped events that are listed."""


@dataclass(frozen=True, eq=False)
class DrawnReplay:
    """What is shown of what an engine would have made of a topic, event by event.

    Attributes
    ----------
    skew
        Delay, and which events are dropped.
    dropped
        Rows of `lib.replay.outcome.dropped_events`: those that missed by the most, then in arrival
        order.
    """

    skew: SkewData
    dropped: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn of at least one event.

    Attributes
    ----------
    comparison, sizes
        The picture of both clocks; how many sessions have how many events.
    extremes
        The stretch on either clock, and how often each delay occurs.
    delay
        Delay over time; None where nothing is told of it.
    replay
        What the engine drops; None where that is not told.
    """

    comparison: ComparisonData
    sizes: Tally
    extremes: Extremes
    delay: DelayOverTime | None
    replay: DrawnReplay | None = None


def height_of(summary: Summary) -> int:
    """Return the height of a panel of the picture of both clocks, px."""
    return max(240, _ROW * min(MOST_LANES, summary.clients))


def page_question(
    table: pd.DataFrame, *, summary: Summary, withheld: str
) -> Question[dict[str, Any]]:
    """Ask a block that has all events of its clients for all of `Drawn` but the replay's part.

    Of those that a filter leaves, where there is a column `Left`.

    Parameters
    ----------
    summary, withheld
        As in `lib.report.report.Report`.
    """
    rows = left_of(table)
    most = lanes_in(height_of(summary))
    asked: dict[str, Question[Any]] = {
        "comparison": comparison_question(table, rows, most_lanes=most)
    }
    if not withheld:
        asked["delay"] = over_time_question(table.iloc[rows])
    found = yield from in_step({**asked, "sizes": sizes_question(table, rows)})
    found["extremes"] = Answer(extremes_of(table, rows), added, as_it_is)
    answer = together(found)
    return Answer(answer.part, answer.merge, partial(_page, answer.finish))


def _page(finish: Any, part: Any) -> dict[str, Any]:  # noqa: ANN401 (of any kind)
    return {"delay": None, **finish(part)}


def drawn_replay_question(
    events: ReplayInput,
    replay: Replay,
    _: object,
    left: NDArray[np.bool_] | None = None,
    *,
    table: pd.DataFrame,
) -> Question[DrawnReplay]:
    """Ask what is shown of what an engine made of the events of some keys, those of `table`."""
    rows = slice(None) if left is None else np.flatnonzero(left)
    skew = yield from skew_question(table, rows, judged_by_engine(replay, events.received))
    dropped = _placed(events, replay, table)
    if left is not None:
        dropped = dropped[left[replay.late]]
    found = together({"skew": skew, "dropped": Answer(_missed(dropped), _missed_most, _listed)})
    return Answer(found.part, found.merge, partial(_drawn_replay, found.finish))


def dropped_question(
    events: ReplayInput, replay: Replay, _: object, *, table: pd.DataFrame
) -> Question[pd.DataFrame]:
    """Ask for every row of `lib.replay.outcome.dropped_events`, in arrival order."""
    yield from ()  # a question without a round
    return Answer(_placed(events, replay, table), stacked, _by_arrival)


def _placed(events: ReplayInput, replay: Replay, table: pd.DataFrame) -> pd.DataFrame:
    """Return the dropped events, each with its place in arrival order."""
    places = events.place(np.flatnonzero(replay.late))
    return dropped_events(table, replay).assign(**{ARRIVAL: places})


def _by_arrival(dropped: pd.DataFrame) -> pd.DataFrame:
    return _listed(dropped.sort_values(ARRIVAL))


def _drawn_replay(finish: Any, part: Any) -> DrawnReplay:  # noqa: ANN401 (of any kind)
    return DrawnReplay(**finish(part))


def _missed(dropped: pd.DataFrame) -> pd.DataFrame:
    most = dropped.sort_values([MISSED_BY_MS, ARRIVAL], ascending=[False, True])
    return compact(most.head(MOST_DROPPED))


def _missed_most(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return _missed(stacked(one, other))


def _listed(dropped: pd.DataFrame) -> pd.DataFrame:
    return dropped.drop(columns=ARRIVAL).reset_index(drop=True)
