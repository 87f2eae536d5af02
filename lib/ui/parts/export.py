"""What is shown, as a file: the events that window, clients and filter leave; dropped events."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.formatting import counted
from lib.core.part import Part
from lib.events.filters import equal_to, filtered, leaves_gaps
from lib.events.shown_events import FORMATS, shown_events, written
from lib.events.table import TimeDomain, window_rows
from lib.replay.of_topic import input_of, replayed_with
from lib.replay.outcome import dropped_events
from lib.ui.lazy import popover
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    import pandas as pd

    from lib.events.table import TimeWindow
    from lib.loading.load import LoadedTopic
    from lib.replay.engine import Setting
    from lib.ui.visible import Visible

    Export: TypeAlias = tuple[Iterable[pd.DataFrame], Part]
    """Pieces of a table of `shown_events` that follow one another, and which part they are."""


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
    return partial(offer_formats, f"{topic.report.topic}-shown", weakly(make, topic))


def export_dropped(visible: Visible, setting: Setting, dropped: int) -> None:
    """Offer the events of the whole topic that a setting drops, in every format."""
    if dropped:
        make = weakly(partial(_dropped, setting=setting, key=visible.key), visible.topic)
        popover(
            f"Export what it drops, {counted(dropped, 'event')}",
            partial(offer_formats, f"{visible.topic.report.topic}-dropped", make),
            icon=":material/download:",
        )


def _shown(
    topic: LoadedTopic, *, window: TimeWindow, clients: Sequence[object], where: Sequence[str]
) -> Export:
    table = topic.events.table
    kept = filtered(table, where, topic.fields) if where else None
    rows = window_rows(table, window.clock, window.start_s, window.end_s, clients or None, kept)
    if isinstance(rows, slice):
        return [shown_events(table)], Part().within(topic.report.part)
    is_cut = kept is not None and leaves_gaps(table, kept)
    part = part_of(window, topic.events.zero_ms, clients, where, is_cut=is_cut)
    return [shown_events(table.take(rows))], part.within(topic.report.part)


def part_of(
    window: TimeWindow,
    zero_ms: int,
    clients: Sequence[object],
    where: Sequence[str],
    *,
    is_cut: bool,
) -> Part:
    """Return which part a window, clients and a filter leave; `is_cut`: the filter leaves gaps."""
    said = (*_of_window(window, zero_ms), *_of_clients(clients), *where)
    # A stretch of event time has all its events; of one of received time, some come later.
    cuts = window.clock is TimeDomain.RECEIVED and math.isfinite(window.start_s)
    return Part(said, is_cut or cuts)


def _of_window(window: TimeWindow, zero_ms: int) -> Iterator[str]:
    if math.isfinite(window.start_s):
        name = "event_time" if window.clock is TimeDomain.EVENT else "received_time"
        ends = [zero_ms + round(1000 * s) for s in (window.start_s, window.end_s)]
        yield f"{name} BETWEEN {ends[0]} AND {ends[1]}"


def _of_clients(clients: Sequence[object]) -> Iterator[str]:
    if clients:
        yield " OR ".join(equal_to("client", client) for client in clients)


def _dropped(topic: LoadedTopic, *, setting: Setting, key: str) -> Export:
    replay, _ = replayed_with(topic, input_of(topic, key), setting)
    dropped = dropped_events(topic.events.table, replay)
    return [shown_events(dropped)], part_dropped(setting).within(topic.report.part)


def part_dropped(setting: Setting) -> Part:
    """Return which part a setting drops."""
    return Part((f"{setting.engine.name} would drop them",), is_cut=True)


def offer_formats(name: str, make: Callable[[], Export], more: str = "") -> None:
    """Draw the buttons that download events in every format, each made when it is asked for.

    Parameters
    ----------
    name
        Of the files.
    more
        What else there is to say of them.
    """
    for form, (ending, mime, _) in FORMATS.items():
        st.download_button(
            form,
            partial(_written, form, make),
            file_name=f"{name}.{ending}",
            mime=mime,
            key=f"{name} {ending}",
            icon=":material/table_rows:",
            width="stretch",
            on_click="ignore",
        )
    st.caption(
        "Times stand readable, in UTC, beside epoch ms; units are in the names. No cell of CSV is "
        f"taken for a formula. What was left out is said in the file. {more}".rstrip()
    )


def _written(form: str, make: Callable[[], Export]) -> bytes:
    return written(form, *make())
