"""What is shown, as a file: the events that window, clients and filter leave; dropped events."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.formatting import counted
from lib.events.filters import filtered
from lib.events.shown_events import FORMATS, shown_events
from lib.events.table import window_rows
from lib.replay.input import replay_input_of
from lib.replay.of_topic import replayed_with
from lib.replay.outcome import dropped_events
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from lib.loading.load import LoadedTopic
    from lib.replay.engine import Setting
    from lib.ui.page import Visible
    from lib.ui.time_window import TimeWindow


def export_shown(visible: Visible) -> None:
    """Offer the events that are shown, in every format."""
    where, clients = tuple(visible.where), tuple(visible.clients)
    make = partial(_shown, window=visible.window, clients=clients, where=where)
    _export(
        f"Export what is shown, {counted(visible.count, 'event')}",
        f"{visible.topic.report.topic}-shown",
        weakly(make, visible.topic),
        where,
    )


def export_dropped(visible: Visible, setting: Setting, dropped: int) -> None:
    """Offer the events of the whole topic that a setting drops, in every format."""
    if dropped:
        _export(
            f"Export what it drops, {counted(dropped, 'event')}",
            f"{visible.topic.report.topic}-dropped",
            weakly(partial(_dropped, setting=setting, key=visible.key), visible.topic),
        )


def _shown(
    topic: LoadedTopic, *, window: TimeWindow, clients: Sequence[object], where: Sequence[str]
) -> pd.DataFrame:
    table = topic.events.table
    kept = filtered(table, where, topic.fields) if where else None
    rows = window_rows(table, window.clock, window.start_s, window.end_s, clients or None, kept)
    return shown_events(table if isinstance(rows, slice) else table.take(rows))


def _dropped(topic: LoadedTopic, *, setting: Setting, key: str) -> pd.DataFrame:
    replay, _ = replayed_with(topic, replay_input_of(topic.events.table, key), setting)
    return shown_events(dropped_events(topic.events.table, replay))


def _export(
    label: str, name: str, make: Callable[[], pd.DataFrame], where: Sequence[str] = ()
) -> None:
    with st.popover(
        label,
        icon=":material/download:",
        help="Times stand readable, in UTC, beside epoch ms; units are in the names. No cell of "
        "CSV is taken for a formula.",
    ):
        for form, (ending, mime, write) in FORMATS.items():
            st.download_button(
                form,
                partial(_written, write, make, where),
                file_name=f"{name}.{ending}",
                mime=mime,
                key=f"{name} {ending}",
                icon=":material/download:",
                width="stretch",
                on_click="ignore",
            )


def _written(
    write: Callable[..., bytes], make: Callable[[], pd.DataFrame], where: Sequence[str]
) -> bytes:
    return write(make(), where)
