"""Everything that is asked once of a loaded topic: why its events are late."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.analysis.client_clocks import clocks, lower_envelopes
from lib.analysis.completeness import (
    are_sequence_numbers,
    completeness,
    number_steps,
    numbering_start,
)
from lib.analysis.delays import (
    delay_distribution,
    delay_over_time,
    delay_quantiles,
    out_of_orderness_quantiles,
)
from lib.analysis.findings import Finding, findings
from lib.analysis.outages import outages_and_rhythm
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
    trust
        `trust.assess_timestamps`.
    delay, delay_of_clients
        `delays.delay_quantiles` of the topic and of each client.
    delay_over_time, delay_distribution, out_of_orderness
        `delays.delay_over_time`, `delays.delay_distribution` of the topic,
        `delays.out_of_orderness_quantiles`.
    outages, rhythm
        `outages.outages` and `outages.rhythm`.
    clocks
        `clocks.clocks`.
    sessions
        `completeness.completeness`; None where events carry no sequence numbers.
    findings
        `findings.findings`; empty where nothing stands out.
    """

    trust: Verdict
    delay: pd.DataFrame
    delay_of_clients: pd.DataFrame
    delay_over_time: pd.DataFrame
    delay_distribution: pd.DataFrame
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
        finding_envelopes = other.submit(lower_envelopes, events)
        steps = number_steps(events)
        envelopes = finding_envelopes.result()
        finding_outages = other.submit(outages_and_rhythm, events, envelopes=envelopes, steps=steps)
        verdict, clock_table = assess_timestamps(events), clocks(events, envelopes=envelopes)
        sessions = None
        if are_sequence_numbers(steps):
            sessions = completeness(events, start=numbering_start(events), steps=steps)
        delay, delay_of_clients = delay_quantiles(events), delay_quantiles(events, by=CLIENT)
        over_time, distribution = delay_over_time(events), delay_distribution(events)
        out_of_orderness = out_of_orderness_quantiles(events)
        outage_table, rhythm = finding_outages.result()
    return Analysis(
        trust=verdict,
        delay=delay,
        delay_of_clients=delay_of_clients,
        delay_over_time=over_time,
        delay_distribution=distribution,
        out_of_orderness=out_of_orderness,
        outages=outage_table,
        rhythm=rhythm,
        clocks=clock_table,
        sessions=sessions,
        findings=findings(events, verdict, outage_table, clock_table, sessions),
    )


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache, so that the first look is fast."""
    # Two clients' events are brought together; one's go into the loops as they are, read-only.
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
