"""Outages on a timeline: one row a client, its silences and its bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from lib.analysis import outages
from lib.charts.picture import FIT, TIME, TITLE, Picture, rows_axis, zoom
from lib.charts.rows import ROW_PX, client_lanes, shown_name
from lib.charts.silences import MOST_OUTAGES, silence_marks, worst
from lib.charts.times import time_axis
from lib.core.columns import CLIENT, LOST
from lib.core.formatting import counted, duration
from lib.events.table import names_clients

if TYPE_CHECKING:
    import pandas as pd

    from lib.charts.times import TimeScale

HEIGHT: Final = 240
"""Of the largest timeline, px: the table below it is on the same screen."""

_ROOMY_PX: Final = 24
"""Of a row, where there are few."""


def outage_timeline(
    table: pd.DataFrame, *, domain_ms: tuple[int, int], zero_ms: int, scale: TimeScale
) -> Picture:
    """Draw each silence as a line, and the burst that ended it as a bar at its end.

    The clients with the most events held back or lost have a row each, at the top; where there are
    more clients than rows, the others share some.

    Parameters
    ----------
    table
        Rows of the outages that `lib.analysis.outages.outages_of` returns, at least one.
    domain_ms
        First and last received time of the visible events, epoch ms.
    """
    clients = table[CLIENT].cat.categories
    shown = worst(table)
    codes = shown[CLIENT].cat.codes.to_numpy()
    lanes = client_lanes(clients, codes, HEIGHT // ROW_PX, outages.affected(table, len(clients)))
    rows = alt.Y(
        "row:O",
        title="Client" if lanes.are_clients else "Clients",
        scale=alt.Scale(type="band", domain=lanes.labels, paddingInner=0.2, paddingOuter=0.2),
        axis=rows_axis(lanes.labels),
    )
    low, high = domain_ms
    margin = (high - low) // 100
    domain = (low - margin, high + margin)
    line, burst = silence_marks(table, lanes, zero_ms=zero_ms, scale=scale)
    x = time_axis(TIME, "Received time", scale, domain_ms=domain, zero_ms=zero_ms)
    chart = alt.LayerChart(
        layer=[line.encode(x=x, y=rows), burst],
        autosize=FIT,
        height=min(HEIGHT, _ROOMY_PX * len(lanes.labels) + ROW_PX),
        title=alt.Title("Silences and the bursts that ended them", **TITLE),
    ).resolve_scale(color="independent")
    return Picture(
        chart.add_params(zoom("x")),
        _finding(table),
        _reading(table, are_clients=lanes.are_clients),
    )


def _finding(table: pd.DataFrame) -> str:
    silences = table[outages.SILENCE].fillna(0).to_numpy()
    longest = int(silences.argmax())
    held, lost = int(table[outages.HELD_BACK].sum()), int(table[LOST].sum())
    client = table[CLIENT].iloc[longest]
    whose = f", of client {shown_name(client)}" if names_clients([client]) else ""
    return (
        f"{_silences(table)}; the longest, {duration(silences[longest])}{whose}. "
        f"{counted(held, 'event')} held back, {lost:,} lost"
    )


def _reading(table: pd.DataFrame, *, are_clients: bool) -> str:
    drawn = f"; the {MOST_OUTAGES:,} with the most events are drawn"
    top = "; the most affected clients are at the top" if names_clients(table[CLIENT]) else ""
    rows = " Clients that share a row are neighbours in the list of clients."
    return (
        f"{_silences(table)}{drawn if len(table) > MOST_OUTAGES else ''}. A line is a silence, the "
        f"bar at its end the burst{top}.{'' if are_clients else rows}"
    )


def _silences(table: pd.DataFrame) -> str:
    """Return how many silences they are, and of how many clients where a field names those."""
    clients = table[CLIENT].unique()
    of = f" of {counted(len(clients), 'client')}" if names_clients(clients) else ""
    return f"{counted(len(table), 'silence')}{of}"
