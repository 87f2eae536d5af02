"""The charts of a report: the app's own, with their data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lib.analysis import outages
from lib.analysis.delays import delay_distribution
from lib.analysis.sessions import DEFAULT_BINS, session_counts
from lib.charts import delay as delay_charts
from lib.charts.comparison import comparison
from lib.charts.embedded import embedded
from lib.charts.histogram import session_histogram
from lib.charts.outages import outage_timeline
from lib.charts.rows import MOST_LANES
from lib.charts.skew import LateMarks, skew_plot
from lib.charts.times import TimeScale
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME
from lib.report.report import ReplayedEvents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import altair as alt
    import pandas as pd

    from lib.report.report import Report

WIDTH: Final = 860
_ROW: Final = 13
"""Height of a row that can still be read, px."""
_UTC: Final = TimeScale.UTC
_ALL: Final = slice(None)


@dataclass(frozen=True)
class Drawing:
    """A chart with what is written around it.

    Attributes
    ----------
    name
        Of the element on the page.
    title, caption
        What it shows, and how to read it.
    spec, tables
        As in `lib.charts.embedded.EmbeddedChart`.
    """

    name: str
    title: str
    caption: str
    spec: Mapping[str, Any]
    tables: Mapping[str, Any]


def drawings_of(report: Report) -> list[Drawing]:
    """Return the charts of a report, those that matter most first."""
    return list(_drawings(report))


def _drawings(report: Report) -> Iterator[Drawing]:
    if report.analysis is None:
        return
    table, zero_ms = report.topic.events.table, report.topic.events.zero_ms
    rows = min(MOST_LANES, int(table[CLIENT].nunique()))
    height = max(240, _ROW * rows)
    drawn = comparison(table, _ALL, zero_ms=zero_ms, scale=_UTC, height=height)
    caption = drawn.what
    if len(drawn.clocks) > 1 and not report.withheld and not report.asked.where:
        caption += " A stretch that is filled above and empty below is an outage."
    yield _drawing("comparison", "When it happened, and when it arrived", caption, drawn.chart)
    if not report.withheld:
        timed = report.topic.events.timed
        if not report.is_cut:
            yield from _of_outages(report.analysis.outages, timed, zero_ms)
        yield from _of_delays(timed, zero_ms)
    replayed = report.replayed
    if isinstance(replayed, ReplayedEvents) and not replayed.order_only:
        yield _of_replay(replayed)
    yield from _of_sessions(table)


def _of_outages(every: pd.DataFrame, timed: pd.DataFrame, zero_ms: int) -> Iterator[Drawing]:
    found = every[every[outages.KIND] != outages.QUIET]
    if found.empty:
        return
    received = timed[RECEIVED_TIME]
    drawn = outage_timeline(
        found,
        domain_ms=(int(received.min()), int(received.max()) + 1),
        zero_ms=zero_ms,
        scale=_UTC,
    )
    yield _drawing("outages", "Outages", drawn.reading, drawn.chart)


def _of_delays(timed: pd.DataFrame, zero_ms: int) -> Iterator[Drawing]:
    drawn = delay_charts.over_time(timed, zero_ms=zero_ms, scale=_UTC)
    yield _drawing("delay", "Delay over time", drawn.reading, drawn.chart)
    largest = int((timed[RECEIVED_TIME] - timed[EVENT_TIME]).max())
    drawn = delay_charts.distribution(delay_distribution(timed), None, largest)
    yield _drawing("distribution", "Distribution of delay", drawn.reading, drawn.chart)


def _of_replay(replayed: ReplayedEvents) -> Drawing:
    clock = "watermark, or stream time, by which the engine judged"
    drawn = skew_plot(
        replayed.topic.events.table,
        _ALL if replayed.left is None else np.flatnonzero(replayed.left),
        LateMarks(replayed.replay.clock, replayed.replay.late, ("kept", "dropped"), clock),
        zero_ms=replayed.topic.events.zero_ms,
        scale=_UTC,
    )
    return _drawing("replay", "What the engine drops", drawn.picture.reading, drawn.picture.chart)


def _of_sessions(table: pd.DataFrame) -> Iterator[Drawing]:
    counts = session_counts(table, _ALL)
    if counts.empty:
        return
    drawn = session_histogram(counts["counts"], DEFAULT_BINS)
    yield _drawing("sessions", "Events per session", drawn.reading, drawn.chart)


def _drawing(name: str, title: str, caption: str, chart: alt.TopLevelMixin) -> Drawing:
    made = embedded(chart, width=WIDTH)
    return Drawing(name, title, caption, made.spec, made.tables)
