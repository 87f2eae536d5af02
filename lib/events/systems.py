"""Systems whose events are known by their fields, and which role each field has there.

Where the names alone would mislead: Segment's `timestamp` is not the device's, Amplitude's
`event_time` is adjusted by the server, and so on. Each is taken from its system's documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class System:
    """A system, the fields by which it is known, and the roles that it gives them.

    Attributes
    ----------
    name
        What it is called; "" where no system is known.
    known_by
        Fields that all have to be there, at the top of the value or together inside one object.
    event_time, sent_time, received_time, client, session, sequence
        Its fields; None: recognised as in any topic.
    stand_in
        What is the event time only where no other field is: the time of what is around events.
    """

    name: str
    known_by: tuple[str, ...] = ()
    event_time: str | None = None
    sent_time: str | None = None
    received_time: str | None = None
    client: str | None = None
    session: str | None = None
    sequence: str | None = None
    stand_in: str | None = None


UNKNOWN: Final = System("")

SYSTEMS: Final = (
    System(
        "Segment",
        ("originalTimestamp", "sentAt", "receivedAt"),
        event_time="originalTimestamp",
        sent_time="sentAt",
        received_time="receivedAt",
        client="anonymousId",
    ),
    System(
        "RudderStack",
        ("original_timestamp", "sent_at", "received_at"),
        event_time="original_timestamp",
        sent_time="sent_at",
        received_time="received_at",
        client="anonymous_id",
    ),
    System(
        "Snowplow",
        ("dvce_created_tstamp", "collector_tstamp"),
        event_time="dvce_created_tstamp",
        sent_time="dvce_sent_tstamp",
        received_time="collector_tstamp",
        client="domain_userid",
        session="domain_sessionid",
    ),
    System(
        "Snowplow tracker",
        ("dtm", "stm", "eid"),
        event_time="dtm",
        sent_time="stm",
        client="duid",
        session="sid",
    ),
    System(
        "Amplitude",
        ("client_event_time", "server_received_time"),
        event_time="client_event_time",
        sent_time="client_upload_time",
        received_time="server_received_time",
        client="device_id",
        session="session_id",
        sequence="event_id",
    ),
    System(
        "PostHog",
        ("distinct_id", "sent_at", "now"),
        event_time="timestamp",
        sent_time="sent_at",
        received_time="now",
        client="distinct_id",
        session="properties.$session_id",
    ),
    System(
        "GA4",
        ("event_timestamp", "user_pseudo_id"),
        event_time="event_timestamp",
        client="user_pseudo_id",
    ),
    System(
        "Debezium",
        ("source.ts_ms", "op", "ts_ms"),
        event_time="source.ts_ms",
        received_time="ts_ms",
    ),
    System(
        "Mixpanel",
        ("properties.time", "properties.distinct_id"),
        event_time="properties.time",
        received_time="properties.mp_processing_time_ms",
        client="properties.distinct_id",
    ),
    System(
        "Traccar",
        ("fixTime", "deviceTime", "serverTime"),
        event_time="fixTime",
        sent_time="deviceTime",
        received_time="serverTime",
        client="deviceId",
    ),
    System(
        "OwnTracks",
        ("_type", "tst", "created_at"),
        event_time="tst",
        sent_time="created_at",
        client="tid",
    ),
    System(
        "Mosquitto",
        ("tst", "topic", "qos", "payloadlen"),
        received_time="tst",
        client="topic",
    ),
    System(
        "journald",
        ("__REALTIME_TIMESTAMP",),
        event_time="_SOURCE_REALTIME_TIMESTAMP",
        received_time="__REALTIME_TIMESTAMP",
        client="_HOSTNAME",
    ),
    System(
        "Zeek",
        ("ts", "uid", "id.orig_h"),
        event_time="ts",
        client="id.orig_h",
    ),
    System(
        "The Things Network",
        ("received_at", "end_device_ids.device_id"),
        received_time="received_at",
        client="end_device_ids.device_id",
        sequence="uplink_message.f_cnt",
    ),
    System(
        "CloudTrail",
        ("eventVersion", "eventTime", "eventSource"),
        event_time="eventTime",
        client="userIdentity.userName",
    ),
    System(
        "CloudEvents",
        ("specversion", "source", "type", "time"),
        event_time="time",
        client="source",
    ),
    System(
        "EventBridge",
        ("detail-type", "source", "time"),
        stand_in="time",
    ),
    System(
        "MongoDB change stream",
        ("operationType", "wallTime.$date"),
        received_time="wallTime.$date",
    ),
)


def known_system(fields: Iterable[str]) -> System:
    """Return the system that writes such fields, those roles left out whose field is not there.

    Parameters
    ----------
    fields
        The names of a topic's fields, nested ones with dots. A system's fields may all stand inside
        one object, as where an envelope is around its events.

    Returns
    -------
    System
        Its roles as the topic's own fields; `UNKNOWN` where no system is known.
    """
    names = set(fields)
    for system in SYSTEMS:
        first, *others = system.known_by
        inside = [n.removesuffix(first) for n in names if n == first or n.endswith(f".{first}")]
        for prefix in sorted(inside, key=len):
            if all(f"{prefix}{other}" in names for other in others):
                return _placed(system, prefix, names)
    return UNKNOWN


def _placed(system: System, prefix: str, names: set[str]) -> System:
    """Return a system with its fields under a prefix, without those that are not there."""

    def there(field: str | None) -> str | None:
        name = None if field is None else f"{prefix}{field}"
        return name if name in names else None

    return System(
        system.name,
        system.known_by,
        there(system.event_time),
        there(system.sent_time),
        there(system.received_time),
        there(system.client),
        there(system.session),
        there(system.sequence),
        there(system.stand_in),
    )
