"""What the choices of a viewer ask of a topic that a cluster holds, of what is seen of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lib.analysis.delay_parts import parts_question
from lib.analysis.delays import distribution_question
from lib.analysis.outages import HELD_BACK, outages_and_rhythm_question
from lib.analysis.received import with_received_time
from lib.charts.comparison_data import comparison_question, find_in_group
from lib.charts.drawn_events import left_of
from lib.charts.skew_data import LATE, points_question, watermark_question
from lib.cluster.asking import ask
from lib.cluster.topic import rejected_of
from lib.core.columns import CLIENT, LOST

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from lib.analysis.delay_parts import DelayParts
    from lib.charts.comparison_data import ComparisonData, Group, RowOrder
    from lib.charts.skew_data import SkewData
    from lib.cluster.topic import HeldTopic
    from lib.core.blockwise import Question


def skew_on_held(client: Client, held: HeldTopic, delay_ms: int) -> SkewData:
    """Return what the skew plot draws by a watermark that is so far behind."""
    found: SkewData = ask(client, partial(watermark_question, delay_ms=delay_ms), held.in_order)
    if found.points is None:
        return found
    points: pd.DataFrame = ask(client, points_question, held.by_client)
    return replace(found, points=points.assign(**{LATE: found.points[LATE]}))


def distribution_on_held(client: Client, held: HeldTopic) -> pd.DataFrame:
    """Return `lib.analysis.delays.delay_distribution` by client."""
    found: pd.DataFrame = ask(client, _distribution, held.by_client)
    return found


def _distribution(table: pd.DataFrame) -> Question[pd.DataFrame]:
    seen = with_received_time(table.iloc[left_of(table)])
    clients = seen[CLIENT].cat.remove_unused_categories()
    return (yield from distribution_question(seen.assign(**{CLIENT: clients}), CLIENT))


def parts_on_held(client: Client, held: HeldTopic) -> DelayParts | None:
    """Return `lib.analysis.delay_parts.delay_parts`, but for clocks, of all events of a topic."""
    found: DelayParts | None = ask(client, parts_question, held.by_client)
    return found


def comparison_on_held(
    client: Client,
    held: HeldTopic,
    *,
    most_lanes: int,
    order: RowOrder,
    outages: pd.DataFrame | None,
    group: Group | None,
) -> ComparisonData:
    """Return what the picture of both clocks draws; the rest as in `comparison_question`.

    `group` is of the clients that are drawn; None: all.
    """
    weighs = None if outages is None else outages[[CLIENT, HELD_BACK, LOST]]
    how = {"most_lanes": most_lanes, "order": order, "outages": weighs}
    found: ComparisonData = ask(client, partial(_comparison, group=group, how=how), held.by_client)
    return found


def _comparison(
    table: pd.DataFrame, group: Group | None, how: dict[str, Any]
) -> Question[ComparisonData]:
    rows = yield from find_in_group(table, left_of(table), group)
    return (yield from comparison_question(table, rows, **how))


def outages_on_held(
    client: Client, held: HeldTopic, sensitivity: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `lib.analysis.outages.outages_and_rhythm` of all events of a topic.

    No outage where events were left out between others when its file was written.

    Raises
    ------
    NotInBlocksError
        When its sequence numbers need all events in one block.
    """
    put = partial(
        outages_and_rhythm_question,
        sensitivity=sensitivity,
        sessions_are_derived=held.topic.fields.session is None,
        rejected=rejected_of(held.topic),
    )
    answer: tuple[pd.DataFrame, pd.DataFrame] = ask(client, put, held.by_client)
    found, rhythm = answer
    part = held.topic.report.part
    return (found.head(0) if part is not None and part.is_cut else found), rhythm
