"""All analyses that a loaded topic is asked for once: why its events are late."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.analysis.client_clocks import client_times, clocks_of, lower_envelopes
from lib.analysis.completeness import (
    are_sequence_numbers,
    completeness,
    number_steps,
    numbering_start,
)
from lib.analysis.delays import delay_quantiles, out_of_orderness_quantiles
from lib.analysis.findings import Finding, extent_of, findings
from lib.analysis.outages import outages_of
from lib.analysis.timestamp_quality import Verdict, assess_timestamps
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    SEQUENCE,
    SESSION,
)


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
    findings
        `findings.findings`; empty where nothing stands out.
    """

    timestamps: Verdict
    delay: pd.DataFrame
    out_of_orderness: pd.DataFrame
    outages: pd.DataFrame
    rhythm: pd.DataFrame
    clocks: pd.DataFrame
    sessions: pd.DataFrame | None
    findings: list[Finding]


def analyse(events: pd.DataFrame) -> Analysis:
    """Return all answers about an events table in **arrival order**."""
    # Outages take about as long as all else, and loops and sorts hold no lock: one thread each.
    with ThreadPoolExecutor(1) as other:
        times = client_times(events)
        finding_envelopes = other.submit(lower_envelopes, times)
        steps = number_steps(events)
        numbered = steps if are_sequence_numbers(steps) else None
        envelopes = finding_envelopes.result()
        finding_outages = other.submit(outages_of, events, envelopes, numbered)
        timestamps, clocks = assess_timestamps(events), clocks_of(times, envelopes)
        sessions = None
        if numbered is not None:
            sessions = completeness(events, steps, numbering_start(events))
        delay, out_of_orderness = delay_quantiles(events), out_of_orderness_quantiles(events)
        outages, rhythm = finding_outages.result()
    found = []
    if len(events):
        found = findings(extent_of(events), timestamps, outages, clocks, sessions)
    return Analysis(timestamps, delay, out_of_orderness, outages, rhythm, clocks, sessions, found)


def warm_up() -> None:
    """Compile the loops, or load them from numba's cache: the first analysis does not wait."""
    # With one client, events stay where they are, and loops see read-only arrays.
    for clients, unused in (("ababab", ["c"]), ("aaaaaa", [])):
        number = np.array([1, 1, 2, 2, 4, 2])
        event_time = np.array([0, 0, 2000, 3000, 1000, 3000])
        received = np.array([10, 20, 2010, 3010, 3020, 3030])
        client = pd.Categorical(list(clients), categories=[*sorted(set(clients)), *unused])
        analyse(
            pd.DataFrame(
                {
                    EVENT_TIME: event_time,
                    RECEIVED_TIME: received,
                    CLIENT: client,
                    SESSION: client,
                    SEQUENCE: pd.array(number, dtype="Int64"),
                    PARTITION: np.zeros(6, np.int32),
                    OFFSET: np.arange(6),
                    EVENT_TIME_0: event_time / 1000,
                    RECEIVED_TIME_0: received / 1000,
                }
            )
        )
