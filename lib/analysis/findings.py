"""What stands out in a topic, in plain sentences with their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from lib.analysis import client_clocks, completeness, outages
from lib.analysis.timestamp_quality import Trust
from lib.core.columns import CLIENT, EVENT_TIME, EVENT_TIME_0, RECEIVED_TIME_0
from lib.core.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from lib.analysis.timestamp_quality import Verdict

Page = Literal["Overview", "Sessions", "Delay", "Outages"]
Kind = Literal[
    "timestamps", "shared outage", "outage", "lost outage", "clock", "lost", "duplicates"
]

NOTHING: Final = "Nothing stands out."
MOST: Final = 20
"""Findings of a topic, at most."""
MARGIN: Final = 0.1
"""What is shown before and after a stretch, as a share of its length."""


@dataclass(frozen=True)
class Extent:
    """When a topic's events were received, and which moment is zero.

    Attributes
    ----------
    zero_ms
        Epoch ms at which both normalized times are 0.
    start_s, end_s
        First and last received time, seconds since zero.
    """

    zero_ms: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Finding:
    """A sentence that matters, and where to see it.

    Attributes
    ----------
    sentence
        What happened, with its numbers; times in seconds since zero, by the clock of received
        time. Plain text without any markup, in which names stand as the topic gives them: who
        shows it as Markdown or HTML escapes it as a whole.
    events
        How many events it touches.
    kind
        What it is about.
    page
        The page that shows it.
    start_s, end_s
        The window to show, seconds since zero, by the clock of received time.
    clients
        Whom it concerns; empty: the whole topic.
    """

    sentence: str
    events: int
    kind: Kind
    page: Page
    start_s: float
    end_s: float
    clients: tuple[object, ...] = ()


def findings(
    extent: Extent,
    verdict: Verdict,
    outage_table: pd.DataFrame,
    clock_table: pd.DataFrame,
    session_table: pd.DataFrame | None,
) -> list[Finding]:
    """Return what stands out, the findings that touch most events first.

    Parameters
    ----------
    extent
        `extent_of` the events.
    verdict, outage_table, clock_table, session_table
        What `assess_timestamps`, `outages_of`, `clocks` and `completeness` say of them; the last is
        None where events carry no sequence numbers.

    Returns
    -------
    list of Finding
        At most `MOST`; empty where nothing stands out. Quiet stretches and clocks that are not
        wrong are no findings.
    """
    found = [
        *_of_timestamps(verdict, extent),
        *_of_outages(outage_table, extent.zero_ms),
        *_of_clocks(clock_table, extent),
        *_of_sessions(session_table, extent),
    ]
    return sorted(found, key=lambda finding: -finding.events)[:MOST]


def extent_of(events: pd.DataFrame) -> Extent:
    """Return when the events of a table, at least one, were received, and its zero."""
    received = events[RECEIVED_TIME_0]
    since_zero = round(float(events[EVENT_TIME_0].iloc[0]) * 1000)
    zero_ms = int(events[EVENT_TIME].iloc[0]) - since_zero
    return Extent(zero_ms, float(received.min()), float(received.max()))


def around(start: float, end: float) -> tuple[float, float]:
    """Return the window to show for a stretch, in seconds; both given in ms since zero."""
    margin = MARGIN * (end - start)
    return float(np.round((start - margin) / 1000, 3)), float(np.round((end + margin) / 1000, 3))


def _of_timestamps(verdict: Verdict, extent: Extent) -> Iterator[Finding]:
    if verdict.trust is Trust.LITTLE:
        yield Finding(
            verdict.sentence,
            verdict.events,
            "timestamps",
            "Overview",
            extent.start_s,
            extent.end_s,
        )


def _of_outages(table: pd.DataFrame, zero_ms: int) -> Iterator[Finding]:
    """Yield the outages that touch most events; a shared outage is one finding."""
    table = table[table[outages.KIND] != outages.QUIET]
    touched = table[outages.HELD_BACK] + table[outages.LOST]
    shared_outage = table[outages.SHARED_OUTAGE]
    own = shared_outage.isna()
    for row in table.loc[touched[own].nlargest(MOST).index].to_dict("records"):
        yield _outage(row, zero_ms)
    largest = touched[~own].groupby(shared_outage[~own]).sum().nlargest(MOST)
    for number in largest.index:
        yield _shared_outage(table[(shared_outage == number).fillna(False)], zero_ms)


def _outage(row: dict[Hashable, Any], zero_ms: int) -> Finding:
    held, lost = int(row[outages.HELD_BACK]), int(row[outages.LOST])
    unheard = pd.isna(row[outages.LAST_HEARD])
    start = int(row[outages.START] if unheard else row[outages.LAST_HEARD]) - zero_ms
    back, end = int(row[outages.BACK_AT]) - zero_ms, int(row[outages.BURST_END]) - zero_ms
    silent = f"Client {row[CLIENT]} was silent for {_seconds(back - start)} from {_moment(start)}"
    if unheard:
        silent = f"Client {row[CLIENT]} was not heard until {_moment(back)}"
    if not held:
        sentence = f"{silent}; {counted(lost, 'event')} of that time never arrived."
    else:
        burst = " in a burst" if held > 1 else ""
        sentence = f"{silent} and delivered {counted(held, 'event')}{burst} at {back / 1000:,.2f} s"
        sentence += f"; {lost:,} more never arrived." if lost else "."
    kind: Kind = "lost outage" if row[outages.KIND] == outages.MOSTLY_LOST else "outage"
    return Finding(sentence, held + lost, kind, "Outages", *around(start, end), (row[CLIENT],))


def _shared_outage(rows: pd.DataFrame, zero_ms: int) -> Finding:
    clients = tuple(rows[CLIENT].unique().tolist())
    held, lost = int(rows[outages.HELD_BACK].sum()), int(rows[outages.LOST].sum())
    start, back = (int(rows[name].min()) - zero_ms for name in (outages.START, outages.BACK_AT))
    sentence = (
        f"{len(clients):,} clients were silent together for {_seconds(back - start)} from "
        f"{_moment(start)} and delivered {counted(held, 'event')} from {back / 1000:,.2f} s on"
    )
    sentence += f"; {lost:,} more never arrived." if lost else "."
    window = around(start, int(rows[outages.BURST_END].max()) - zero_ms)
    return Finding(sentence, held + lost, "shared outage", "Outages", *window, clients)


def _of_clocks(table: pd.DataFrame, extent: Extent) -> Iterator[Finding]:
    wrong = table[table[client_clocks.WRONG]].nlargest(MOST, client_clocks.EVENTS)
    for row in wrong.to_dict("records"):
        client, events = row[CLIENT], int(row[client_clocks.EVENTS])
        sentence = _clock(row, events)
        yield Finding(sentence, events, "clock", "Delay", extent.start_s, extent.end_s, (client,))


def _clock(row: dict[Hashable, Any], events: int) -> str:
    offset, drift = row[client_clocks.CLOCK_OFFSET], row[client_clocks.DRIFT]
    side = "ahead of" if offset > 0 else "behind"
    sentence = f"Client {row[CLIENT]}'s clock is {_seconds(abs(offset))} {side} the others'"
    if round(abs(drift)):  # 0 where no drift is established
        sentence += f" and {'gains' if drift > 0 else 'loses'} {abs(drift):,.0f} ppm"
    if future := int(row[client_clocks.FUTURE]):
        of = counted(events, "event")
        sentence += f": {future:,} of its {of} were received before they happened"
    return f"{sentence}."


def _of_sessions(table: pd.DataFrame | None, extent: Extent) -> Iterator[Finding]:
    if table is None:
        return
    topic = extent.start_s, extent.end_s
    lost = table[completeness.LOST].fillna(0)
    if lost.any():
        count, sessions = int(lost.sum()), counted(int((lost > 0).sum()), "session")
        numbers = "its number is" if count == 1 else "their numbers are"
        sentence = f"{counted(count, 'event')} of {sessions} never arrived: {numbers} missing."
        yield Finding(sentence, count, "lost", "Sessions", *topic)
    repeated = table[completeness.DUPLICATES].fillna(0)
    if repeated.any():
        count, sessions = int(repeated.sum()), counted(int((repeated > 0).sum()), "session")
        sentence = f"{counted(count, 'event')} in {sessions} came again: duplicates."
        yield Finding(sentence, count, "duplicates", "Sessions", *topic)


def _seconds(ms: float) -> str:
    """Return a length as "65 s", below ten seconds as "7.3 s", below one as "320 ms"."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:,.{1 if ms < 10_000 else 0}f} s"


def _moment(ms: float) -> str:
    """Return a time since zero as "1,212 s"."""
    return f"{ms / 1000:,.0f} s"
