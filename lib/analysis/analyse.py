"""All analyses that a loaded topic is asked for once: why its events are late."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis import delay_parts
from lib.analysis.client_clocks import (
    UNSTEADY,
    clocks_of,
    lower_envelopes,
    sent_times,
)
from lib.analysis.clock_steps import find_steady, steady_of_first_arrivals
from lib.analysis.completeness import completeness, losses
from lib.analysis.delays import delay_quantiles, out_of_orderness_quantiles
from lib.analysis.falling_behind import falling_behind
from lib.analysis.findings import NOTHING_ELSE, Extent, Finding, Told, extent_of, findings
from lib.analysis.gone import gone
from lib.analysis.impossible import impossible_times
from lib.analysis.outages import outages_of
from lib.analysis.received import has_received_time, unreceived
from lib.analysis.sequence_numbers import (
    NONE_REJECTED,
    Numbering,
    RejectedRecords,
    sequence_numbers,
)
from lib.analysis.shared_delay import find_shared_delay
from lib.analysis.stalls import stalls
from lib.analysis.timestamp_quality import Verdict, assess_timestamps
from lib.core.blockwise import alone
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    LOST,
    MISSING_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECORD_TIME,
    SENT_TIME,
    SEQUENCE,
    SESSION,
)

if TYPE_CHECKING:
    from lib.analysis.delay_parts import DelayParts


_NO_STEPS: Final = np.empty(0, np.int64)
"""What is kept of sequence numbers holds none for each event."""


@dataclass(frozen=True)
class Analysis:
    """The answers; each table as the function of its name describes it.

    Attributes
    ----------
    timestamps
        `timestamp_quality.assess_timestamps`.
    delay, out_of_orderness
        `delays.delay_quantiles` and `delays.out_of_orderness_quantiles`.
    outages, rhythm
        `outages.outages_of`.
    clocks
        `client_clocks.clocks`.
    sessions
        `completeness.completeness`; None where events carry no sequence numbers.
    numbering
        What sequence numbers count; None where events carry none.
    parts
        `delay_parts.delay_parts`; None where delay cannot be taken apart.
    findings
        `findings.findings`; empty where nothing stands out.
    extent, told
        What the findings say when, and what else they are found from; None where there is no event.
    """

    timestamps: Verdict
    delay: pd.DataFrame
    out_of_orderness: pd.DataFrame
    outages: pd.DataFrame
    rhythm: pd.DataFrame
    clocks: pd.DataFrame
    sessions: pd.DataFrame | None
    numbering: Numbering | None
    parts: DelayParts | None
    findings: list[Finding]
    extent: Extent | None = None
    told: Told = NOTHING_ELSE

    @property
    def lost(self) -> int:
        """How many events never arrived, by sequence numbers."""
        tables = [each for each in (self.sessions, self.told.losses) if each is not None]
        return sum(int(each[LOST].sum()) for each in tables)

    @property
    def off_at_times(self) -> pd.Series[bool]:
        """Which of the `clocks` have no one offset: they were set, or are ahead at times."""
        steps = self.told.steps
        was_set = self.clocks[CLIENT].isin([] if steps is None else steps[CLIENT])
        return (was_set | self.clocks[UNSTEADY]) & self.clocks[CLIENT].notna()

    @property
    def of_numbers(self) -> str:
        """What sequence numbers count, and which may be lost, in words; "" without any."""
        if self.numbering is None or self.told.numbers is None:
            return ""
        return f"{self.numbering.sentence} {self.told.numbers.doubt}".rstrip()

    def findings_in(self, zone: str | None) -> list[Finding]:
        """Return the findings with times in a zone; None: in seconds since zero."""
        if self.extent is None or self.extent.zone == zone:
            return self.findings
        extent = replace(self.extent, zone=zone)
        return findings(
            extent, self.timestamps, self.outages, self.clocks, self.sessions, self.told
        )


def analyse(
    events: pd.DataFrame,
    *,
    sessions_are_derived: bool = False,
    rejected: RejectedRecords = NONE_REJECTED,
) -> Analysis:
    """Return all answers about an events table in **arrival order**.

    What needs a received time is that of the events that have one, empty where none does; sequence
    numbers and buffering are those of all events.

    Parameters
    ----------
    events
        The events table.
    sessions_are_derived
        Whether sessions were derived by an inactivity gap: no number counts theirs.
    rejected
        Records of the topic that were rejected: what is missing may be among them.
    """
    # Outages take about as long as all else, and loops and sorts hold no lock: one thread each.
    with ThreadPoolExecutor(1) as other:
        known = has_received_time(events)
        heard = events if known is None else events[known]
        sent = sent_times(heard)
        finding_steps = other.submit(alone, find_steady(heard, sent))
        numbers = sequence_numbers(
            events, sessions_are_derived=sessions_are_derived, rejected=rejected
        )
        heard_numbers = numbers if numbers is None or known is None else numbers.of(known)
        set_clocks, any_set, steady, envelopes = alone(
            steady_of_first_arrivals(heard, heard_numbers, finding_steps.result())
        )
        finding_outages = other.submit(
            outages_of,
            steady,
            envelopes,
            heard_numbers,
            others=unreceived(events),
            sessions_are_derived=sessions_are_derived,
        )
        timestamps = assess_timestamps(events)
        if any_set or sent.shown is not sent.event_time:
            envelopes = lower_envelopes(sent)
        clocks = alone(clocks_of(heard, sent, envelopes))
        sessions = None
        if numbers is not None:
            sessions = completeness(events, numbers.steps, of_clients=numbers.gaps is None)
        delay, out_of_orderness = delay_quantiles(heard), out_of_orderness_quantiles(heard)
        taken_apart = delay_parts.take_apart(events)
        parts = delay_parts.delay_parts(events, taken_apart)
        gone_clients, impossible = gone(heard), impossible_times(heard, clocks)
        behind = falling_behind(heard)
        lost = None if numbers is None else losses(events, numbers)
        steps_told = set_clocks.table(sent)
        outages, rhythm = finding_outages.result()
    numbering = None if numbers is None else numbers.numbering
    answers = Analysis(
        timestamps, delay, out_of_orderness, outages, rhythm, clocks, sessions, numbering, parts, []
    )
    if events.empty:
        return answers
    told = Told(
        None if numbers is None else replace(numbers, steps=_NO_STEPS),
        rejected,
        parts,
        delay_parts.parts_of_outages(events, taken_apart, outages),
        steps_told,
        gone_clients,
        impossible,
        behind,
        lost,
        stalls(heard) if known is None else [],
    )
    return _with_findings(answers, events, told)


def _with_findings(of: Analysis, events: pd.DataFrame, told: Told) -> Analysis:
    extent = extent_of(events)
    found = findings(extent, of.timestamps, of.outages, of.clocks, of.sessions, told)
    return replace(of, findings=found, extent=extent, told=told)


def warm_up() -> None:
    """Compile the loops, or load them from numba's cache: the first analysis does not wait."""
    # With one client, events stay where they are, and loops see read-only arrays.
    for clients, unused in (("abababab", ["c"]), ("aaaaaaaa", [])):
        number = np.array([1, 1, 2, 2, 4, 2, 1, 1])  # the last ones restart
        event_time = np.array([0, 0, 2000, 3000, 1000, 3000, 4000, 4001])
        received = np.array([10, 20, 2010, 3010, 3020, 3030, 4010, 4020])
        client = pd.Categorical(list(clients), categories=[*sorted(set(clients)), *unused])
        events = pd.DataFrame(
            {
                EVENT_TIME: event_time,
                RECEIVED_TIME: received,
                CLIENT: client,
                SESSION: client,
                SEQUENCE: pd.array(number, dtype="Int64"),
                PARTITION: np.zeros(8, np.int32),
                OFFSET: np.arange(8),
                EVENT_TIME_0: event_time / 1000,
                RECEIVED_TIME_0: received / 1000,
            }
        )
        analyse(events)
        follow = pd.array([1, 1, 2, 2, 3, 3, 5, 5], dtype="Int64")
        analyse(events.assign(**{SEQUENCE: follow}))
        analyse(events.assign(**{SENT_TIME: event_time + 5, RECORD_TIME: received + 5}))
        alone(find_shared_delay(sent_times(pd.concat([events] * 40))))
        analyse(events.assign(**{RECEIVED_TIME: MISSING_TIME, RECEIVED_TIME_0: np.nan}))
        some = np.where(event_time == 1000, MISSING_TIME, received)
        analyse(events.assign(**{RECEIVED_TIME: some}))
