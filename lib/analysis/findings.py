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

NOTHING: Final = "Nothing stands out."
MOST: Final = 20
MARGIN: Final = 0.1
"""Of its length, shown before and after what a finding is about."""


@dataclass(frozen=True)
class Finding:
    """A sentence that matters, and where to see it.

    Attributes
    ----------
    sentence
        What happened, with its numbers; times in seconds since zero, on the received clock.
    events
        How many events it touches.
    kind
        "trust", "shared outage", "outage", "lost outage", "clock", "lost" or "duplicates".
    page
        The page that shows it.
    start_s, end_s
        The window to show, seconds since zero, on the received clock.
    clients
        Whom it concerns; empty: the whole topic.
    """

    sentence: str
    events: int
    kind: str
    page: Page
    start_s: float
    end_s: float
    clients: tuple[object, ...] = ()


def findings(
    events: pd.DataFrame,
    verdict: Verdict,
    outage_table: pd.DataFrame,
    clock_table: pd.DataFrame,
    session_table: pd.DataFrame | None,
    *,
    most: int = MOST,
) -> list[Finding]:
    """Return what stands out, the findings that touch most events first.

    Parameters
    ----------
    events
        The events table.
    verdict, outage_table, clock_table, session_table
        What `assess_timestamps`, `outages`, `clocks` and `completeness` say of it, each of the
        module of its name; the last is None where events carry no sequence numbers.
    most
        At most so many findings.

    Returns
    -------
    list of Finding
        Empty where nothing stands out. Quiet stretches and clocks that are not wrong are no
        findings.
    """
    if events.empty:
        return []
    topic = _window(events)
    found = [
        *_of_trust(verdict, topic),
        *_of_outages(outage_table, _zero(events), most),
        *_of_clocks(clock_table, topic, most),
        *_of_sessions(session_table, topic),
    ]
    return sorted(found, key=lambda finding: -finding.events)[:most]


def _zero(events: pd.DataFrame) -> int:
    """Return the epoch ms at which both normalized times are 0."""
    return int(events[EVENT_TIME].iloc[0]) - round(float(events[EVENT_TIME_0].iloc[0]) * 1000)


def _window(events: pd.DataFrame) -> tuple[float, float]:
    received = events[RECEIVED_TIME_0]
    return float(received.min()), float(received.max())


def _of_trust(verdict: Verdict, topic: tuple[float, float]) -> Iterator[Finding]:
    if verdict.trust is Trust.LITTLE:
        yield Finding(verdict.sentence, verdict.events, "trust", "Overview", *topic)


def _of_outages(table: pd.DataFrame, zero: int, most: int) -> Iterator[Finding]:
    """Yield those that touch most events; a shared outage is one finding."""
    table = table[table[outages.KIND] != outages.QUIET]
    touched = table[outages.HELD_BACK] + table[outages.LOST]
    shared_outage = table[outages.SHARED_OUTAGE]
    own = shared_outage.isna()
    for row in table.loc[touched[own].nlargest(most).index].to_dict("records"):
        yield _outage(row, zero)
    largest = touched[~own].groupby(shared_outage[~own]).sum().nlargest(most)
    for number in largest.index:
        yield _shared_outage(table[(shared_outage == number).fillna(False)], zero)


def _outage(row: dict[Hashable, Any], zero: int) -> Finding:
    held, lost = int(row[outages.HELD_BACK]), int(row[outages.LOST])
    unheard = pd.isna(row[outages.LAST_HEARD])
    start = int(row[outages.START] if unheard else row[outages.LAST_HEARD]) - zero
    back, end = int(row[outages.BACK_AT]) - zero, int(row[outages.BURST_END]) - zero
    silent = f"Client {row[CLIENT]} was silent for {_seconds(back - start)} from {_at(start)}"
    if unheard:
        silent = f"Client {row[CLIENT]} was not heard until {_at(back)}"
    if not held:
        sentence = f"{silent}; {counted(lost, 'event')} of that time never arrived."
    else:
        burst = " in a burst" if held > 1 else ""
        sentence = f"{silent} and delivered {counted(held, 'event')}{burst} at {back / 1000:,.2f} s"
        sentence += f"; {lost:,} more never arrived." if lost else "."
    kind = "lost outage" if row[outages.KIND] == outages.MOSTLY_LOST else "outage"
    return Finding(sentence, held + lost, kind, "Outages", *around(start, end), (row[CLIENT],))


def _shared_outage(rows: pd.DataFrame, zero: int) -> Finding:
    clients = tuple(rows[CLIENT].unique().tolist())
    held, lost = int(rows[outages.HELD_BACK].sum()), int(rows[outages.LOST].sum())
    start, back = int(rows[outages.START].min()) - zero, int(rows[outages.BACK_AT].min()) - zero
    sentence = (
        f"{len(clients):,} clients were silent together for {_seconds(back - start)} from "
        f"{_at(start)} and delivered {counted(held, 'event')} from {back / 1000:,.2f} s on"
    )
    sentence += f"; {lost:,} more never arrived." if lost else "."
    window = around(start, int(rows[outages.BURST_END].max()) - zero)
    return Finding(sentence, held + lost, "shared outage", "Outages", *window, clients)


def _of_clocks(table: pd.DataFrame, topic: tuple[float, float], most: int) -> Iterator[Finding]:
    wrong = table[table[client_clocks.WRONG]].nlargest(most, client_clocks.EVENTS)
    for row in wrong.to_dict("records"):
        offset, drift, events = (
            row[client_clocks.OFFSET],
            row[client_clocks.DRIFT],
            int(row[client_clocks.EVENTS]),
        )
        side = "ahead of" if offset > 0 else "behind"
        sentence = f"Client {row[CLIENT]}'s clock is {_seconds(abs(offset))} {side} the others'"
        if drift:
            sentence += f" and {'gains' if drift > 0 else 'loses'} {abs(drift):,.0f} ppm"
        if row[client_clocks.FUTURE]:
            future = int(row[client_clocks.FUTURE])
            sentence += (
                f": {future:,} of its {counted(events, 'event')} were received before they happened"
            )
        yield Finding(f"{sentence}.", events, "clock", "Delay", *topic, (row[CLIENT],))


def _of_sessions(table: pd.DataFrame | None, topic: tuple[float, float]) -> Iterator[Finding]:
    if table is None:
        return
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


def _at(ms: float) -> str:
    return f"{ms / 1000:,.0f} s"


def around(start: float, end: float) -> tuple[float, float]:
    """Return the window to show for a stretch, in seconds; both given in ms since zero."""
    margin = MARGIN * (end - start)
    return float(np.round((start - margin) / 1000, 3)), float(np.round((end + margin) / 1000, 3))
