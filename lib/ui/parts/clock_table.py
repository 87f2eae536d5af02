"""Clients' clocks, and what leaving one out or correcting it would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.analysis import client_clocks
from lib.charts.rows import shown_name
from lib.core.columns import CLIENT, DRIFT, EVENTS
from lib.core.formatting import counted, escaped_markdown
from lib.ui import parameters
from lib.ui.tables import MOST_ROWS, WholeTable, quantiles_in_words, show_table, weakly, yes

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from lib.analysis.analyse import Analysis

_WORDS = {
    CLIENT: "Client",
    EVENTS: "Events",
    client_clocks.SMALLEST_DELAY: "Smallest delay (ms)",
    client_clocks.CLOCK_OFFSET: "Clock ahead by (ms)",
    DRIFT: "Drift (ppm)",
    client_clocks.FUTURE: "Received before they happened",
    client_clocks.WRONG: "Wrong",
}


def clock_table(
    analysis: Analysis, topic: str, effect_of: Callable[[object], pd.DataFrame]
) -> None:
    """Show the clocks of a whole topic; a chosen client's effect on the topic below.

    Parameters
    ----------
    analysis
        What was found in the topic.
    topic
        What it is called.
    effect_of
        Returns what `client_clocks.effect` does, of a client.
    """
    table, at_times = analysis.clocks, analysis.off_at_times
    wrong = int((table[client_clocks.WRONG] & ~at_times).sum())
    st.caption(
        f"Of the whole topic. {_of_all(wrong, len(table))}"
        f"{_at_times(int(at_times.sum()), len(table))}. A clock is judged by its client's smallest "
        "delays against those of the typical client, not by the clock of received times: the "
        "network never takes less than its minimum. Below zero: the clock is behind. Choose a "
        "client to see what it does to the topic's out-of-orderness."
    )
    furthest = table[client_clocks.CLOCK_OFFSET].abs().sort_values(ascending=False).index
    first = furthest[:MOST_ROWS]
    chosen = show_table(
        _in_words(analysis, first),
        whole=WholeTable(
            "the clocks",
            f"{topic}-clocks.csv",
            len(table),
            weakly(lambda analysis: _in_words(analysis, furthest), analysis),
        ),
        order="the furthest off first",
        height=260,
        alt="Each client's clock: offset, drift, and whether it is wrong",
        key=parameters.CLOCK_TABLE,
        on_select="rerun",
        selection_mode="single-row",
    )
    rows = chosen.selection.rows
    if rows and rows[0] < len(first):
        client = table[CLIENT].loc[first[rows[0]]]
        name = shown_name(client)
        st.markdown(f"**Out-of-orderness of the topic, client {escaped_markdown(name)}**")
        show_table(quantiles_in_words(effect_of(client)), alt=f"What client {name} does")


def _of_all(wrong: int, clocks: int) -> str:
    """Return how many clocks are wrong: of several, clients' times, which may share a clock."""
    if clocks == 1:
        return f"The only clock is {'' if wrong else 'not '}found to be wrong"
    if wrong > 1:
        return f"The times of {wrong:,} of {clocks:,} clients are off"
    return f"{f'1 of {clocks:,} clocks' if wrong else 'No clock'} is wrong"


def _at_times(some: int, clocks: int) -> str:
    if not some:
        return ""
    who = "it" if clocks == 1 else counted(some, "clock")
    were, are = ("was", "is") if some == 1 else ("were", "are")
    return f" all the time; {who} {were} set meanwhile, or {are} ahead at times"


def _in_words(analysis: Analysis, rows: pd.Index) -> pd.DataFrame:
    clocks, at_times = analysis.clocks.loc[rows], analysis.off_at_times[rows]
    shown = clocks.assign(
        **{
            CLIENT: clocks[CLIENT].astype(object).map(shown_name),
            client_clocks.WRONG: yes(clocks[client_clocks.WRONG]).mask(at_times, "at times"),
        }
    )
    return shown[list(_WORDS)].rename(columns=_WORDS).round({"Clock ahead by (ms)": 1})
