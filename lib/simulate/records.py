"""Events as Kafka records: JSON values, keys, timestamps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.simulate.history import KINDS
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, RECORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lib.simulate.history import SimulatedEvents
    from lib.simulate.scenario import Scenario


def encode(
    scenario: Scenario, events: SimulatedEvents, session_ids: pa.Array, offsets: NDArray[np.int64]
) -> pa.RecordBatch:
    """Return `events` as a block of schema `RECORDS`, at the given offsets."""
    size = len(events)
    log_append = scenario.timestamps == "logappend"
    create = scenario.timestamps == "create"
    key = (
        pc.cast(_text(events.client), pa.binary()) if scenario.keys else pa.nulls(size, pa.binary())
    )
    return pa.RecordBatch.from_arrays(
        [
            pa.array(events.partition.astype(np.int32)),
            pa.array(offsets),
            pa.array(events.timestamp if create else events.received),
            pa.array(np.full(size, LOG_APPEND_TIME if log_append else CREATE_TIME, dtype=np.int8)),
            key,
            pc.cast(_values(scenario, events, session_ids), pa.binary()),
            pa.nulls(size, RECORDS.field("headers").type),
        ],
        schema=RECORDS,
    )


def _values(scenario: Scenario, events: SimulatedEvents, session_ids: pa.Array) -> pa.Array:
    """Return one JSON text an event, with the notebook's fields and the further times it has."""
    parts: list[Any] = [
        '{"ClientID":',
        _text(events.client),
        ',"Data":{"Errors":',
        _text(events.errors),
        ',"Values":',
        _text(events.values),
        '},"EventID":',
        _text(events.event_id),
        ',"Kind":"',
        pa.array(KINDS).take(pa.array(events.kind)),
        '","SessionID":"',
        session_ids.take(pa.array(events.session)),
        '","Timestamp":',
        _text(events.timestamp),
    ]
    if scenario.sent_times:
        parts += [',"SentAt":', _text(events.sent)]
    if scenario.collector:
        parts += [',"ReceivedAt":', _text(events.collected)]
    parts.append("}")
    return pc.binary_join_element_wise(*parts, "")


def _text(numbers: NDArray[np.int64]) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())
