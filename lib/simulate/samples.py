"""The sample topics that ship with the app: the notebook's two topics, told again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.simulate.history import SimulatedEvents
from lib.simulate.scenario import Outage, Scenario
from lib.simulate.simulation import Simulation, simulate
from lib.simulate.truth import write_truth
from lib.sources.files.kcat import write_recorded

if TYPE_CHECKING:
    from pathlib import Path

ZERO_MS: Final = 1_540_726_486_041
"""Event time of the notebook's first record."""

SESSION_IDS: Final = (
    "0d3c7a52-6f1e-4b0a-9f57-2f6f0d7c1a11",
    "1de64fb8-55de-494c-885a-364dcf35f37d",
    "3a94c1de-8e0b-4c6d-b1f4-7f2a9be0c733",
    "47be0f6a-2d35-4e19-8c02-91c5d3a6e844",
    "5cd8e458-208c-48d5-9bd5-f52303e14ec4",
    "6e20b9f3-714a-4d8c-a6ee-0b84f5c7d266",
    "7fa5d2c8-93b6-4175-bd3b-c1e60a98f377",
    "b1ca39c2-7b90-4287-be81-4908e32d771c",
    "c320e635-32c0-4bd8-af3c-86b854048d03",
    "d81b4e07-c5f2-43a9-9a60-5e7d12f0b9aa",
)
"""The sessions of clients 1 to 10; 2, 5, 8 and 9 are the notebook's."""

OPENING: Final = np.array(
    [
        # client, event, event time and received time since zero, kind, errors, value
        (2, 1, 0, 12, 0, 0, 17),
        (2, 2, 22, 31, 0, 1, 34),
        (8, 1, 585, 587, 0, 0, 65),
        (9, 1, 3948, 3949, 1, 0, 79),
        (5, 1, 3963, 3973, 0, 0, 58),
    ]
)
"""The five records that the notebook prints."""

CARRIES_ON_MS: Final = ZERO_MS + 4_000
"""When the simulation takes over from the notebook's records."""

SESSIONS_10: Final = Scenario(
    seed=26_010,  # found by trying: 31 events are held back, as in the notebook
    start_ms=CARRIES_ON_MS,
    clients=10,
    sessions=10,
    events=255 - len(OPENING),
    session_ids=SESSION_IDS,
    session_spread=0.6,
    ramp_s=40.0,
    interval_s=(1.5, 8.0),
    outages=(Outage(client=2, start_s=62.4, length_s=64.84),),
)

SESSIONS_100: Final = Scenario(
    seed=100,
    start_ms=ZERO_MS,
    clients=10,
    sessions=100,
    events=2_428,
    session_spread=0.5,
    ramp_s=40.0,
    pause_s=(60.0, 240.0),
    interval_s=(1.5, 8.0),
    disorder_share=0.005,
    disorder_ms=4_000.0,
    outage_share=0.04,
    outage_s=(40.0, 120.0),
    clock_share=0.2,
    clock_offset_ms=400.0,
    lost_share=3 / 2_428,
    duplicate_share=3 / 2_428,
    partitions=3,
)


def sessions_10() -> Simulation:
    """Return 10 sessions of 10 clients, 255 records, the first five those of the notebook."""
    simulated = simulate(SESSIONS_10)
    opening = _opening()
    later = simulated.events
    told = np.bincount(opening.client, minlength=SESSIONS_10.clients + 1)
    later = dataclasses.replace(later, event_id=later.event_id + told[later.client])
    return dataclasses.replace(simulated, events=opening.followed_by(later))


def sessions_100() -> Simulation:
    """Return 100 sessions of 10 clients, 2428 records."""
    return simulate(SESSIONS_100)


SAMPLES: Final = {"sessions-10": sessions_10, "sessions-100": sessions_100}


def write_samples(folder: Path) -> list[Path]:
    """Write every sample topic, and the truth about it, into `folder`; return the topics' files."""
    written = []
    for name, sample in SAMPLES.items():
        simulated = sample()
        path = folder / f"{name}.jsonl.gz"
        write_recorded(path, name, simulated.batches())
        write_truth(folder / f"{name}.truth.json", simulated.truth)
        written.append(path)
    return written


def _opening() -> SimulatedEvents:
    client, event_id, happened, received, kind, errors, values = OPENING.T
    return SimulatedEvents(
        session=client - 1,
        client=client,
        event_id=event_id,
        timestamp=ZERO_MS + happened,
        sent=ZERO_MS + happened,
        collected=ZERO_MS + received,
        received=ZERO_MS + received,
        kind=kind,
        errors=errors,
        values=values,
        partition=np.zeros_like(client),
    )
