"""The charts of a report: the app's own, with their data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lib.analysis import outages
from lib.analysis.delays import distribution_table
from lib.analysis.sessions import DEFAULT_BINS
from lib.charts import delay as delay_charts
from lib.charts.comparison import drawn_comparison
from lib.charts.embedded import embedded
from lib.charts.histogram import session_histogram
from lib.charts.outages import outage_timeline
from lib.charts.skew import drawn_skew
from lib.charts.skew_data import ENGINE_CLOCK, JUDGED
from lib.charts.times import TimeScale
from lib.core.blockwise import answered
from lib.report.drawn import Drawn, drawn_replay_question, height_of, page_question
from lib.report.report import ReplayedEvents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import altair as alt
    import pandas as pd

    from lib.analysis.summary import Extremes
    from lib.analysis.tally import Tally
    from lib.charts.delay_data import DelayOverTime
    from lib.report.report import Report

WIDTH: Final = 860


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


def drawn_here(report: Report) -> Drawn:
    """Return what is drawn of a topic that is here."""
    assert report.summary is not None
    table = report.topic.events.table
    asked = page_question(table, summary=report.summary, withheld=report.withheld)
    replayed, drawn = report.replayed, None
    if isinstance(replayed, ReplayedEvents) and not replayed.order_only:
        of, heard = (replayed.events, replayed.replay), replayed.topic.events.table
        drawn = answered(drawn_replay_question(*of, None, replayed.left, table=heard))
    return Drawn(**answered(asked), replay=drawn)


def _drawings(report: Report) -> Iterator[Drawing]:
    if report.analysis is None or report.summary is None:
        return
    data = report.drawn or drawn_here(report)
    zero_ms = report.topic.contents.zero_ms
    assert zero_ms is not None
    how: dict[str, Any] = {"zero_ms": zero_ms, "scale": TimeScale.UTC}
    drawn = drawn_comparison(data.comparison, height=height_of(report.summary), **how)
    caption = drawn.what
    if len(drawn.clocks) > 1 and not report.withheld and not report.asked.where:
        caption += " A stretch that is filled above and empty below may be an outage."
    yield _drawing("comparison", "When it happened, and when it arrived", caption, drawn.chart)
    if data.delay is not None:
        if not report.is_cut:
            yield from _of_outages(report.analysis.outages, data.extremes, how)
        yield from _of_delays(data.delay, data.extremes.delays, how)
    if data.replay is not None:
        skew = drawn_skew(data.replay.skew, JUDGED, ENGINE_CLOCK, **how)
        yield _drawing("replay", "What the engine drops", skew.reading, skew.chart)
    if data.sizes.n:
        sessions = session_histogram(data.sizes, DEFAULT_BINS)
        yield _drawing("sessions", "Events per session", sessions.reading, sessions.chart)


def _of_outages(
    every: pd.DataFrame, extremes: Extremes, how: Mapping[str, Any]
) -> Iterator[Drawing]:
    found = every[every[outages.KIND] != outages.QUIET]
    if found.empty:
        return
    assert extremes.received is not None
    first, last = extremes.received
    drawn = outage_timeline(found, domain_ms=(first, last + 1), **how)
    yield _drawing("outages", "Outages", drawn.reading, drawn.chart)


def _of_delays(
    over_time: DelayOverTime, delays: Tally, how: Mapping[str, Any]
) -> Iterator[Drawing]:
    drawn = delay_charts.drawn_over_time(over_time, **how)
    yield _drawing("delay", "Delay over time", drawn.reading, drawn.chart)
    drawn = delay_charts.distribution(distribution_table(delays), None, int(delays.value[-1]))
    yield _drawing("distribution", "Distribution of delay", drawn.reading, drawn.chart)


def _drawing(name: str, title: str, caption: str, chart: alt.TopLevelMixin) -> Drawing:
    made = embedded(chart, width=WIDTH)
    return Drawing(name, title, caption, made.spec, made.tables)
