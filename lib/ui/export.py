"""What is shown, as a file: the events that window, clients and filter leave; dropped events."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.formatting import counted
from lib.core.part import Part
from lib.events.filters import equal_to, filtered, leaves_gaps
from lib.events.shown_events import FORMATS, shown_events
from lib.events.table import TimeDomain, window_rows
from lib.replay.input import replay_input_of
from lib.replay.of_topic import replayed_with
from lib.replay.outcome import dropped_events
from lib.ui.lazy import popover
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from lib.events.table import TimeWindow
    from lib.loading.load import LoadedTopic
    from lib.replay.engine import Setting
    from lib.ui.visible import Visible


def export_shown(visible: Visible) -> None:
    """Offer the events that are shown, in every format."""
    popover(
        f"Export what is shown, {counted(visible.count, 'event')}",
        shown_files(visible),
        icon=":material/download:",
    )


def shown_files(visible: Visible) -> Callable[[], None]:
    """Return what draws the buttons that download the events that are shown."""
    make = partial(
        _shown,
        window=visible.window,
        clients=tuple(visible.clients),
        where=tuple(visible.where),
    )
    topic = visible.topic
    return partial(_files, f"{topic.report.topic}-shown", weakly(make, topic))


def export_dropped(visible: Visible, setting: Setting, dropped: int) -> None:
    """Offer the events of the whole topic that a setting drops, in every format."""
    if dropped:
        make = weakly(partial(_dropped, setting=setting, key=visible.key), visible.topic)
        popover(
            f"Export what it drops, {counted(dropped, 'event')}",
            partial(_files, f"{visible.topic.report.topic}-dropped", make),
            icon=":material/download:",
        )


def _shown(
    topic: LoadedTopic, *, window: TimeWindow, clients: Sequence[object], where: Sequence[str]
) -> tuple[pd.DataFrame, Part]:
    table = topic.events.table
    kept = filtered(table, where, topic.fields) if where else None
    rows = window_rows(table, window.clock, window.start_s, window.end_s, clients or None, kept)
    said = [*_of_window(topic, window), *_of_clients(clients), *where]
    # A stretch of event time has all its events; of one of received time, some come later.
    is_cut = (kept is not None and leaves_gaps(table, kept)) or (
        window.clock is TimeDomain.RECEIVED and math.isfinite(window.start_s)
    )
    if isinstance(rows, slice):
        return shown_events(table), Part().within(topic.report.part)
    return shown_events(table.take(rows)), Part(tuple(said), is_cut).within(topic.report.part)


def _of_window(topic: LoadedTopic, window: TimeWindow) -> Iterator[str]:
    if math.isfinite(window.start_s):
        name = "event_time" if window.clock is TimeDomain.EVENT else "received_time"
        ends = [topic.events.zero_ms + round(1000 * s) for s in (window.start_s, window.end_s)]
        yield f"{name} BETWEEN {ends[0]} AND {ends[1]}"


def _of_clients(clients: Sequence[object]) -> Iterator[str]:
    if clients:
        yield " OR ".join(equal_to("client", client) for client in clients)


def _dropped(topic: LoadedTopic, *, setting: Setting, key: str) -> tuple[pd.DataFrame, Part]:
    replay, _ = replayed_with(topic, replay_input_of(topic.events.table, key), setting)
    part = Part((f"{setting.engine.name} would drop them",), is_cut=True)
    dropped = dropped_events(topic.events.table, replay)
    return shown_events(dropped), part.within(topic.report.part)


def _files(name: str, make: Callable[[], tuple[pd.DataFrame, Part]]) -> None:
    for form, (ending, mime, write) in FORMATS.items():
        st.download_button(
            form,
            partial(_written, write, make),
            file_name=f"{name}.{ending}",
            mime=mime,
            key=f"{name} {ending}",
            icon=":material/table_rows:",
            width="stretch",
            on_click="ignore",
        )
    st.caption(
        "Times stand readable, in UTC, beside epoch ms; units are in the names. No cell of CSV is "
        "taken for a formula. What was left out is said in the file."
    )


def _written(write: Callable[..., bytes], make: Callable[[], tuple[pd.DataFrame, Part]]) -> bytes:
    return write(*make())
