"""Fields by name, for tests: the event time, how it is written, and whose event it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.events.fields import DEFAULT_GAP_S, Fields, TimeField

if TYPE_CHECKING:
    from lib.core.times.forms import FormName


def fields_named(
    event_time: str | None,
    form: FormName | None = None,
    client: str | None = None,
    session: str | None = None,
    sequence: str | None = None,
    session_gap_s: float = DEFAULT_GAP_S,
) -> Fields:
    """Return the fields of a topic whose received time is the record's timestamp."""
    event = TimeField() if event_time is None else TimeField((event_time,), form)
    return Fields(
        event, client=client, session=session, sequence=sequence, session_gap_s=session_gap_s
    )
