"""How long the analyses take, and that they grow linearly with the events.

`python -m benchmarks.analyses [--repeat 3] [events …]`, by default of 1,000,000 and 10,000,000
events, prints wall-clock and processor seconds of everything that is asked once of a loaded topic,
and of its parts alone: of the fastest of several runs. "Peak memory" is that of the process while
it runs the analyses, with the topic in it.

Then, for each part, nanoseconds an event at each size, and by how much that is more at the largest
size than at the smallest: linear, if at most 15 %. What sorts, or leaves the caches, is not quite.
All analyses of 1,000,000 events are to take no longer than the fast reader needs for them, which
`python -m benchmarks.read` prints.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lib.analysis import delays
from lib.analysis.analyse import analyse, warm_up
from lib.analysis.client_clocks import clocks, sent_times
from lib.analysis.clock_steps import clock_steps
from lib.analysis.completeness import completeness
from lib.analysis.outages import outages_and_rhythm
from lib.analysis.sequence_numbers import sequence_numbers
from lib.analysis.timestamp_quality import assess_timestamps
from lib.core.blockwise import alone
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
from lib.core.memory import give_back_memory
from lib.events.fields import Fields
from lib.events.filters import filtered
from lib.simulate import Scenario, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000_000, 10_000_000)
LINEAR = 1.15


def lost_and_duplicates(events: pd.DataFrame) -> pd.DataFrame:
    """Return the completeness of each session, from the events alone."""
    numbers = sequence_numbers(events)
    assert numbers is not None  # they are simulated
    return completeness(events, numbers.steps)


def delay_over_time(events: pd.DataFrame) -> object:
    """Return quantiles of delay in stretches of event time."""
    return alone(delays.find_over_time(events))


def filter_of_text_and_numbers(events: pd.DataFrame) -> object:
    """Return which events are left: to take no more than 0.3 s for 1,000,000 events."""
    ranges = "delay_ms BETWEEN 0 AND 500 AND partition IN (1, 2) AND NOT client = 3"
    return filtered(events, (ranges, "'a1'", "session LIKE '%b%'"), Fields())


def steps_of_all_clocks(events: pd.DataFrame) -> object:
    """Return the steps of clocks of a topic in which every clock was set, by ten seconds."""
    times = events[EVENT_TIME].to_numpy()
    late = times > np.median(times)
    return clock_steps(sent_times(events.assign(**{EVENT_TIME: times + 10_000 * late})))


PARTS: tuple[Callable[[pd.DataFrame], object], ...] = (
    assess_timestamps,
    delays.delay_quantiles,
    delay_over_time,
    delays.delay_distribution,
    delays.out_of_orderness_quantiles,
    lost_and_duplicates,
    clocks,
    steps_of_all_clocks,
    outages_and_rhythm,
    filter_of_text_and_numbers,
)


def topic(events: int) -> pd.DataFrame:
    """Return an events table with outages, lost and duplicate events and wrong clocks."""
    simulation = simulate(
        Scenario(
            events=events,
            sessions=events // 100,
            clients=events // 1000,
            outage_share=0.1,
            shared_outages=2,
            lost_share=0.01,
            duplicate_share=0.01,
            disorder_share=0.01,
            clock_share=0.1,
            clock_drift_ppm=50.0,
            jitter="lognormal",
            jitter_ms=30.0,
            partitions=6,
        )
    )
    log = simulation.events
    offset = np.zeros(len(log), np.int64)
    for partition in np.unique(log.partition):
        own = log.partition == partition
        offset[own] = np.arange(own.sum())
    zero = log.timestamp[0]
    return pd.DataFrame(
        {
            EVENT_TIME: log.timestamp,
            RECEIVED_TIME: log.received,
            CLIENT: pd.Categorical(log.client),
            SESSION: pd.Categorical.from_codes(
                log.session, categories=pd.Index(simulation.session_ids)
            ),
            SEQUENCE: pd.array(log.event_id, dtype="Int64"),
            PARTITION: log.partition.astype(np.int32),
            OFFSET: offset,
            EVENT_TIME_0: (log.timestamp - zero) / 1000,
            RECEIVED_TIME_0: (log.received - zero) / 1000,
        }
    )


def timed(
    name: str, call: Callable[[pd.DataFrame], object], events: pd.DataFrame, repeat: int
) -> float:
    """Print how long the fastest of some calls takes, and return its seconds."""
    runs = []
    for _ in range(repeat):
        wall, processor = time.perf_counter(), time.process_time()
        call(events)
        runs.append((time.perf_counter() - wall, time.process_time() - processor))
    spent = min(runs)
    print(f"  {name:<28}{spent[0]:8.2f} s {spent[1]:8.2f} s processor", flush=True)
    return spent[0]


def measure(size: int, repeat: int) -> dict[str, float]:
    """Time the analyses of a topic of so many events, and return the seconds of each part."""
    events = topic(size)
    clients, sessions = events[CLIENT].nunique(), events[SESSION].nunique()
    print(f"{size:,} events, {clients:,} clients, {sessions:,} sessions")
    give_back_memory()
    forget_peak()
    parts = {"all analyses": analyse, **{part.__name__: part for part in PARTS}}
    seconds = {name: timed(name, part, events, repeat) for name, part in parts.items()}
    print(f"  peak memory {peak_mib():,.0f} MiB, the topic's {used_mib(events):,.0f} MiB with it")
    return seconds


def show_growth(measured: dict[int, dict[str, float]]) -> None:
    """Print what an event costs in topics of several sizes, and whether that is the same."""
    sizes = sorted(measured)
    print(f"\n{'ns an event':<30}" + "".join(f"{size:>12,}" for size in sizes) + f"{'ratio':>8}")
    for part in measured[sizes[0]]:
        costs = [measured[size][part] / size * 1e9 for size in sizes]
        ratio = costs[-1] / costs[0]
        verdict = "linear" if ratio <= LINEAR else "NOT LINEAR"
        print(f"{part:<30}" + "".join(f"{c:12.0f}" for c in costs) + f"{ratio:8.2f}  {verdict}")


def forget_peak() -> None:
    """Have the peak of memory counted from now on (Linux)."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    """Return the largest resident memory of the process (Linux), in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def used_mib(events: pd.DataFrame) -> float:
    """Return the memory of a table in MiB."""
    return float(events.memory_usage(deep=True).sum()) / 2**20


def main() -> None:
    """Time the analyses of topics of several sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("events", type=int, nargs="*", default=SIZES)
    parser.add_argument("--repeat", type=int, default=3, help="runs; the fastest counts")
    asked = parser.parse_args()
    warm_up()
    analyse(topic(10_000))  # imports
    measured = {size: measure(size, asked.repeat) for size in asked.events}
    if len(measured) > 1:
        show_growth(measured)


if __name__ == "__main__":
    main()
