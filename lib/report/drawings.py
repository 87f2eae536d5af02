"""The charts of a report: the app's own, with their data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lib.analysis import outages
from lib.analysis.delays import delay_distribution, delay_over_time
from lib.analysis.sessions import count_histogram, session_counts
from lib.charts import delay as delay_charts
from lib.charts.comparison import comparison
from lib.charts.embedded import embedded
from lib.charts.histogram import session_histogram
from lib.charts.outages import MOST_OUTAGES, outage_timeline
from lib.charts.rows import MOST_LANES
from lib.charts.times import TimeScale
from lib.core.columns import CLIENT, RECEIVED_TIME
from lib.core.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import altair as alt
    import pandas as pd

    from lib.report.report import Replayed, Report

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
    if len(drawn.clocks) > 1 and not report.withheld:
        caption += " A stretch that is filled above and empty below is an outage."
    yield _drawing("comparison", "When it happened, and when it arrived", caption, drawn.chart)
    if not report.withheld:
        timed = report.topic.events.timed
        yield from _of_outages(report.analysis.outages, timed, zero_ms)
        yield from _of_delays(timed, zero_ms)
    if report.replayed is not None and not report.replayed.order_only:
        yield _of_replay(report.replayed)
    yield from _of_sessions(table)


def _of_outages(every: pd.DataFrame, timed: pd.DataFrame, zero_ms: int) -> Iterator[Drawing]:
    found = every[every[outages.KIND] != outages.QUIET]
    if found.empty:
        return
    received = timed[RECEIVED_TIME]
    chart = outage_timeline(
        found,
        domain_ms=(int(received.min()), int(received.max()) + 1),
        zero_ms=zero_ms,
        scale=_UTC,
    )
    drawn = f" {MOST_OUTAGES:,} are drawn." if len(found) > MOST_OUTAGES else ""
    caption = (
        f"{counted(len(found), 'outage')}. A bar is a silence, the tick at its end the burst that "
        f"ended it.{drawn}"
    )
    yield _drawing("outages", "Outages", caption, chart)


def _of_delays(timed: pd.DataFrame, zero_ms: int) -> Iterator[Drawing]:
    over_time = delay_charts.over_time(delay_over_time(timed), zero_ms=zero_ms, scale=_UTC)
    caption = "Half, 90 % and 99 % of the events of a stretch of event time had no more delay."
    yield _drawing("delay", "Delay over time", caption, over_time)
    binned = delay_charts.distribution(delay_distribution(timed), None)
    caption = "How many events had which delay; delays of 0 and below are in the first bin."
    yield _drawing("distribution", "Distribution of delay", caption, binned)


def _of_replay(replayed: Replayed) -> Drawing:
    marks = delay_charts.LateMarks(replayed.replay.clock, replayed.replay.late, ("kept", "dropped"))
    drawn = delay_charts.skew_plot(
        replayed.topic.events.table,
        _ALL,
        marks,
        zero_ms=replayed.topic.events.zero_ms,
        scale=_UTC,
    )
    caption = (
        f"{'Every event is a point' if drawn.are_points else 'Counts of all events'}: "
        f"{drawn.events:,}, of which {drawn.late:,} are dropped. On the dashed diagonal an event "
        "arrives when it happens; above it, later. The green line is the watermark, or stream "
        "time, by which the engine judged."
    )
    return _drawing("replay", "What the engine drops", caption, drawn.chart)


def _of_sessions(table: pd.DataFrame) -> Iterator[Drawing]:
    counts = session_counts(table, _ALL)
    if counts.empty:
        return
    chart = session_histogram(count_histogram(counts["counts"]))
    caption = f"{counted(len(counts), 'session')} by their number of events."
    yield _drawing("sessions", "Events per session", caption, chart)


def _drawing(name: str, title: str, caption: str, chart: alt.TopLevelMixin) -> Drawing:
    made = embedded(chart, width=WIDTH)
    return Drawing(name, title, caption, made.spec, made.tables)
