"""A record as it stands in the log, read again from its source, with its neighbours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import streamlit as st

from lib.analysis.neighbours import neighbours_question
from lib.charts.rows import shown_name
from lib.core.binary_values import hex_lines, text_of_bytes
from lib.core.blockwise import answered
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    HEADER,
    KEY,
    MISSING_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    SEQUENCE,
    SESSION,
)
from lib.core.errors import SkewlineError
from lib.core.formatting import counted, delay_text, escaped_markdown, size
from lib.core.moments import are_dates
from lib.loading.record import Record, read_record
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, NO_TIMESTAMP
from lib.ui import parameters
from lib.ui.failures import show_error
from lib.ui.record_links import chosen_record, pick_record, put_record
from lib.ui.show import clock_name
from lib.ui.tables import show_table

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from lib.core.moments import Times
    from lib.decoding.base import Decoder
    from lib.sources.base import TopicSource
    from lib.ui.cluster.told import OnCluster
    from lib.ui.view import View

_SHOWN: Final = 64 * 1024
"""Bytes of a value that are shown; the download has all."""
_TREE: Final = 256 * 1024
"""A larger value is not drawn as a tree."""
_NEIGHBOURS: Final = 5
"""On either side."""
_FRESH_S: Final = 60
"""A record that has expired since is said to be gone after so long."""

_WITHHELD: Final = "withheld: its bytes may hold a masked field"
_KINDS: Final = {CREATE_TIME: "CreateTime, the producer's clock", LOG_APPEND_TIME: "LogAppendTime"}


def record_reader(view: View) -> None:
    """Draw where a record is typed in, and the record that is chosen."""
    place = _chosen()
    if place is None or view.opened is None or view.topic is None:
        return
    topic = view.topic
    around = answered(neighbours_question(topic.events.table, *place, _NEIGHBOURS))
    _read_and_show(view, topic.version, place, topic.decoder, around, "are loaded")


def record_told(view: View, told: OnCluster) -> None:
    """Draw what `record_reader` does of a topic that a cluster holds, read from its source here."""
    place, whole = _chosen(), told.of_all
    if place is None or view.opened is None:
        return
    try:
        around = whole.around(*place, _NEIGHBOURS)
    except SkewlineError as error:
        show_error(error)
        return
    decoder = whole.held.topic.decoder
    _read_and_show(view, whole.token, place, decoder, around, "the cluster holds")


def _chosen() -> tuple[int, int] | None:
    """Draw where a record is typed in, and return the place of the one that is chosen."""
    place = chosen_record()
    _choose(place)
    if place is None:
        st.caption("Choose a row of a table, or type a partition and an offset.")
    return place


def _read_and_show(
    view: View,
    version: Hashable,
    place: tuple[int, int],
    decoder: Decoder | None,
    around: Mapping[str, pd.DataFrame],
    known: str,
) -> None:
    """Draw a record and the events around it.

    Parameters
    ----------
    known
        Which events neighbours are among, for a sentence: "are loaded".
    """
    assert view.opened is not None  # as who calls this has seen
    source = view.opened.source
    try:
        with st.spinner("Reading the record…"):
            record = _read((source.identity, version), place, source, view.name, decoder)
    except SkewlineError as error:
        show_error(error)
    else:
        _show(record, around["partition"], view.times, known)
    _neighbours(around, view.times, known)


@st.cache_resource(max_entries=32, ttl=_FRESH_S, show_spinner=False)
def _read(
    version: object,  # noqa: ARG001
    place: tuple[int, int],
    _source: TopicSource,
    _topic: str,
    _decoder: Decoder | None,
) -> Record:
    return read_record(_source, _topic, _decoder, *place)


def _choose(place: tuple[int, int] | None) -> None:
    """Draw the boxes for partition and offset, and the steps to the neighbouring offsets."""
    boxes = (parameters.RECORD_PARTITION, parameters.RECORD_OFFSET)
    if place is not None:
        st.session_state.update(zip(boxes, place, strict=True))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for title, key in zip(("Partition", "Offset"), boxes, strict=True):
            st.number_input(
                title,
                min_value=0,
                value=None,
                step=1,
                key=key,
                width=160,
                on_change=_typed,
            )
        for title, step, icon in (("Previous", -1, "arrow_back"), ("Next", 1, "arrow_forward")):
            st.button(
                title,
                icon=f":material/{icon}:",
                disabled=place is None or place[1] + step < 0,
                on_click=put_record,
                args=None if place is None else (place[0], place[1] + step),
            )


def _typed() -> None:
    partition, offset = (
        st.session_state.get(key) for key in (parameters.RECORD_PARTITION, parameters.RECORD_OFFSET)
    )
    if partition is not None and offset is not None:
        put_record(partition, offset)


def _show(record: Record, events: pd.DataFrame, times: Times, known: str) -> None:
    row = _row_of(events, record.partition, record.offset)
    left, right = st.columns(2)
    with left:
        show_table(pd.DataFrame(_facts(record, row, times)), alt="The record's place and times")
        for reason in record.reasons:
            st.warning(f"It is no event: {escaped_markdown(reason)}.", icon=":material/report:")
        if row is None and not record.reasons:
            st.caption(f"It is not among the events that {known}: see the range in the sidebar.")
        st.markdown("**Key**")
        _show_bytes(record.key, _WITHHELD if KEY in record.withheld else "no key")
        st.markdown("**Headers**")
        _headers(record)
    with right:
        st.markdown("**Value**")
        _value(record)


def _facts(record: Record, row: pd.Series | None, times: Times) -> dict[str, list[str]]:
    stamped = record.timestamp_ms
    facts = {
        "Partition": f"{record.partition}",
        "Offset": f"{record.offset:,}",
        "Record timestamp": "none" if stamped == NO_TIMESTAMP else _moment(stamped, times),
        "Its kind": _KINDS.get(record.timestamp_type, "not known"),
    }
    if row is not None:
        event, received = int(row[EVENT_TIME]), int(row[RECEIVED_TIME])
        is_known = MISSING_TIME not in (event, received)
        facts |= {
            **_time_facts("Event time", event, times),
            **_time_facts("Received time", received, times),
            **({"Delay": delay_text(received - event)} if is_known else {}),
            "Client": shown_name(row[CLIENT]),
            "Session": shown_name(row[SESSION]),
            **({"Sequence number": f"{row[SEQUENCE]}"} if SEQUENCE in row else {}),
        }
    return {"What": list(facts), "Is": list(facts.values())}


def _time_facts(name: str, epoch_ms: int, times: Times) -> dict[str, str]:
    if epoch_ms == MISSING_TIME:
        return {name: "none"}
    return {name: _moment(epoch_ms, times), f"{name}, epoch ms": f"{epoch_ms}"}


def _moment(epoch_ms: int, times: Times) -> str:
    """Return a moment as it is written, also one that is no date; "" for none."""
    if epoch_ms == MISSING_TIME:
        return ""
    is_date = times.zone is None or are_dates(epoch_ms, epoch_ms)
    return times.moment(epoch_ms, exactly=True) if is_date else f"{epoch_ms:,} ms since 1970"


def _cell(epoch_ms: int, times: Times) -> str:
    """Return a moment as tables have it where it is one that they can; "" for none."""
    is_plain = times.zone is None or are_dates(epoch_ms, epoch_ms)
    if epoch_ms == MISSING_TIME or not is_plain:
        return _moment(epoch_ms, times)
    return times.cell(epoch_ms)


def _row_of(events: pd.DataFrame, partition: int, offset: int) -> pd.Series | None:
    """Return the first event of a record; None where there is none."""
    at = (events[PARTITION] == partition) & (events[OFFSET] == offset)
    return events[at].iloc[0] if at.any() else None


def _headers(record: Record) -> None:
    if not record.headers:
        st.caption("no headers")
        return
    rows = [
        (n, _WITHHELD if HEADER + n in record.withheld else None if v is None else text_of_bytes(v))
        for n, v in record.headers
    ]
    show_table(pd.DataFrame(rows, columns=["Name", "Value"]), alt="The record's headers")


def _value(record: Record) -> None:
    """Show a value as a tree, as text and as bytes."""
    tree, text, raw = st.tabs(["Tree", "Text", "Bytes"])
    with tree:
        _tree(record)
    if record.value is None:
        for tab in (text, raw):
            tab.caption(_why_no_bytes(record))
        return
    shown = record.value[:_SHOWN]
    text.code(text_of_bytes(shown), language=None, wrap_lines=True)
    raw.code(hex_lines(shown), language=None)
    if len(record.value) > _SHOWN:
        st.caption(f"The first {size(_SHOWN)} of {size(len(record.value))}.")
    st.download_button(
        f"Download the value, {size(len(record.value))}",
        record.value,
        file_name=f"{record.partition}-{record.offset}.bin",
        icon=":material/download:",
        on_click="ignore",
    )


def _why_no_bytes(record: Record) -> str:
    if "value" in record.withheld:
        return _WITHHELD
    return "A row of a table has no bytes of its own." if record.fields else "no value"


def _tree(record: Record) -> None:
    # Without colours: those of a highlighter stand out from a light page by 2.8 : 1 only.
    if record.value is not None and len(record.value) > _TREE:
        st.caption(f"A value of {size(len(record.value))} is not drawn as a tree.")
    elif not record.fields:
        st.caption("It has no fields: it could not be decoded.")
    elif len(record.fields) == 1:
        st.code(_indented(record.fields[0]), language=None, wrap_lines=True)
    else:
        st.caption(f"The record holds {counted(len(record.fields), 'event')}.")
        st.code(_indented(list(record.fields)), language=None, wrap_lines=True)


def _indented(value: object) -> str:
    """Return a value as JSON, an object's fields one below the other, every character seen."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)


def _show_bytes(value: bytes | None, nothing: str) -> None:
    if value is None:
        st.caption(nothing)
        return
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    is_text = text.isprintable() and text != ""
    st.code(text[:_SHOWN] if is_text else hex_lines(value[:_SHOWN]), language=None, wrap_lines=True)


def _neighbours(around: Mapping[str, pd.DataFrame], times: Times, known: str) -> None:
    for column, (of, rows) in zip(st.columns(2), around.items(), strict=False):
        with column:
            order = "by offset" if of == "partition" else "by event time"
            st.markdown(f"**Around it in its {of}**, {order}")
            if rows.empty:
                st.caption(f"None of the events that {known}.")
            else:
                _pick(rows, parameters.neighbours_key(of), of, times)


def _pick(rows: pd.DataFrame, key: str, of: str, times: Times) -> None:
    """Show events; the one that is selected is the next record to be read."""
    show_table(
        _brief(rows, times),
        key=key,
        on_select=lambda: pick_record(key, rows),
        selection_mode="single-row",
        alt=f"The events around the record in its {of}; select one to read its record",
    )


def _brief(rows: pd.DataFrame, times: Times) -> pd.DataFrame:
    """Return events for a table to choose a record from: place, both times, client, number."""
    clock = clock_name(times)
    columns: dict[str, Any] = {
        "Partition": rows[PARTITION].to_numpy(),
        "Offset": rows[OFFSET].to_numpy(),
        f"Event time, {clock}": [_cell(int(ms), times) for ms in rows[EVENT_TIME]],
        f"Received time, {clock}": [_cell(int(ms), times) for ms in rows[RECEIVED_TIME]],
        "Client": [shown_name(each) for each in rows[CLIENT].astype(object)],
    }
    if SEQUENCE in rows:
        columns["Number"] = rows[SEQUENCE].array
    return pd.DataFrame(columns)
