"""The ways to the Records page: from a row of a table, and from a session or an outage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.core.columns import OFFSET, PARTITION
from lib.ui import parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

_ICON = ":material/article:"


def put_record(partition: int, offset: int) -> None:
    """Make a record the one that the Records page shows."""
    parameters.put(parameters.RECORD, f"{partition}:{offset}")


def chosen_record() -> tuple[int, int] | None:
    """Return partition and offset of the record that the link names; None where it names none."""
    partition, _, offset = (parameters.get(parameters.RECORD) or "").partition(":")
    is_place = all(part.isascii() and part.isdecimal() for part in (partition, offset))
    if not is_place or len(partition) > len(str(2**31)) or int(offset) >= 2**63:
        return None
    return int(partition), int(offset)


def pick_record(key: str, events: pd.DataFrame) -> None:
    """Make the record of the row that is selected in a table of events the one that is shown."""
    selected = st.session_state[key].selection.rows
    if selected:
        put_record(*(int(events[name].iloc[selected[0]]) for name in (PARTITION, OFFSET)))


def open_picked(marks: Sequence[Mapping[str, int | None]], key: str) -> None:
    """Offer to open the record of the event that was clicked in a chart, if one was."""
    for mark in marks[:1]:  # another mark than an event has no place in the log
        partition, offset = mark.get(PARTITION), mark.get(OFFSET)
        if partition is not None and offset is not None:
            _offer(partition, offset, f"{key}_record")


def open_selected(rows: Sequence[int], events: pd.DataFrame) -> None:
    """Offer to open the record of the row that is selected in a table of events, if one is."""
    if not rows or rows[0] >= len(events):
        return
    partition, offset = (int(events[name].iloc[rows[0]]) for name in (PARTITION, OFFSET))
    _offer(partition, offset)


def _offer(partition: int, offset: int, key: str | None = None) -> None:
    label = f"Open the record, partition {partition}, offset {offset:,}"
    if st.button(label, icon=_ICON, key=key):
        put_record(partition, offset)
        _open()


def open_records(
    what: str,
    on_click: Callable[..., None],
    *args: object,
    key: str | None = None,
    disabled: bool = False,
) -> None:
    """Offer to open the Records page on some events, which `on_click` makes those shown.

    With a key it is one of the quiet buttons below a chart.
    """
    if st.button(
        f"The records of {what}",
        key=key,
        type="secondary" if key is None else "tertiary",
        icon=_ICON,
        on_click=on_click,
        args=args,
        disabled=disabled,
    ):
        _open()


def _open() -> None:
    st.switch_page("pages/records.py", query_params=parameters.by_hand())
