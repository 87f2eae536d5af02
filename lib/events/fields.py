"""Which field plays which role: event, sent and received time, client, session, sequence number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from lib.core.columns import CLIENT, EVENT_TIME, HEADER, KEY, SEQUENCE, SESSION
from lib.core.errors import FieldsError
from lib.core.times.forms import FORMS
from lib.core.times.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lib.core.times.forms import FormName

FROM_PARTITION: Final = "@partition"
RECORD_TIMESTAMP: Final = "@timestamp"
"""The record's own timestamp; a field of the value that has this name comes before it."""

JOINED: Final = " + "
"""Between two fields that make one time: a date and a time of day, or seconds and a fraction."""

NO_FIELD: Final = "none"
IN_ORDER: Final = "||"
"""In a choice that is written as text: no field, and between fields that are taken in order."""

DEFAULT_GAP_S: Final = 30.0


@dataclass(frozen=True)
class TimeField:
    """Where a time comes from and how it is written.

    Attributes
    ----------
    sources
        Fields, taken in order: an event has the time of the first that its record has. None: there
        is no such time.
    form
        How it is written in all of them; None: in each as recognised.
    zone
        Where the clock is of times that lack a zone: an IANA name, or an offset such as +01:00,
        with `lib.core.times.zones.WHATEVER_IS_WRITTEN` behind it of all times; None: UTC.
    """

    sources: tuple[str, ...] = ()
    form: FormName | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        if self.form is not None and self.form not in FORMS:
            raise FieldsError(
                f"“{self.form}” is no form of time.", f"Choose one of {', '.join(FORMS)}."
            )
        if self.zone is not None:
            find_zone(self.zone)

    def __bool__(self) -> bool:
        """Whether there is such a time."""
        return bool(self.sources)


RECORD_TIME_FIELD: Final = TimeField((RECORD_TIMESTAMP,))


@dataclass(frozen=True)
class Fields:
    """Where the events table's columns come from.

    A source is a field of the value, nested ones with dots (`Data.ts`); or `@key`, `@header:NAME`,
    `@partition`, `@timestamp`. The defaults are the notebook's topic.

    Attributes
    ----------
    event_time
        When it happened, by the client's clock.
    sent_time
        When the client sent it, by the same clock; most topics have none.
    received_time
        When a server received it; in Kafka the record's timestamp unless another is chosen.
    client
        Who sent the event. None: all events are one client's.
    session
        The session. None: derived per client by an inactivity gap.
    sequence
        The sequence number. None: there is none.
    session_gap_s
        Seconds of event time without an event of the client after which a derived session ends.
    kept
        Sources outside the value that are columns of the events table though they play no role.
    """

    event_time: TimeField = field(default_factory=lambda: TimeField((EVENT_TIME,)))
    sent_time: TimeField = TimeField()
    received_time: TimeField = RECORD_TIME_FIELD
    client: str | None = CLIENT
    session: str | None = SESSION
    sequence: str | None = SEQUENCE
    session_gap_s: float = DEFAULT_GAP_S
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.session_gap_s > 0:
            raise FieldsError(
                f"A session gap of {self.session_gap_s} s is impossible.",
                "Choose one larger than zero.",
            )

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source that plays a role."""
        return tuple(dict.fromkeys(self._sources()))

    @property
    def extras(self) -> tuple[str, ...]:
        """The sources outside the value that a decoder has to keep (`extras`)."""
        every = dict.fromkeys((*self.sources, *self.kept))
        return tuple(source for source in every if source.startswith((KEY, HEADER)))

    def _sources(self) -> Iterator[str]:
        for time in (self.event_time, self.sent_time, self.received_time):
            yield from time.sources
        for source in (self.client, self.session, self.sequence):
            if source is not None:
                yield source


TIME_ROLES: Final = {
    "event_time": ("unit", "zone"),
    "sent_time": ("sent_unit", "zone"),
    "received_time": ("received_unit", "received_zone"),
}
"""Role of a time → what chooses its form and its zone. Event and sent time are one clock's."""

IDENTITY_ROLES: Final = ("client", "session", "sequence")

KEPT: Final = "kept"
"""What is kept beside the fields of the value, as columns of their own: the key, headers."""

WRAPPERS: Final = "wrappers"
"""What is unwrapped before there are fields: names of `lib.decoding.wrappers.LAYERS`."""

CHOICES: Final = (
    *TIME_ROLES,
    *IDENTITY_ROLES,
    "unit",
    "sent_unit",
    "received_unit",
    "zone",
    "received_zone",
    "session_gap_s",
    WRAPPERS,
)
"""What can be chosen: by link, in the sidebar, and in the secrets under `[fields."TOPIC"]`."""


def sources_in(text: str) -> tuple[str, ...]:
    """Return the sources of a time that a text chooses: `ts||created`, `none`."""
    return tuple(source for source in text.split(IN_ORDER) if source not in ("", NO_FIELD))


def source_in(text: str) -> str | None:
    """Return the source of an identity that a text chooses: `device_id`, `none`."""
    return None if text == NO_FIELD else text


def with_choices(recognised: Fields, chosen: Mapping[str, Any]) -> Fields:
    """Return recognised fields with what was chosen in their place.

    Parameters
    ----------
    chosen
        By name (`CHOICES`): a time's sources as one name or several, an identity's source; None
        for none; forms and zones by name; what is kept. What is unwrapped is no field.

    Raises
    ------
    FieldsError
        When a name, a form or a zone is unknown.
    """
    unknown = sorted(set(chosen) - {*CHOICES, KEPT})
    if unknown:
        raise FieldsError(
            f"{', '.join(unknown)} cannot be chosen for fields.", f"Known: {', '.join(CHOICES)}."
        )
    wanted: dict[str, Any] = {
        role: _chosen_time(getattr(recognised, role), chosen, role, form, zone)
        for role, (form, zone) in TIME_ROLES.items()
    }
    wanted |= {n: chosen[n] for n in (*IDENTITY_ROLES, "session_gap_s", KEPT) if n in chosen}
    return replace(recognised, **wanted)


def _chosen_time(
    recognised: TimeField, chosen: Mapping[str, Any], role: str, form: str, zone: str
) -> TimeField:
    wanted: dict[str, Any] = {}
    if role in chosen:
        sources = chosen[role]
        wanted["sources"] = (sources,) if isinstance(sources, str) else tuple(sources or ())
    if chosen.get(form):
        wanted["form"] = chosen[form]
    if chosen.get(zone):
        wanted["zone"] = chosen[zone]
    return replace(recognised, **wanted)
