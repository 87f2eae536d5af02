"""An app in which large topics never end, with the loads of the real one; run by tests.

Its parameters: `topic`, "large-…" or "small-…"; or `compute`, to run without an end.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.sources.base import Everything, Plan, Range, Reader, Span, TopicInfo, always
from lib.ui import loads
from lib.ui.held import held
from lib.ui.loads import LARGE, LoadKey, load_of
from lib.ui.server import server_runs
from tests.support.blocks import block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

SMALL = 50
loads._UNWATCHED_S = 0.2  # type: ignore[misc]


class Endless:
    """Topics that are small, or bring a few records now and then for ever."""

    name = "Endless"
    identity = "endless"
    schemas = NoSchemas()
    masking = NOTHING_MASKED
    reader = Reader("endless")

    def topics(self) -> list[TopicInfo]:
        return []

    def still_holds(self, before: Plan, now: Plan, positions: Mapping[int, int]) -> bool:  # noqa: ARG002
        return True

    def plan(self, topic: str, wanted: Range) -> Plan:
        span = Span(0, 0, 100 * LARGE if topic.startswith("large") else SMALL)
        return Plan(topic, wanted, (span,), (span,))

    def read(
        self,
        plan: Plan,
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002
    ) -> Iterator[pa.RecordBatch]:
        for first in range(0, plan.size, SMALL):
            yield records(first)
            if first:
                time.sleep(0.01)


def records(first: int) -> pa.RecordBatch:
    offsets = range(first, first + SMALL)
    values = [
        json.dumps({"Timestamp": 1_540_726_486_041 + n, "ClientID": "c"}).encode() for n in offsets
    ]
    return block(*values, offsets=offsets)


def key_of(topic: str) -> LoadKey:
    return LoadKey("endless", topic, Everything(), (), 200 * LARGE)


if __name__ == "__main__":
    st.header("Endless")
    if "compute" in st.query_params:
        st.text("computing")
        while True:
            sum(range(10_000))
    if "topic" in st.query_params:
        load = load_of(Endless(), key_of(st.query_params["topic"]))
        load.settle(10 if st.query_params["topic"].startswith("small") else 0.2)
        loaded = load.loaded
        st.text("reading" if loaded is None else f"{len(loaded.events.table)} events")
    if "beside" in st.query_params:
        load_of(Endless(), key_of(st.query_params["beside"]), beside=True)
    if "held" in st.query_params:
        present = held(key_of(st.query_params["held"]))
        st.text("nothing" if present is None else "reading")
else:
    app = st.App(__file__, lifespan=server_runs)
