"""What can be downloaded of a topic that a cluster holds: its events come from there bit by bit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import counted
from lib.core.part import Part
from lib.events.shown_events import shown_events
from lib.ui import parameters
from lib.ui.held import budget
from lib.ui.lazy import popover
from lib.ui.parts.export import offer_formats, part_dropped, part_of
from lib.ui.parts.files import captured, offer_files, topic_button
from lib.ui.parts.report_download import told_report_files
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from io import BytesIO

    from lib.charts.picture import Picture
    from lib.events.table import TimeWindow
    from lib.report.report import Asked
    from lib.ui.cluster.told import OnCluster
    from lib.ui.parts.export import Export
    from lib.ui.view import View

_BYTES: Final = 1_000  # of the server's memory for an event while it is written: 440 in JSON Lines
_OF_ROLES: Final = "Of an event, the file has the fields that have a role: the cluster keeps those."


def fits(events: int) -> bool:
    """Return whether the server's memory holds a file of so many events."""
    return events <= budget() // _BYTES


def files_told(view: View, told: OnCluster, drawn: Picture) -> None:
    """Offer the events that are shown, the topic and the report on it, and the picture above."""
    whole = told.of_all
    draws = (_topic_file(whole), told_report_files(whole.report))
    offer_files(_count(told), _shown_files(view, told), draws, drawn)


def export_shown_told(view: View, told: OnCluster) -> None:
    """Offer the events that are shown, in every format."""
    popover(
        f"Export what is shown, {counted(_count(told), 'event')}",
        _shown_files(view, told),
        icon=":material/download:",
    )


def export_dropped_told(told: OnCluster, asked: Asked, dropped: int) -> None:
    """Offer the events of the whole topic that a setting drops, in every format."""
    if not dropped:
        return
    fill = partial(_say_too_many, dropped)
    if fits(dropped):
        name = f"{told.report.topic.report.topic}-dropped"
        fill = partial(offer_formats, name, weakly(partial(_dropped, asked=asked), told.of_all))
    popover(f"Export what it drops, {counted(dropped, 'event')}", fill, icon=":material/download:")


def _count(told: OnCluster) -> int:
    summary = told.report.summary
    assert summary is not None  # or the page says that there is no event
    return summary.events


def _say_too_many(events: int, remedy: str = "") -> None:
    st.caption(
        f"{counted(events, 'event')} are more than a download holds: {budget() // _BYTES:,}, with "
        f"the memory that the server may use. {remedy}".rstrip()
    )


def _shown_files(view: View, told: OnCluster) -> Callable[[], None]:
    """Return what draws the buttons that download the events that are shown."""
    if not fits(_count(told)):
        fewer = "Choose fewer with the time window, clients or a filter."
        return partial(_say_too_many, _count(told), fewer)
    assert view.window is not None  # as the topic has events
    make = partial(
        _shown,
        window=view.window,
        zero_ms=view.times.zero_ms,
        clients=tuple(view.clients),
        where=tuple(view.where),
    )
    return partial(offer_formats, f"{view.name}-shown", weakly(make, told), _OF_ROLES)


def _shown(
    told: OnCluster,
    *,
    window: TimeWindow,
    zero_ms: int,
    clients: Sequence[str],
    where: Sequence[str],
) -> Export:
    part, every = Part(), told.report.whole
    if told.whole is not None and _count(told) < every.contents.events:
        part = _part(told.whole, window, zero_ms, clients, where)
    return map(shown_events, told.events()), part.within(every.report.part)


def _part(
    whole: OnCluster, window: TimeWindow, zero_ms: int, clients: Sequence[str], where: Sequence[str]
) -> Part:
    from lib.cluster.filtering import cut_by_question  # noqa: PLC0415 (imports Dask)
    from lib.cluster.questions import clients_called  # noqa: PLC0415

    known = whole.ask(partial(clients_called, names=clients)) if clients else {}
    is_cut = bool(where) and whole.ask(
        partial(cut_by_question, conditions=where, fields=whole.held.topic.fields)
    )
    chosen = [known.get(name, name) for name in clients]
    return part_of(window, zero_ms, chosen, where, is_cut=is_cut)


def _dropped(told: OnCluster, *, asked: Asked) -> Export:
    part = part_dropped(asked.setting).within(told.report.whole.report.part)
    return [shown_events(told.dropped(asked))], part


def _topic_file(whole: OnCluster) -> Callable[[], object]:
    """Return what draws the button that downloads a topic, to open again as a source."""
    events = whole.held.topic.contents.events
    if not fits(events):
        return partial(
            _say_too_many,
            events,
            "The report writes them: python -m lib.report --cluster --events FILE.",
        )
    source = parameters.get(parameters.SOURCE) or ""

    def capture(whole: OnCluster) -> BytesIO:
        return captured(whole.report.whole, whole.events(), source)

    return topic_button(whole.report.whole.report.topic, weakly(capture, whole), _OF_ROLES)
