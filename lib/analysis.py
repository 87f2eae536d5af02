"""Everything that is asked once of a loaded topic: why its events are late."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.clocks import clocks, lower_edges
from lib.columns import CLIENT
from lib.completeness import are_running, completeness, number_steps, numbering_start
from lib.delays import (
    delay_distribution,
    delay_over_time,
    delay_quantiles,
    out_of_orderness_quantiles,
)
from lib.findings import Finding, findings
from lib.outages import outages_and_rhythm
from lib.trust import Verdict, judge

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Analysis:
    """The answers; each table as the function of its name describes it.

    Attributes
    ----------
    trust
        `trust.judge`.
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
        `completeness.completeness`; None where events carry no running numbers.
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
        finding_edges = other.submit(lower_edges, events)
        steps = number_steps(events)
        edges = finding_edges.result()
        finding_outages = other.submit(outages_and_rhythm, events, edges=edges, steps=steps)
        verdict, clock_table = judge(events), clocks(events, edges=edges)
        sessions = None
        if are_running(steps):
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
