"""What settings of an engine would do, whose fault drops are, and gaps between events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from lib.charts import colours
from lib.charts.picture import (
    EXTENT_PX,
    FIT,
    TIME,
    TITLE,
    Picture,
    counts_axis,
    duration_axis,
    durations_up,
    plain,
    rows_axis,
    share_axis,
    stacked,
    symlog,
)
from lib.charts.times import drawn_times, time_axis, time_tooltip
from lib.core.columns import (
    DELAY_MS,
    DROPPED_SHARE,
    EVENTS,
    EXACT_SHARE,
    FROM_MS,
    GAP_MS,
    LATENCY_MEDIAN_MS,
    SHARE_BELOW,
    SILENT,
    TO_MS,
)
from lib.core.formatting import counted, duration, share_text, share_texts
from lib.replay.blame import DROPPED_BECAUSE, DROPPED_OF, GROUP
from lib.replay.partitions import BEHIND_MS, PARTITION
from lib.replay.sweep import LATENESS_MS
from lib.replay.windows import SessionWindow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.charts.times import TimeScale
    from lib.replay.engine import Setting
    from lib.replay.outcome import Outcome

NO_DELAY_S: Final = 0.5
"""Where a delay of 0 is drawn on a log axis, s, at most: before the shortest other."""

_LEAST_LATENCY_S: Final = 0.1
"""Where a latency of 0 or below is drawn on a log axis, s."""

_TRADED: Final = {"dropped": "Events dropped", "broken": "Sessions not exact"}

_SHARES: Final = (0.01, 0.1, 1.0)
"""Ticks of an axis on which small shares can be told apart."""


class _Panel(NamedTuple):
    field: str
    name: str
    colour: str


_PANELS: Final = (
    _Panel("exact", "Sessions exact", colours.WATERMARK),
    _Panel("dropped", "Events dropped", colours.LATE),
    _Panel("latency", "Result latency, median", colours.EVENT_TIME_COLOUR),
)


def setting_curve(
    table: pd.DataFrame,
    column: str,
    current_ms: int,
    title: str,
    advised_ms: int | None = None,
) -> Picture:
    """Draw what one parameter does: sessions exact, events dropped, and the latency as the price.

    Parameters
    ----------
    table
        What `lib.replay.sweep.curve` returns.
    column
        The parameter that goes across: `GapMs` or `DelayMs`.
    current_ms
        The present setting, marked with a line.
    title
        Of the axis.
    advised_ms
        The advised setting, marked with a diamond where it is among those tried.
    """
    set_to = table[column] / 1000
    others = [each for each in (*set_to, current_ms / 1000) if each > 0]
    zero_at = min([NO_DELAY_S, *(each / 2 for each in others)])
    drawn = pd.DataFrame(
        {
            "x": set_to.where(set_to > 0, zero_at),
            "set_to": set_to,
            "dropped": table[DROPPED_SHARE],
            "latency": table[LATENCY_MEDIAN_MS] / 1000,
            "advised": table[column] == (-1 if advised_ms is None else advised_ms),
        }
    )
    if EXACT_SHARE in table:
        drawn["exact"] = table[EXACT_SHARE]
    told = [panel for panel in _PANELS if panel.field in drawn]
    now = current_ms / 1000 or zero_at
    charts = [_panel(drawn, panel, now, title if panel is _PANELS[-1] else None) for panel in told]
    found = (f"{panel.name.lower()} {_ends(drawn, panel.field)}" for panel in told)
    return Picture(stacked(charts, spacing=16), f"By {title.lower()}: {'; '.join(found)}", "")


def _ends(drawn: pd.DataFrame, field: str) -> str:
    """Return what a curve says at its ends, in words."""
    known = drawn.dropna(subset=[field])
    if known.empty:
        return "none"
    ends = known.iloc[[0, -1]]
    said = _texts(ends[field], field)
    told = (f"{what} at {duration(1000 * s)}" for what, s in zip(said, ends["set_to"], strict=True))
    return ", ".join(dict.fromkeys(told))


def _texts(values: pd.Series, field: str) -> list[str]:
    """Return how shares, or latencies in seconds, are written."""
    return [duration(1000 * v) for v in values] if field == "latency" else share_texts(values)


def _panel(drawn: pd.DataFrame, panel: _Panel, now_s: float, title: str | None) -> alt.LayerChart:
    field, name, colour = panel
    x, tooltip = _across(drawn, title), _tooltip(panel)
    known = drawn.dropna(subset=[field])
    known = known.assign(told=_texts(known[field], field))
    line = (
        alt.Chart(known)
        .mark_line(point=alt.OverlayMarkDef(size=40, color=colour), strokeWidth=2, color=colour)
        .encode(x=x, y=_up(field, known[field]), tooltip=tooltip)
    )
    now = (
        alt.Chart(pd.DataFrame({"x": [now_s]}))
        .mark_rule(color=colours.NEUTRAL, strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x=x)
    )
    layers = [line, now]
    if known["advised"].any():
        layers.append(
            alt.Chart(known[known["advised"]])
            .mark_point(shape="diamond", size=160, filled=True, color=colours.LATE, opacity=1)
            .encode(x=x, y=alt.Y(f"{field}:Q"), tooltip=tooltip)
        )
    return alt.LayerChart(
        layer=[plain(layer) for layer in layers],
        height=100,
        title=alt.Title(name, **{**TITLE, "fontSize": 12}),
    )


def _across(drawn: pd.DataFrame, title: str | None) -> alt.X:
    low, high = float(drawn["x"].min()), float(drawn["x"].max())
    return alt.X(
        "x:Q",
        title=title,
        scale=alt.Scale(type="log", nice=False, padding=8, domain=[low, high]),
        axis=duration_axis(low, high, zero_at=low if drawn["set_to"].min() == 0 else None),
    )


def _tooltip(panel: _Panel) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("set_to:Q", title="Set to (s)", format=",~f"),
        alt.Tooltip("told:N", title=panel.name),
    ]


def _up(field: str, values: pd.Series) -> alt.Y:
    """Return the axis up: 0 to 100 % for shares, small ones told apart where they matter.

    A latency is below 0 where clocks are ahead: windows close before the time of their last event.
    """
    if field == "latency":
        known = values if len(values) else pd.Series([0.0])
        up = durations_up(float(known.max()), float(known.min()))
    elif field == "exact":
        up = {"axis": share_axis((0.25, 0.5, 0.75, 1.0)), "scale": alt.Scale(domain=[0, 1])}
    else:
        up = {"axis": share_axis(_SHARES), "scale": symlog((0, 1), 0.001)}
    up["axis"]["minExtent"] = EXTENT_PX
    return alt.Y(f"{field}:Q", title=None, **up)


def gap_histogram(bins: pd.DataFrame, marked_ms: Sequence[tuple[str, int]]) -> alt.LayerChart:
    """Draw the gaps between neighbouring events of a client, on a log axis, with marks on it.

    Parameters
    ----------
    bins
        What `lib.replay.gaps.gap_distribution` returns.
    marked_ms
        Names and places of vertical lines, for example the knee.
    """
    chart: alt.LayerChart = alt.LayerChart(
        layer=[_gap_bars(bins), _marks(marked_ms)],
        autosize=FIT,
        height=200,
        title=alt.Title("Time between neighbouring events of a client", **TITLE),
    )
    return chart


def _gap_bars(bins: pd.DataFrame) -> alt.Chart:
    drawn = pd.DataFrame(
        {
            "low": np.maximum(bins[FROM_MS], 0.5) / 1000,
            "high": np.maximum(bins[TO_MS], 1) / 1000,
            "events": bins[EVENTS],
            "below": share_texts(bins[SHARE_BELOW]),
        }
    )
    bars: alt.Chart = (
        alt.Chart(drawn)
        .mark_rect(color=colours.EVENT_TIME_COLOUR, stroke=None)
        .encode(
            x=alt.X(
                "low:Q",
                title="Time between events",
                scale=alt.Scale(type="log", nice=False),
                axis=duration_axis(float(drawn["low"].min()), float(drawn["high"].max())),
            ),
            x2=alt.X2("high"),
            y=alt.Y("events:Q", title="Gaps", axis=counts_axis(0, int(drawn["events"].max()))),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("low:Q", title="From (s)", format=",.3f"),
                alt.Tooltip("high:Q", title="To (s)", format=",.3f"),
                alt.Tooltip("events:Q", title="Gaps", format=","),
                alt.Tooltip("below:N", title="Share below"),
            ],
        )
    )
    return bars


def _marks(marked_ms: Sequence[tuple[str, int]]) -> alt.Chart:
    marks = pd.DataFrame(
        [(name, max(ms, 1) / 1000) for name, ms in marked_ms], columns=["name", "at"]
    )
    rules: alt.Chart = (
        alt.Chart(marks)
        .mark_rule(strokeWidth=2)
        .encode(
            x=alt.X("at:Q"),
            color=alt.Color(
                "name:N",
                title=None,
                scale=alt.Scale(range=[colours.LATE, colours.WATERMARK]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("at:Q", title="At (s)", format=",.3f")],
        )
    )
    return rules


_LEAST_SHARE: Final = 0.00001
"""Where a share of 0 is drawn on a log axis."""


def tradeoff(table: pd.DataFrame, chosen: Setting, outcome: Outcome) -> Picture:
    """Draw what settings trade latency for: events dropped, and sessions not exact.

    A line is a gap, or an allowed lateness; along it the delay grows.

    Parameters
    ----------
    table
        What `lib.replay.sweep.curve` returns for `tradeoff_settings`.
    chosen, outcome
        The setting that is marked, and what it does.
    """
    drawn = pd.DataFrame(
        {
            "line": _line_names(table, chosen),
            "gap": table[GAP_MS],
            "lateness": table[LATENESS_MS],
            "delay": table[DELAY_MS] / 1000,
            "latency": np.maximum(table[LATENCY_MEDIAN_MS] / 1000, _LEAST_LATENCY_S),
            "took": table[LATENCY_MEDIAN_MS] / 1000,
            "dropped": table[DROPPED_SHARE],
        }
    )
    own: dict[str, float | None] = {"dropped": outcome.dropped_share}
    if EXACT_SHARE in table and outcome.sessions is not None:
        drawn["broken"] = 1 - table[EXACT_SHARE]
        own["broken"] = outcome.sessions.broken_share
    latency = outcome.latency_median_ms
    mark = pd.DataFrame(
        [{**own, "latency": None if latency is None else max(latency / 1000, _LEAST_LATENCY_S)}]
    ).dropna()
    panels = [
        _tradeoff_panel(drawn, mark, field, _TRADED[field], is_last=field == list(own)[-1])
        for field in own
    ]
    described, said = _tradeoff_told(table, own, latency)
    return Picture(stacked(panels), described, said)


def _tradeoff_told(
    table: pd.DataFrame, own: Mapping[str, float | None], latency: float | None
) -> tuple[str, str]:
    """Return what the chart of `tradeoff` is called, and what is said below it."""
    advised = "; ".join(
        f"{_TRADED[field].lower()} {share_text(share)}"
        for field, share in own.items()
        if share is not None
    )
    marked = "The diamond is the setting advised."
    if latency is None:
        marked = "The setting advised is not drawn: none of its windows has a final result."
    at = "no final result" if latency is None else f"a median result latency of {duration(latency)}"
    is_short = (table[LATENCY_MEDIAN_MS] < _LEAST_LATENCY_S * 1000).any()
    short = ", and a latency below 100 ms at 100 ms" if is_short else ""
    title = (
        f"What {counted(len(table), 'setting')} drop and how late they answer; the advised one: "
    )
    said = f"Every point is a setting, on the whole topic; along a line the delay grows. {marked} "
    lowest = f"A share of 0 is drawn at the bottom, at 0.001 %{short}."
    return f"{title}{advised}, with {at}", said + lowest


def _line_names(table: pd.DataFrame, chosen: Setting) -> list[str]:
    word = "gap" if isinstance(chosen.window, SessionWindow) else "size"
    several = len(table[LATENESS_MS].unique()) > 1
    return [
        f"{word} {duration(gap)}"
        + (
            f", {'lateness ' + duration(lateness) if lateness else 'no lateness'}"
            if several
            else ""
        )
        for gap, lateness in zip(table[GAP_MS], table[LATENESS_MS], strict=True)
    ]


def _told(shares: pd.Series) -> dict[str, Any]:
    """Return where shares are drawn on a log axis, and how they are written."""
    return {"share": np.maximum(shares, _LEAST_SHARE), "told": share_texts(shares)}


def _tradeoff_panel(
    drawn: pd.DataFrame, mark: pd.DataFrame, field: str, name: str, *, is_last: bool
) -> alt.LayerChart:
    shown = drawn.dropna(subset=["latency"])
    latencies = pd.concat([shown["latency"], mark["latency"]])
    low, high = float(latencies.min()), float(latencies.max())
    x = alt.X(
        "latency:Q",
        title="Result latency, median" if is_last else None,
        scale=alt.Scale(type="log", nice=False, padding=8, domain=[low, high]),
        axis=duration_axis(low, high),
    )
    y = alt.Y(
        "share:Q",
        title=None,
        scale=alt.Scale(type="log", domain=[_LEAST_SHARE, 1], padding=8, nice=False),
        axis=share_axis((0.0001, 0.001, *_SHARES), zero_at=_LEAST_SHARE),
    )
    lines = _setting_lines(
        shown.assign(**_told(shown[field])),
        x,
        y,
        alt.Tooltip("told:N", title=name),
    )
    own = (
        alt.Chart(mark.assign(**_told(mark[field])))
        .mark_point(shape="diamond", size=220, filled=True, color=colours.LATE, opacity=1)
        .encode(x=x, y=y, tooltip=[alt.Tooltip("told:N", title="Advised")])
    )
    return alt.LayerChart(
        layer=[plain(layer) for layer in (lines, own)],
        height=200,
        title=alt.Title(f"{name} over the result latency", **TITLE),
    )


def _setting_lines(drawn: pd.DataFrame, x: alt.X, y: alt.Y, share: alt.Tooltip) -> alt.Chart:
    """Draw a line for each gap or lateness, its points being settings."""
    by_size = list(drawn.sort_values(["gap", "lateness"])["line"].unique())
    lines: alt.Chart = (
        alt.Chart(drawn)
        .mark_line(point=alt.OverlayMarkDef(size=35), strokeWidth=1.5)
        .encode(
            x=x,
            y=y,
            order=alt.Order("delay:Q"),
            color=alt.Color(
                "line:N",
                title=None,
                scale=alt.Scale(domain=by_size, range=list(colours.LINES)),
                legend=alt.Legend(
                    orient="top", columns=2, symbolType="stroke", symbolSize=300, labelLimit=0
                ),
            ),
            strokeDash=alt.StrokeDash("line:N", title=None, scale=alt.Scale(domain=by_size)),
            tooltip=[
                alt.Tooltip("line:N", title="With"),
                alt.Tooltip("delay:Q", title="Delay or grace (s)", format=",~f"),
                alt.Tooltip("took:Q", title="Result latency (s)", format=",.3f"),
                share,
            ],
        )
    )
    return lines


_BLAMED: Final = {"of it": DROPPED_OF, "of others, because of it": DROPPED_BECAUSE}
"""Whose events are dropped, and the column that counts them."""


def blame_bars(table: pd.DataFrame, what: str) -> alt.Chart:
    """Draw how many events are dropped of each client, and of others because of it.

    Parameters
    ----------
    table
        Of `lib.replay.blame.Blame`, its groups by name.
    what
        What a group is called.
    """
    names, drawn = table[GROUP].astype(str).tolist(), _blamed(table)
    bars: alt.Chart = (
        alt.Chart(drawn)
        .mark_bar()
        .encode(
            y=alt.Y("group:N", title=what, sort=names, axis=rows_axis(names)),
            yOffset=alt.YOffset("which:N", sort=list(_BLAMED)),
            x=alt.X(
                "events:Q",
                title="Events dropped",
                axis=counts_axis(0, drawn["events"].max(), ticks=4),
            ),
            color=alt.Color(
                "which:N",
                title=None,
                sort=list(_BLAMED),
                scale=alt.Scale(domain=list(_BLAMED), range=[colours.NEUTRAL, colours.LATE]),
                legend=alt.Legend(orient="top", columns=1),
            ),
            tooltip=[
                alt.Tooltip("group:N", title=what),
                alt.Tooltip("which:N", title="Dropped"),
                alt.Tooltip("events:Q", title="Events", format=","),
            ],
        )
        .properties(
            height=alt.Step(11),
            autosize=FIT,
            title=alt.Title("Events dropped, and because of whom", **TITLE),
        )
    )
    return bars


def _blamed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each group and each of `_BLAMED`."""
    counted = [
        pd.DataFrame(
            {
                "group": table[GROUP].astype(str),
                "which": which,
                "events": table[column].astype("Float64").fillna(0).clip(lower=0).astype("float64"),
            }
        )
        for which, column in _BLAMED.items()
    ]
    return pd.concat(counted)


_NAMED_PARTITIONS: Final = 8


def held_back(timeline: pd.DataFrame, *, zero_ms: int, scale: TimeScale) -> alt.Chart:
    """Draw how far the minimum over partitions is behind the newest event, and which holds it back.

    Pale where that partition had been silent for longer than the idle timeout.

    Parameters
    ----------
    timeline
        Of `lib.replay.partitions.PartitionSkew`.
    zero_ms, scale
        The topic's zero, epoch ms, and how times are written.
    """
    ends = int(timeline[FROM_MS].min()), int(timeline[TO_MS].max())
    drawn = _behind(timeline, zero_ms, scale)
    bars: alt.Chart = (
        alt.Chart(drawn)
        .mark_bar(stroke=None)
        .encode(
            x=time_axis(TIME, "Received time", scale, domain_ms=ends, zero_ms=zero_ms),
            x2=alt.X2("to"),
            y=alt.Y("by:Q", title="Held back by", **durations_up(float(drawn["by"].max()))),
            y2=alt.datum(0),
            color=alt.Color(
                "partition:N",
                title="Partition",
                scale=alt.Scale(range=list(colours.LINES)),
                legend=alt.Legend(orient="top", columns=9),
            ),
            opacity=alt.Opacity(
                "silent:N", legend=None, scale=alt.Scale(domain=["no", "yes"], range=[1, 0.4])
            ),
            tooltip=[
                time_tooltip(TIME, "From", scale),
                alt.Tooltip("partition:N", title="Partition"),
                alt.Tooltip("silent:N", title="It was silent"),
                alt.Tooltip("by:Q", title="Behind by (s)", format=",.1f"),
            ],
        )
        .properties(
            height=200,
            autosize=FIT,
            title=alt.Title("How far the furthest partition holds others back", **TITLE),
        )
    )
    return bars


def _behind(timeline: pd.DataFrame, zero_ms: int, scale: TimeScale) -> pd.DataFrame:
    often = timeline[PARTITION].value_counts().index[:_NAMED_PARTITIONS]
    return pd.DataFrame(
        {
            TIME: drawn_times(timeline[FROM_MS], zero_ms, scale),
            "to": drawn_times(timeline[TO_MS], zero_ms, scale),
            "by": timeline[BEHIND_MS] / 1000,
            "partition": [str(p) if p in often else "others" for p in timeline[PARTITION]],
            "silent": np.where(timeline[SILENT], "yes", "no"),
        }
    )
