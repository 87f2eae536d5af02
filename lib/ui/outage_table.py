"""The table of outages; selecting one makes its stretch the time window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import streamlit as st

from lib.analysis import outages
from lib.analysis.findings import around
from lib.charts.rows import shown_name
from lib.core.columns import CLIENT, SESSION
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.client_filter import only_clients
from lib.ui.record_links import open_records
from lib.ui.show import clock_name, shown_times, time_column, with_times_shown
from lib.ui.tables import show_table
from lib.ui.time_window import show_stretch

if TYPE_CHECKING:
    from lib.ui.page import Visible

_TIMES: Final = (outages.START, outages.LAST_HEARD, outages.BACK_AT, outages.BURST_END)


def outage_table(table: pd.DataFrame, visible: Visible) -> None:
    """Show rows of the result of `lib.analysis.outages.outages`; a selected one zooms to it.

    Those that touch the most events come first.
    """
    touched = table[outages.HELD_BACK] + table[outages.LOST]
    table = table.loc[touched.sort_values(ascending=False, kind="stable").index]
    chosen = show_table(
        _readable(table, visible),
        config={name: time_column(visible, "Received time") for name in _heads(visible)},
        key=parameters.OUTAGE_TABLE,
        on_select=lambda: _zoom(table, visible),
        selection_mode="single-row",
        alt="Outages with their silence, events held back and burst",
    )
    if chosen.selection.rows and chosen.selection.rows[0] < len(table):
        client = table[CLIENT].iloc[chosen.selection.rows[0]]
        open_records("this outage", only_clients, client)
    st.download_button(
        "Download the outages",
        lambda: with_times_shown(table, _TIMES, visible).to_csv(index=False),
        file_name=f"{visible.topic.report.topic}-outages.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def rhythm_table(limits: pd.DataFrame) -> None:
    """Show what each client's limit follows from: the result of `lib.analysis.outages.rhythm`."""
    shown = limits.copy()
    shown[CLIENT] = shown[CLIENT].map(shown_name)
    for column in (outages.TYPICAL_INTERVAL, outages.TYPICAL_WAIT, outages.LIMIT):
        shown[column] = (shown[column] / 1000).round(3)
    words = {
        CLIENT: "Client",
        outages.TYPICAL_INTERVAL: "Usual interval (s)",
        outages.TYPICAL_WAIT: "Usual wait (s)",
        outages.LIMIT: "Outage beyond a wait of (s)",
    }
    show_table(
        shown.rename(columns=words).replace(np.inf, np.nan),
        height=260,
        alt="Each client's usual interval and wait, and the wait beyond which it is an outage",
    )


def _heads(visible: Visible) -> tuple[str, str]:
    """Return the heads of the columns of times."""
    return f"Last heard, {clock_name(visible)}", f"Back at, {clock_name(visible)}"


def _readable(table: pd.DataFrame, visible: Visible) -> pd.DataFrame:
    last_heard, back_at = _heads(visible)
    readable = pd.DataFrame(
        {
            "Client": table[CLIENT].map(shown_name).astype(str),
            "Kind": table[outages.KIND].astype(str),
            last_heard: shown_times(table[outages.LAST_HEARD], visible),
            back_at: shown_times(table[outages.BACK_AT], visible),
            "Silence (s)": table[outages.SILENCE].astype("Float64") / 1000,
            "Held back": table[outages.HELD_BACK],
            "Lost": table[outages.LOST],
            "Largest delay (s)": table[outages.LARGEST_DELAY] / 1000,
            "Burst (s)": table[outages.BURST_LENGTH] / 1000,
            "Burst rate (events/s)": table[outages.BURST_RATE].round(1),
            "Shared outage": table[outages.SHARED_OUTAGE],
            "Session": table[SESSION].map(shown_name).astype(str),
        }
    )
    return (
        readable
        if table[outages.SHARED_OUTAGE].notna().any()
        else readable.drop(columns="Shared outage")
    )


def _zoom(table: pd.DataFrame, visible: Visible) -> None:
    rows = st.session_state[parameters.OUTAGE_TABLE].selection.rows
    if not rows:
        return
    outage = table.iloc[rows[0]]
    known = not pd.isna(outage[outages.LAST_HEARD])
    start = int(outage[outages.LAST_HEARD if known else outages.START]) - visible.zero_ms
    end = int(outage[outages.BURST_END]) - visible.zero_ms
    show_stretch(TimeDomain.RECEIVED, *around(start, end))
