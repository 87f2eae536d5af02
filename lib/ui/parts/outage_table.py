"""The table of outages; selecting one makes its stretch the time window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import streamlit as st

from lib.analysis import outages
from lib.analysis.findings import outage_sentence, window_around
from lib.charts.rows import shown_name
from lib.core.columns import CLIENT, LAST_HEARD, LOST, SESSION
from lib.core.formatting import duration
from lib.core.tickets import Ticket
from lib.events.client_names import written
from lib.events.table import TimeDomain, names_clients
from lib.ui import parameters
from lib.ui.inputs.client_filter import only_clients
from lib.ui.inputs.time_window import show_stretch
from lib.ui.links import copy_for_ticket, link_to
from lib.ui.parts.findings import shown
from lib.ui.record_links import open_records
from lib.ui.show import clock_name, shown_times, time_column, with_times_shown
from lib.ui.tables import MOST_ROWS, WholeTable, by_session, show_table, weakly

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.analysis.analyse import Analysis
    from lib.core.moments import Times
    from lib.ui.inputs.time_window import Stretch

ZOOMS: Final = "Select a row of the table to zoom to it."
"""What is said below a timeline that has the table below it."""

_TIMES: Final = (outages.START, LAST_HEARD, outages.BACK_AT, outages.BURST_END)


def outage_table(
    table: pd.DataFrame,
    every: pd.DataFrame,
    times: Times,
    topic: str,
    analysis: Callable[[], Analysis],
) -> None:
    """Show rows of the result of `lib.analysis.outages.outages`; a selected one zooms to it.

    Those that touch the most events come first.

    Parameters
    ----------
    table, every
        Some of the rows, of all of them.
    topic
        What it is called.
    analysis
        Returns what was found in all of it.
    """
    most = _most_affected(table)
    first = table.loc[most[:MOST_ROWS]]
    chosen = show_table(
        _readable(first, times),
        whole=WholeTable(
            "the outages",
            f"{topic}-outages.csv",
            len(table),
            weakly(lambda every: with_times_shown(every.loc[most], _TIMES, times), every),
        ),
        order="those that touch the most events first",
        config={name: time_column(times, "Received time") for name in _heads(times)},
        alt="Outages with their silence, events held back and burst",
        key=parameters.OUTAGE_TABLE,
        on_select=lambda: _zoom(first, times.zero_ms),
        selection_mode="single-row",
    )
    if chosen.selection.rows and chosen.selection.rows[0] < len(first):
        outage = first.iloc[chosen.selection.rows[0]]
        with st.container(horizontal=True):
            open_records("this outage", only_clients, outage[CLIENT])
            _copy(outage, times, topic, analysis())


def _most_affected(table: pd.DataFrame) -> pd.Index:
    """Return the index of outages, those that touch the most events first."""
    touched = table[outages.HELD_BACK] + table[LOST]
    return touched.sort_values(ascending=False, kind="stable").index


def choose_silences() -> tuple[list[str], float]:
    """Draw which kinds of silences are shown, and from which multiple of a client's limit on.

    Returns both.
    """
    with st.container(horizontal=True, vertical_alignment="top"):
        kinds = st.pills(
            "Kinds",
            [outages.BUFFERED, outages.MOSTLY_LOST, outages.QUIET],
            default=[outages.BUFFERED, outages.MOSTLY_LOST],
            selection_mode="multi",
            key=parameters.KINDS.name,
            bind="query-params",
            help="Which silences are shown. Buffered: their events came later in a burst. Mostly "
            "lost: most never came. Quiet: nothing happened.",
        )
        sensitivity = st.slider(
            "Outage threshold, × each client's own limit",
            0.25,
            10.0,
            parameters.SENSITIVITY.default,
            step=0.25,
            key=parameters.SENSITIVITY.name,
            bind="query-params",
            width=320,
            help="Each client's usual wait is learned, and with it a limit. 1: a wait beyond the "
            "limit is an outage. 2: only one that is twice as long. Below 1: shorter ones, too.",
        )
    return kinds, sensitivity


def say_no_outage(others: pd.DataFrame, sensitivity: float) -> None:
    """Say that there is no outage of the kinds that are shown, but `others`, if there are any."""
    kinds = others[outages.KIND].astype(str).value_counts()
    if len(kinds):
        listed = " and ".join(f"{number:,} {kind}" for kind, number in kinds.items())
        st.info(
            f"Of other kinds there {'are' if len(others) > 1 else 'is'} {listed}, in the window: "
            "choose them above.",
            title="No outage of these kinds.",
            icon=":material/filter_alt:",
        )
        return
    limit = "than its own rhythm lets expect"
    if sensitivity != 1:
        limit = f"than {sensitivity:g} × the limit that its own rhythm sets"
    st.success(
        f"No client shown came back from a silence longer {limit}, in the window.",
        title="No outage of these kinds.",
        icon=":material/check_circle:",
    )


def _copy(outage: pd.Series, times: Times, topic: str, analysis: Analysis) -> None:
    assert analysis.extent is not None  # or there were no outage
    extent = replace(analysis.extent, zone=times.zone)
    stretch = _stretch_of(outage, times.zero_ms)
    numbers = {
        "Topic": topic,
        "Client": shown_name(outage[CLIENT]),
        "Kind": str(outage[outages.KIND]),
        "Silence": _in_words(outage[outages.SILENCE]),
        "Events held back": f"{outage[outages.HELD_BACK]:,}",
        "Events lost": f"{outage[LOST]:,}",
        "Largest delay": _in_words(outage[outages.LARGEST_DELAY]),
        "Burst": _in_words(outage[outages.BURST_LENGTH]),
    }
    sentence = outage_sentence(outage.to_dict(), extent, analysis.told)
    link = link_to(shown(stretch, [written(outage[CLIENT])]), "Outages")
    ticket = Ticket(sentence, numbers, link)
    copy_for_ticket(lambda: ticket, parameters.ticket_key("outage"))


def _in_words(ms: object) -> str:
    return "not known" if pd.isna(ms) else duration(float(ms))  # type: ignore[arg-type, call-overload]


def rhythm_table(limits: pd.DataFrame, topic: str) -> None:
    """Show what each client's limit follows from: the result of `lib.analysis.outages.rhythm`."""
    st.markdown(
        "Every network makes events wait. Each client's usual wait is learned from all of its "
        "events in the topic; a wait far beyond what the topic makes of that is an outage. Waits "
        "are counted from each client's smallest delay, so a clock that is always wrong changes "
        "none; where a clock was set, from the smallest before and after."
    )
    show_table(
        _limits_in_words(limits.head(MOST_ROWS)),
        whole=WholeTable(
            "the limits", f"{topic}-limits.csv", len(limits), weakly(_limits_in_words, limits)
        ),
        height=260,
        alt="Each client's usual interval and wait, and the wait beyond which it is an outage",
    )


def _limits_in_words(limits: pd.DataFrame) -> pd.DataFrame:
    shown = limits.assign(**{CLIENT: limits[CLIENT].astype(object).map(shown_name)})
    for column in (outages.TYPICAL_INTERVAL, outages.TYPICAL_WAIT, outages.LIMIT):
        known = shown[column] > 1  # the least that is reckoned with, also where there is none
        shown[column] = (shown[column] / 1000).round(3).where(known)
    words = {
        CLIENT: "Client",
        outages.TYPICAL_INTERVAL: "Usual interval (s)",
        outages.TYPICAL_WAIT: "Usual wait (s)",
        outages.LIMIT: "Outage beyond a wait of (s)",
    }
    return shown.rename(columns=words).replace(np.inf, np.nan)


def _heads(times: Times) -> tuple[str, str]:
    """Return the heads of the columns of times."""
    return f"Last heard, {clock_name(times)}", f"Back at, {clock_name(times)}"


def _readable(table: pd.DataFrame, times: Times) -> pd.DataFrame:
    last_heard, back_at = _heads(times)
    readable = pd.DataFrame(
        {
            "Client": table[CLIENT].astype(object).map(shown_name),
            "Kind": table[outages.KIND].astype(str),
            last_heard: shown_times(table[LAST_HEARD], times),
            back_at: shown_times(table[outages.BACK_AT], times),
            "Silence (s)": table[outages.SILENCE].astype("Float64") / 1000,
            "Held back": table[outages.HELD_BACK],
            "Lost": table[LOST],
            "Largest delay (s)": table[outages.LARGEST_DELAY] / 1000,
            "Burst (s)": table[outages.BURST_LENGTH] / 1000,
            "Burst (events/s)": table[outages.BURST_RATE].round(1),
            "Shared outage": table[outages.SHARED_OUTAGE],
            "Session": table[SESSION].astype(object).map(shown_name),
        }
    )
    if not table[outages.SHARED_OUTAGE].notna().any():
        readable = readable.drop(columns="Shared outage")
    return readable if names_clients(table[CLIENT]) else by_session(readable)


def _zoom(table: pd.DataFrame, zero_ms: int) -> None:
    rows = st.session_state[parameters.OUTAGE_TABLE].selection.rows
    if rows:
        show_stretch(TimeDomain.RECEIVED, *_stretch_of(table.iloc[rows[0]], zero_ms))


def _stretch_of(outage: pd.Series, zero_ms: int) -> Stretch:
    known = not pd.isna(outage[LAST_HEARD])
    start = int(outage[LAST_HEARD if known else outages.START]) - zero_ms
    end = int(outage[outages.BURST_END]) - zero_ms
    return window_around(start, end)
