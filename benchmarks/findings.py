"""How well outages, clocks and lost events are found, against the simulator's truth.

`python -m benchmarks.findings [--topics 250] [--seed 1]` simulates topics of every kind, a fifth
of them clean, reads them as the app does and prints what was found of what there was.

What is asked for:

- An outage that happened is one that held back or lost an event and whose session was heard
  again. It is distinguishable if it made an event wait longer than the network made any other
  event of the topic wait, or lost more events in a row than independent losses do anywhere in the
  topic. Recall is over the distinguishable ones; that over all that happened is printed beside it.
- Found means: same client, and both ends of the silence, last heard and back at, within one
  typical (median) event interval of the client. The topic cannot tell more: between the last event
  heard and the first held back, nothing says when the network went. How often the estimated start
  is within one typical interval of the true one, or within the one in which the network went, is
  printed beside it.
- Precision is over everything reported as buffered or lost.
- A clock's offset is compared at the moment it is reported for.

Half as many other topics, with sent times and a collector, say how well delay is taken apart
(`benchmarks.delay_parts`). A tenth as many of each situation of the real world say how findings
hold there (`benchmarks.situations`).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import delay_parts, situations
from benchmarks.delay_parts import PartScores
from lib.analysis.analyse import Analysis, analyse
from lib.analysis.client_clocks import CLOCK_OFFSET, MEASURED_AT
from lib.analysis.completeness import DUPLICATES
from lib.analysis.outages import BACK_AT, KIND, QUIET, START
from lib.core.columns import CLIENT, EVENT_TIME, LAST_HEARD, LOST, RECEIVED_TIME, SEQUENCE, SESSION
from lib.decoding.json import JSON
from lib.events.fields import Fields
from lib.events.table import build_events
from lib.simulate import Scenario, Simulation, simulate

Bools = npt.NDArray[np.bool_]

PRECISION = RECALL = 0.97
CLOCKS_WITHIN = CLEAN_WITHOUT = 0.95
CLOCK_MARGIN_MS = 5
CLEAN_EVERY = 5
PARTS_EVERY = 2
SITUATIONS_EVERY = 10


@dataclass(frozen=True)
class Scores:
    """What was found in topics: tables with one row an outage, a report, a client, a session."""

    outages: pd.DataFrame
    reports: pd.DataFrame
    clocks: pd.DataFrame
    sessions: pd.DataFrame


def scenario(seed: int, *, clean: bool) -> Scenario:
    """Draw a topic: quiet and busy clients, every rhythm and network; trouble unless clean."""
    rng = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    clients = round(between(4, 200))
    sessions = clients * int(rng.integers(1, 8))
    intervals = [(0.2, 2.0), (0.5, 30.0), (10.0, 60.0)]
    troubled = 0.0 if clean else 1.0
    return Scenario(
        seed=seed,
        clients=clients,
        sessions=sessions,
        events=min(int(sessions * between(20, 300)), 60_000),
        interval_s=intervals[rng.integers(3)],
        rhythm=(("regular", "random", "bursty")[rng.integers(3)]),
        concurrent=int(rng.choice([1, 1, 1, 2])),
        delay_ms=between(1, 50),
        jitter=(("uniform", "gamma", "lognormal", "pareto")[rng.integers(4)]),
        jitter_ms=between(2, 60),
        in_order=bool(rng.random() < 0.7),
        disorder_share=rng.uniform(0, 0.01) if rng.random() < 0.2 else 0.0,
        disorder_ms=between(50, 500),
        partitions=int(rng.integers(1, 7)),
        keys=bool(rng.random() < 0.5),
        outage_share=troubled * rng.uniform(0, 0.3),
        outage_s=(5.0, 1_800.0),
        unbuffered_share=float(rng.choice([0.0, 0.3])),
        shared_outages=int(troubled * rng.choice([0, 0, 1])),
        quiet_share=troubled * rng.uniform(0, 0.1),
        clock_share=troubled * rng.uniform(0, 0.3),
        clock_drift_ppm=float(rng.choice([0.0, 100.0])),
        lost_share=troubled * rng.choice([0.0, rng.uniform(0, 0.02)]),
        duplicate_share=troubled * rng.choice([0.0, rng.uniform(0, 0.02)]),
    )


def read(simulation: Simulation) -> pd.DataFrame:
    """Return the events table of a simulated topic, by way of its records."""
    blocks = [JSON.decode(batch).columns for batch in simulation.batches()]
    return build_events(blocks, Fields()).table


def true_delays(simulation: Simulation, events: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return each event's delay by the true clock, ms."""
    start = simulation.scenario.start_ms
    clocks = simulation.truth.clocks.to_pandas().set_index("client").loc[events[CLIENT]]
    on_clock = events[EVENT_TIME].to_numpy() - start
    drift = clocks["drift_ppm"].to_numpy() * 1e-6
    happened = start + (on_clock - clocks["offset_ms"].to_numpy()) / (1 + drift)
    delays: npt.NDArray[np.float64] = events[RECEIVED_TIME].to_numpy() - happened
    return delays


def true_outages(simulation: Simulation, events: pd.DataFrame) -> pd.DataFrame:
    """Return the outages that happened.

    The truth's columns and `back`, when the session was heard again; `interval`, typical of the
    client, and `cut`, the one in which the network went, ms; `distinguishable`.
    """
    first = events[~events.duplicated([SESSION, SEQUENCE])]
    received = first[RECEIVED_TIME].to_numpy(np.float64)
    delay = true_delays(simulation, first)
    happened = received - delay
    rows = first.groupby(SESSION, observed=True).indices
    network = np.ones(len(first), np.bool_)
    table = simulation.truth.outages.to_pandas()
    seen = []
    for outage in table.to_dict("records"):
        own = rows.get(outage["session"], np.empty(0, np.int64))
        start, end = outage["start_ms"], outage["end_ms"]
        since = happened[own] > start - 1
        held = own[since & (happened[own] < end + 1)] if outage["held_back"] else own[:0]
        back = received[own[received[own] >= end]].min(initial=np.inf)
        # What queues behind the burst is late by the outage as well.
        flushed = end if np.isnan(outage["burst_end_ms"]) else outage["burst_end_ms"]
        network[own[since & (happened[own] <= flushed)]] = False
        cut = happened[own[since]].min(initial=np.inf) - happened[own[~since]].max(initial=-np.inf)
        seen.append((delay[held].max(initial=0.0), back, cut))
    wait, back, cut = np.array(seen).reshape(-1, 3).T
    table = table.assign(back=back, cut=cut, interval=table["client"].map(_intervals(first)))
    waited = wait > delay[network].max(initial=0.0)
    lost = (table["lost"] > _longest_by_chance(simulation.scenario, len(events))).to_numpy()
    table["distinguishable"] = waited | lost
    happened_at_all = (table["held_back"] + table["lost"] > 0) & np.isfinite(back)
    kept: pd.DataFrame = table[happened_at_all].reset_index(drop=True)
    return kept


def _longest_by_chance(topic: Scenario, events: int) -> float:
    """Return how many events in a row independent losses take with a chance of 1 %; one, at least.

    A single missing event is a lost event: nothing tells that an outage took it.
    """
    return float(np.log(0.01 / events) / np.log(topic.lost_share)) if topic.lost_share else 1.0


def _intervals(first: pd.DataFrame) -> pd.Series[float]:
    """Return each client's median event interval inside its sessions, ms."""
    ordered = first.sort_values(EVENT_TIME)
    between = ordered.groupby(SESSION, observed=True)[EVENT_TIME].diff()
    return between.groupby(ordered[CLIENT], observed=True).median()


def score_outages(
    simulation: Simulation, events: pd.DataFrame, analysis: Analysis
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the true outages with what was found of them, and the reports with `true`."""
    truth = true_outages(simulation, events)
    reports = analysis.outages[analysis.outages[KIND] != QUIET].reset_index(drop=True)
    client, kind = reports[CLIENT].to_numpy(np.int64), reports[KIND].astype(str).to_numpy()
    heard = reports[LAST_HEARD].to_numpy(np.float64, na_value=np.nan)
    back, start = reports[BACK_AT].to_numpy(), reports[START].to_numpy()
    true = np.zeros(len(reports), np.bool_)
    marks = []
    for outage in truth.to_dict("records"):
        near = np.nanmax((outage["interval"], 1.0))
        match = (client == outage["client"]) & (np.abs(back - outage["back"]) <= near)
        last = np.float64(outage["last_heard_ms"])
        if np.isnan(last):  # the session's; its client may have been heard before
            match &= np.isnan(heard) | (heard <= outage["start_ms"] + near)
        else:
            match &= np.abs(heard - last) <= near
        true |= match
        off = np.abs(start[match] - float(outage["start_ms"])).min(initial=np.inf)
        right = (kind[match] == outage["kind"]).any()
        marks.append((match.any(), right, off <= near, off <= max(near, outage["cut"])))
    columns = ["found", "kind_right", "start_near", "start_in_cut"]
    scored = pd.DataFrame(np.array(marks, np.bool_).reshape(-1, len(columns)), columns=columns)
    return truth.join(scored), reports.assign(true=true)


def score_clocks(simulation: Simulation, analysis: Analysis) -> pd.DataFrame:
    """Return each client's error of offset, ms, and whether it is `near` enough."""
    found, topic = analysis.clocks, simulation.scenario
    clocks = simulation.truth.clocks.to_pandas().set_index("client").loc[found[CLIENT]]
    since_start = found[MEASURED_AT].to_numpy() - topic.start_ms
    offset = clocks["offset_ms"].to_numpy() + clocks["drift_ppm"].to_numpy() * 1e-6 * since_start
    error = np.abs(found[CLOCK_OFFSET].to_numpy() - offset)
    return pd.DataFrame({"error": error, "near": error <= topic.delay_ms + CLOCK_MARGIN_MS})


def score_sessions(simulation: Simulation, analysis: Analysis) -> pd.DataFrame:
    """Return the true and the found number of lost and duplicate events of each session."""
    sessions = analysis.sessions
    if sessions is None:
        return pd.DataFrame()
    truth = simulation.truth
    lost = truth.lost.to_pandas().groupby("session").size()
    twice = truth.duplicates.to_pandas().groupby("session").size()
    names = sessions[SESSION].astype(str)
    lost_right = sessions[LOST] == names.map(lost).fillna(0)
    twice_right = sessions[DUPLICATES] == names.map(twice).fillna(0)
    return pd.DataFrame(
        {
            "lost": names.map(lost).fillna(0),
            "duplicates": names.map(twice).fillna(0),
            "exact": lost_right & twice_right,
        }
    )


def score(seeds: range) -> Scores:
    """Simulate and analyse troubled topics, and compare with their truth."""
    parts = []
    for seed in seeds:
        simulation = simulate(scenario(seed, clean=False))
        events = read(simulation)
        analysis = analyse(events)
        parts.append(
            (
                *score_outages(simulation, events, analysis),
                score_clocks(simulation, analysis),
                score_sessions(simulation, analysis),
            )
        )
    return Scores(*(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True)))


def score_parts(seeds: range) -> PartScores:
    """Simulate topics with sent times and a collector, take their delay apart, and compare."""
    parts = []
    for seed in seeds:
        simulation = simulate(delay_parts.scenario(seed))
        events = delay_parts.with_roles(read(simulation))
        scores = delay_parts.score(simulation, events, analyse(events))
        parts.append(tuple(vars(scores).values()))
    return PartScores(
        *(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    )


def clean_topics(seeds: range) -> list[list[str]]:
    """Return the sentences found in each of the clean topics."""
    analyses = [analyse(read(simulate(scenario(seed, clean=True)))) for seed in seeds]
    return [[finding.sentence for finding in analysis.findings] for analysis in analyses]


def main() -> None:
    """Print the figures and which bars they reach."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--topics", type=int, default=250, help="how many; a fifth are clean")
    parser.add_argument("--seed", type=int, default=1, help="of the first topic")
    chosen = parser.parse_args()
    clean = chosen.topics // CLEAN_EVERY
    began = time.perf_counter()
    scores = score(range(chosen.seed, chosen.seed + chosen.topics - clean))
    first_clean = chosen.seed + chosen.topics
    sentences = clean_topics(range(first_clean, first_clean + clean))
    report(scores, sentences)
    count = chosen.topics // PARTS_EVERY
    delay_parts.report(score_parts(range(chosen.seed, chosen.seed + count)), _line)
    of_each = max(chosen.topics // SITUATIONS_EVERY, 1)
    situations.report(range(chosen.seed, chosen.seed + of_each), read)
    print(f"\n{chosen.topics} topics in {time.perf_counter() - began:.0f} s")


def report(scores: Scores, sentences: list[list[str]]) -> None:
    """Print what was found of what there was."""
    outages, reports = scores.outages, scores.reports
    clear = outages[outages["distinguishable"]]
    print(f"Outages: {len(outages):,} happened, {len(clear):,} of them distinguishable")
    _line("precision", reports["true"].mean(), PRECISION, f"of {len(reports):,} reports")
    _line("recall", clear["found"].mean(), RECALL, "of the distinguishable")
    _line("recall of all", outages["found"].mean(), None, "of all that happened")
    found = clear[clear["found"]]
    _line("kind", found["kind_right"].mean(), None, "right, of those found")
    _line("start", found["start_near"].mean(), None, "within one typical interval")
    _line("start, cut", found["start_in_cut"].mean(), None, "or within the interval cut in two")
    for kind, group in clear.groupby("kind"):
        _line(f"recall, {kind}", group["found"].mean(), None, f"of {len(group):,}")
    clocks, sessions = scores.clocks, scores.sessions
    print(f"Clocks: {len(clocks):,} clients, median error {clocks['error'].median():.1f} ms")
    _line("offset near", clocks["near"].mean(), CLOCKS_WITHIN, "within minimum delay + 5 ms")
    lost, twice = int(sessions["lost"].sum()), int(sessions["duplicates"].sum())
    print(f"Completeness: {len(sessions):,} sessions, {lost:,} lost and {twice:,} duplicate events")
    _line("exact", sessions["exact"].mean(), 1.0, "of the sessions")
    print(f"Clean: {len(sentences)} topics")
    _line("no finding", np.mean([not topic for topic in sentences]), CLEAN_WITHOUT, "of them")
    for topic in sentences:
        for sentence in topic:
            print(f"    {sentence}")


def _line(name: str, value: float | np.floating, bar: float | None, of: str) -> None:
    verdict = "" if bar is None else f"  bar {bar:.2f}: {'met' if value >= bar else 'MISSED'}"
    print(f"  {name:<18}{value:8.4f}  {of}{verdict}")


if __name__ == "__main__":
    main()
