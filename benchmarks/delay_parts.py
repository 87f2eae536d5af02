"""How well delay is taken apart, against the simulator's truth; `benchmarks.findings` prints it.

- Buffering is exact if it is that of the truth, to the millisecond to which times are written and
  what the client's drift adds to it. An event that happened before its client's clock was set, and
  was sent after, has no buffering by one clock and is left out.
- The interval of a clock's offset holds if it contains the true one at the moment it is told for,
  in each stretch between steps. A client whose step was not found has no such offset: it misses.
- A part is named rightly if it was as long as the sentence says, by the truth, or at least 90 % of
  it, for as many events; a clock, if it is wrong or was set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from lib.analysis.clock_steps import AT, HIGH, LOW, MEASURED_AT, SIZE
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    FROM,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECORD_TIME,
    SENT_TIME,
    SEQUENCE,
    SESSION,
    TO,
)
from lib.simulate import Scenario, Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.analysis.analyse import Analysis
    from lib.analysis.findings import Finding

EXACT: Final = 1.0
CONTAINED = NAMED = 0.95
STEP_WITHIN_MS: Final = 1_000

_OF: Final = {"Half": 0.5, "1 in 10": 0.1, "1 in 100": 0.01}
_SAID: Final = re.compile(r"at least ((?:[\d.,]+ (?:ms|s|min|h|d)\b ?)+)")
_UNITS_MS: Final = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_COLUMN: Final = {"buffering": "buffering_ms", "network": "network_ms", "pipeline": "pipeline_ms"}


@dataclass(frozen=True)
class PartScores:
    """Tables with one row an event, a client, a true step, a found step, a sentence."""

    buffering: pd.DataFrame
    offsets: pd.DataFrame
    steps: pd.DataFrame
    found_steps: pd.DataFrame
    sentences: pd.DataFrame


def scenario(seed: int) -> Scenario:
    """Draw a topic with sent times and a collector, in which every part may be long."""
    rng = np.random.default_rng([seed, 10])

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def sometimes(high: float) -> float:
        return float(rng.choice([0.0, rng.uniform(0, high)]))

    clients = round(between(5, 60))
    return Scenario(
        seed=seed,
        clients=clients,
        sessions=clients * int(rng.integers(1, 4)),
        events=min(round(clients * between(60, 600)), 30_000),
        interval_s=(0.5, 20.0),
        rhythm=(("regular", "random", "bursty")[rng.integers(3)]),
        delay_ms=between(1, 200),
        jitter=(("uniform", "gamma", "lognormal", "pareto")[rng.integers(4)]),
        jitter_ms=between(2, 100),
        in_order=bool(rng.random() < 0.5),
        partitions=int(rng.integers(1, 4)),
        outage_share=sometimes(0.2),
        clock_share=sometimes(0.3),
        clock_drift_ppm=float(rng.choice([0.0, 100.0])),
        step_share=sometimes(0.2),
        zone_share=0.3,
        sent_times=True,
        upload_share=sometimes(0.3),
        quiet_share=sometimes(0.2),
        sleep_s=float(rng.choice([0.0, 30.0])),
        retry_share=sometimes(0.1),
        retries_keep_sent=bool(rng.random() < 0.5),
        slow_share=sometimes(0.2),
        slow_ms=between(2_000, 60_000),
        collector=True,
        pipeline_ms=between(1, 50),
        stalls=int(rng.choice([0, 0, 2])),
        duplicate_share=sometimes(0.01),
    )


def with_roles(events: pd.DataFrame) -> pd.DataFrame:
    """Return a simulated topic's events table with the collector's time as received time."""
    zero_s = (events[RECEIVED_TIME] - 1000 * events[RECEIVED_TIME_0]).iloc[0]
    collected = events["ReceivedAt"].to_numpy(np.int64)
    return events.assign(
        **{
            SENT_TIME: events["SentAt"].to_numpy(np.int64),
            RECORD_TIME: events[RECEIVED_TIME],
            RECEIVED_TIME: collected,
            RECEIVED_TIME_0: (collected - round(zero_s)) / 1000,
        }
    )


def score(simulation: Simulation, events: pd.DataFrame, analysis: Analysis) -> PartScores:
    """Compare what was told of the parts with the truth."""
    truth = _truth(simulation, events)
    offsets = _offsets(simulation, analysis)
    steps, found = _steps(simulation, analysis)
    said = [_judged(finding, simulation, truth) for finding in analysis.findings]
    sentences = pd.DataFrame(
        [row for row in said if row is not None], columns=["kind", "right", "sentence"]
    )
    return PartScores(_buffering(truth), offsets, steps, found, sentences)


def _truth(simulation: Simulation, events: pd.DataFrame) -> pd.DataFrame:
    """Return the true parts of each event of the table, its clock's drift and step."""
    keys = pd.DataFrame(
        {"session": events[SESSION].astype(str), "event_id": events[SEQUENCE].astype("int64")}
    )
    ways = simulation.truth.ways.to_pandas()
    truth = keys.merge(ways, how="left", on=["session", "event_id"])
    fastest = truth.groupby("client")["transit_ms"].transform("min")
    steps = simulation.truth.steps.to_pandas().set_index("client")
    clocks = simulation.truth.clocks.to_pandas().set_index("client")
    happened = truth["happened_ms"]
    step = truth["client"].map(steps["at_ms"])
    return truth.assign(
        found_ms=(events[SENT_TIME] - events[EVENT_TIME]).to_numpy(),
        network_ms=truth["transit_ms"] - fastest,
        pipeline_ms=(events[RECORD_TIME] - events[RECEIVED_TIME]).to_numpy(),
        drift_ppm=truth["client"].map(clocks["drift_ppm"]),
        by_two_clocks=(happened - 1 <= step) & (happened + truth["buffering_ms"] + 1 >= step),
    )


def _buffering(truth: pd.DataFrame) -> pd.DataFrame:
    one_clock = truth[~truth["by_two_clocks"]]
    error = (one_clock["found_ms"] - one_clock["buffering_ms"]).abs()
    by_drift = one_clock["drift_ppm"].abs() * 1e-6 * one_clock["buffering_ms"]
    return pd.DataFrame({"error": error, "exact": error <= 1 + by_drift})


def _offsets(simulation: Simulation, analysis: Analysis) -> pd.DataFrame:
    """Return, for each client, whether all intervals of its clock hold, and the widest."""
    assert analysis.parts is not None
    assert analysis.parts.clocks is not None
    found, start = analysis.parts.clocks, simulation.scenario.start_ms
    clocks = simulation.truth.clocks.to_pandas().set_index("client").loc[found[CLIENT]]
    steps = simulation.truth.steps.to_pandas().set_index("client").reindex(found[CLIENT])
    at, size = steps["at_ms"].to_numpy(), np.nan_to_num(steps["size_ms"].to_numpy())
    after = (found[FROM].to_numpy() + found[TO].to_numpy()) / 2 >= at
    since = found[MEASURED_AT].to_numpy() - start - np.where(after, size, 0)
    ahead = clocks["offset_ms"].to_numpy() + clocks["drift_ppm"].to_numpy() * 1e-6 * since
    truth = -ahead - np.where(after, size, 0)
    holds = (found[LOW].to_numpy() <= truth) & (truth <= found[HIGH].to_numpy())
    rows = pd.DataFrame({"client": found[CLIENT].astype(str), "holds": holds, "stretches": 1})
    rows["width"] = (found[HIGH] - found[LOW]).to_numpy()
    each = rows.groupby("client").agg({"holds": "all", "stretches": "sum", "width": "max"})
    set_once = each.index.isin(simulation.truth.steps.to_pandas()["client"].astype(str))
    return each.assign(holds=each["holds"] & (each["stretches"] == 1 + set_once))


def _steps(simulation: Simulation, analysis: Analysis) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the true steps with whether each was found, and the found with whether each is true.

    A true one counts if the client has at least 12 events on either side of it.
    """
    assert analysis.parts is not None
    assert analysis.parts.steps is not None
    truth, ways = simulation.truth.steps.to_pandas(), simulation.truth.ways.to_pandas()
    found = analysis.parts.steps.assign(client=analysis.parts.steps[CLIENT].astype("int64"))
    pairs = truth.merge(found, on="client")
    near = pairs[(pairs["size_ms"] - pairs[SIZE]).abs() <= STEP_WITHIN_MS]
    sent = ways["happened_ms"] + ways["buffering_ms"]
    after = sent >= ways["client"].map(truth.set_index("client")["at_ms"])
    sides = after.groupby(ways["client"]).agg(["sum", "size"]).reindex(truth["client"])
    fewest = np.minimum(sides["sum"], sides["size"] - sides["sum"]).to_numpy()
    true = truth.assign(found=truth["client"].isin(near["client"]), seen=fewest >= 12)
    right = found["client"].isin(near["client"])
    return true, pd.DataFrame({"right": right, "at": found[AT]})


def _judged(
    finding: Finding, simulation: Simulation, truth: pd.DataFrame
) -> tuple[str, bool, str] | None:
    """Return the part that a finding names, and whether rightly; None if it names none."""
    own = truth if not finding.clients else truth[truth["client"].isin(finding.clients)]
    if finding.kind in _COLUMN:
        said, words = _SAID.search(finding.sentence), finding.sentence.split(" of ")[0]
        assert said is not None
        parts = re.findall(r"([\d.,]+) (\w+)", said[1])
        stated = sum(float(number.replace(",", "")) * _UNITS_MS[unit] for number, unit in parts)
        as_long = (own[_COLUMN[finding.kind]] >= 0.9 * stated).mean()
        return finding.kind, bool(as_long >= 0.9 * _OF[words]), finding.sentence
    if finding.kind == "clock":
        clocks, steps = simulation.truth.clocks.to_pandas(), simulation.truth.steps.to_pandas()
        wrong = clocks[(clocks["offset_ms"] != 0) | clocks["client"].isin(steps["client"])]
        return "clock", bool(wrong["client"].isin(finding.clients).any()), finding.sentence
    kept = simulation.scenario.retries_keep_sent
    if "old when they were sent" in finding.sentence:
        return (
            "outage, before",
            not kept or bool(own["buffering_ms"].max() > 1000),
            finding.sentence,
        )
    if "had been sent up to" in finding.sentence:
        return "outage, after", kept or bool(own["network_ms"].max() > 1000), finding.sentence
    return None


def report(scores: PartScores, line: Callable[[str, float, float | None, str], None]) -> None:
    """Print what was told of the parts; `line` prints a figure with its bar."""
    buffering, offsets = scores.buffering, scores.offsets
    print(f"Buffering: {len(buffering):,} events, largest error {buffering['error'].max():.1f} ms")
    line("exact", buffering["exact"].mean(), EXACT, "to the ms and the drift")
    finite = offsets["width"].replace(np.inf, np.nan)
    print(f"Clock offsets: {len(offsets):,} clients, median width {finite.median():.0f} ms")
    line("interval holds", offsets["holds"].mean(), CONTAINED, "of the clients")
    seen, found = scores.steps[scores.steps["seen"]], scores.found_steps
    print(f"Clock steps: {len(scores.steps):,} happened, {len(seen):,} with 12 events around")
    line("steps found", seen["found"].mean(), None, "of those")
    line("steps right", found["right"].mean(), None, f"of {len(found):,} that were told")
    print(f"Named parts: {len(scores.sentences):,} sentences")
    line("part right", scores.sentences["right"].mean(), NAMED, "of them")
    for kind, rows in scores.sentences.groupby("kind"):
        line(str(kind), rows["right"].mean(), None, f"of {len(rows):,}")
