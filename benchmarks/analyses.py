"""How long the analyses take, and that they grow linearly with the events.

`python -m benchmarks.analyses [events …]`, by default 1,000,000 and 10,000,000; prints wall-clock
and processor seconds of everything that is asked once of a loaded topic, and of its parts.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lib import delays
from lib.analysis import analyse
from lib.clocks import clocks
from lib.columns import (
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
from lib.completeness import completeness
from lib.outages import outages, rhythm
from lib.simulate import Scenario, simulate
from lib.trust import judge

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000_000, 10_000_000)
PARTS: tuple[Callable[[pd.DataFrame], object], ...] = (
    judge,
    delays.delay_quantiles,
    delays.delay_over_time,
    delays.delay_distribution,
    delays.out_of_orderness_quantiles,
    completeness,
    clocks,
    outages,
    rhythm,
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


def timed(name: str, call: Callable[[pd.DataFrame], object], events: pd.DataFrame) -> None:
    """Print how long one call takes."""
    wall, processor = time.perf_counter(), time.process_time()
    call(events)
    spent = time.perf_counter() - wall, time.process_time() - processor
    print(f"  {name:<28}{spent[0]:8.2f} s {spent[1]:8.2f} s processor")


def main() -> None:
    """Time the analyses of topics of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("events", type=int, nargs="*", default=SIZES)
    analyse(topic(10_000))  # imports and caches
    for size in parser.parse_args().events:
        events = topic(size)
        clients, sessions = events[CLIENT].nunique(), events[SESSION].nunique()
        print(f"{len(events):,} events, {clients:,} clients, {sessions:,} sessions")
        timed("all analyses", analyse, events)
        for part in PARTS:
            timed(part.__name__, part, events)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  peak memory of the process {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
