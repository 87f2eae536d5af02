"""Events in the public forms of systems that people read from Kafka, and which field is what.

Each shape is written from the documentation of its system, by hand. One device clock, one upload
and one receipt stand behind an event: the truth that a reader has to find again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Happening:
    """One event as it happened: times in epoch ms, and its place in its client's count."""

    client: str
    session: str
    number: int
    event_ms: int
    sent_ms: int
    received_ms: int


@dataclass(frozen=True)
class Shape:
    """How a system writes an event, and the fields that hold its roles; None where it has none.

    `clients` are the fields that may all be taken for the client.
    """

    system: str
    record: Callable[[Happening], dict[str, Any]]
    event_time: str
    sent_time: str | None = None
    received_time: str | None = None
    clients: tuple[str, ...] = ()
    session: str | None = None
    sequence: str | None = None


def _utc(ms: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)


def _z(ms: int) -> str:
    """2024-01-02T03:04:10.220Z."""
    return _utc(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def _space(ms: int) -> str:
    """2024-01-02 03:04:10.220000."""
    return _utc(ms).strftime("%Y-%m-%d %H:%M:%S.%f")


SHAPES = (
    Shape(
        "Segment",
        lambda h: {
            "anonymousId": h.client,
            "context": {"library": {"name": "analytics.js", "version": "2.11.1"}},
            "event": "Item Viewed",
            "messageId": f"ajs-{h.client}-{h.number}",
            "originalTimestamp": _z(h.event_ms),
            "receivedAt": _z(h.received_ms),
            "sentAt": _z(h.sent_ms),
            "timestamp": _z(h.event_ms + h.received_ms - h.sent_ms),
            "type": "track",
            "version": 2,
        },
        "originalTimestamp",
        "sentAt",
        "receivedAt",
        ("anonymousId",),
    ),
    Shape(
        "RudderStack",
        lambda h: {
            "id": f"{h.client}-{h.number}",
            "anonymous_id": h.client,
            "event": "item_viewed",
            "original_timestamp": _z(h.event_ms),
            "sent_at": _z(h.sent_ms),
            "received_at": _z(h.received_ms),
            "timestamp": _z(h.event_ms + h.received_ms - h.sent_ms),
            "channel": "mobile",
        },
        "original_timestamp",
        "sent_at",
        "received_at",
        ("anonymous_id",),
    ),
    Shape(
        "Snowplow",
        lambda h: {
            "app_id": "shop",
            "platform": "mob",
            "etl_tstamp": _z(h.received_ms + 4_000),
            "collector_tstamp": _z(h.received_ms),
            "dvce_created_tstamp": _z(h.event_ms),
            "event": "struct",
            "event_id": f"c6ef3124-{h.client}-{h.number}",
            "domain_userid": h.client,
            "domain_sessionidx": 1,
            "domain_sessionid": h.session,
            "dvce_sent_tstamp": _z(h.sent_ms),
            "derived_tstamp": _z(h.event_ms + h.received_ms - h.sent_ms),
        },
        "dvce_created_tstamp",
        "dvce_sent_tstamp",
        "collector_tstamp",
        ("domain_userid",),
        "domain_sessionid",
    ),
    Shape(
        "Snowplow tracker",
        lambda h: {
            "e": "pv",
            "duid": h.client,
            "sid": h.session,
            "eid": f"c6ef3124-{h.client}-{h.number}",
            "dtm": str(h.event_ms),
            "stm": str(h.sent_ms),
        },
        "dtm",
        "stm",
        None,
        ("duid",),
        "sid",
    ),
    Shape(
        "Amplitude",
        lambda h: {
            "$insert_id": f"{h.client}-{h.number}",
            "client_event_time": _space(h.event_ms),
            "client_upload_time": _space(h.sent_ms),
            "device_id": h.client,
            "event_id": h.number,
            "event_time": _space(h.event_ms + h.received_ms - h.sent_ms),
            "event_type": "view",
            "processed_time": _space(h.received_ms + 9_000),
            "server_received_time": _space(h.received_ms),
            "server_upload_time": _space(h.received_ms + 1_200),
            "session_id": int(h.session.rpartition("-")[2]),
        },
        "client_event_time",
        "client_upload_time",
        "server_received_time",
        ("device_id",),
        "session_id",
        "event_id",
    ),
    Shape(
        "PostHog",
        lambda h: {
            "uuid": f"0192-{h.client}-{h.number}",
            "event": "$pageview",
            "distinct_id": h.client,
            "properties": {"$session_id": h.session, "$lib": "web"},
            "timestamp": _z(h.event_ms),
            "sent_at": _z(h.sent_ms),
            "now": _z(h.received_ms),
            "team_id": 2,
        },
        "timestamp",
        "sent_at",
        "now",
        ("distinct_id",),
        "properties.$session_id",
    ),
    Shape(
        "GA4",
        lambda h: {
            "event_date": _utc(h.event_ms).strftime("%Y%m%d"),
            "event_timestamp": h.event_ms * 1000,
            "event_name": "page_view",
            "user_pseudo_id": h.client,
            "user_first_touch_timestamp": 1_700_000_000_000_000,
            "stream_id": "1234567",
        },
        "event_timestamp",
        clients=("user_pseudo_id",),
    ),
    Shape(
        "CloudEvents",
        lambda h: {
            "specversion": "1.0",
            "id": f"{h.client}/{h.number}",
            "source": f"/devices/{h.client}",
            "type": "com.example.reading",
            "time": _z(h.event_ms),
            "data": {"temperature": 20.5, "sequence": h.number},
        },
        "time",
        clients=("source",),
        sequence="data.sequence",
    ),
    Shape(
        "Debezium",
        lambda h: {
            "before": None,
            "after": {"id": h.number, "customer_id": h.client, "total": 12},
            "source": {
                "version": "3.0.0.Final",
                "connector": "postgresql",
                "name": "shop",
                "ts_ms": h.event_ms,
                "db": "shop",
                "table": "orders",
                "lsn": 24_023_128 + h.number,
            },
            "op": "c",
            "ts_ms": h.received_ms,
        },
        "source.ts_ms",
        None,
        "ts_ms",
        ("after.customer_id",),
    ),
    Shape(
        "Azure Stream Analytics",
        lambda h: {
            "deviceId": h.client,
            "ts": _z(h.event_ms),
            "temperature": 21.5,
            "EventProcessedUtcTime": _z(h.received_ms + 30_000),
            "PartitionId": 1,
            "EventEnqueuedUtcTime": _z(h.received_ms),
        },
        "ts",
        None,
        "EventEnqueuedUtcTime",
        ("deviceId",),
    ),
    Shape(
        "Azure Event Hubs",
        lambda h: {
            "Offset": str(4_000 + 100 * h.number),
            "EnqueuedTimeUtc": _z(h.received_ms),
            "SystemProperties": {"x-opt-publisher": "gateway"},
            "Body": {"deviceId": h.client, "time": _z(h.event_ms), "seq": h.number},
        },
        "Body.time",
        None,
        "EnqueuedTimeUtc",
        ("Body.deviceId",),
        None,
        "Body.seq",
    ),
    Shape(
        "Azure IoT Hub",
        lambda h: {
            "timestamp": _z(h.event_ms),
            "temperature": 21.5,
            "IoTHub": {
                "MessageId": None,
                "ConnectionDeviceId": h.client,
                "ConnectionDeviceGenerationId": "637",
                "EnqueuedTime": _z(h.received_ms),
            },
        },
        "timestamp",
        None,
        "IoTHub.EnqueuedTime",
        ("IoTHub.ConnectionDeviceId",),
    ),
    Shape(
        "Kinesis",
        lambda h: {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": h.client,
                "sequenceNumber": f"49590338271490256608559692538361571095{h.number:04}",
                "data": {"device": h.client, "ts": h.event_ms, "seq": h.number},
                "approximateArrivalTimestamp": h.received_ms / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventName": "aws:kinesis:record",
        },
        "kinesis.data.ts",
        None,
        "kinesis.approximateArrivalTimestamp",
        ("kinesis.data.device", "kinesis.partitionKey"),
        None,
        "kinesis.data.seq",
    ),
    Shape(
        "Pub/Sub",
        lambda h: {
            "message": {
                "attributes": {"device_id": h.client, "event_time": _z(h.event_ms)},
                "data": "eyJ0IjoyMS41fQ==",
                "messageId": f"9{h.number:09}",
                "publishTime": _z(h.received_ms),
            },
            "subscription": "projects/shop/subscriptions/readings",
        },
        "message.attributes.event_time",
        None,
        "message.publishTime",
        ("message.attributes.device_id",),
    ),
    Shape(
        "OpenTelemetry",
        lambda h: {
            "timeUnixNano": str(h.event_ms * 1_000_000),
            "observedTimeUnixNano": str(h.received_ms * 1_000_000),
            "severityNumber": 9,
            "body": {"stringValue": "reading"},
            "resource": {"host.name": h.client},
        },
        "timeUnixNano",
        None,
        "observedTimeUnixNano",
        ("resource.host.name",),
    ),
    Shape(
        "CloudWatch Logs",
        lambda h: {
            "logGroupName": "/devices",
            "logStreamName": h.client,
            "timestamp": h.event_ms,
            "message": "reading",
            "ingestionTime": h.received_ms,
            "eventId": f"3731952797412345678901234567890123456789012345678{h.number:04}",
        },
        "timestamp",
        None,
        "ingestionTime",
        ("logStreamName",),
    ),
    Shape(
        "Elastic Common Schema",
        lambda h: {
            "@timestamp": _z(h.event_ms),
            "message": "reading",
            "host": {"name": h.client},
            "log": {"offset": 4_000 + 91 * h.number},
            "event": {"ingested": _z(h.received_ms), "kind": "event"},
        },
        "@timestamp",
        None,
        "event.ingested",
        ("host.name",),
    ),
    Shape(
        "Mosquitto",
        lambda h: {
            "tst": _utc(h.received_ms).strftime("%Y-%m-%dT%H:%M:%S.%f") + "+0000",
            "topic": f"devices/{h.client}/reading",
            "qos": 0,
            "retain": 0,
            "payloadlen": 42,
            "payload": {"ts": h.event_ms, "seq": h.number, "temperature": 20.5},
        },
        "payload.ts",
        None,
        "tst",
        ("topic",),
        None,
        "payload.seq",
    ),
    Shape(
        "The Things Network",
        lambda h: {
            "end_device_ids": {
                "device_id": h.client,
                "application_ids": {"application_id": "meters"},
                "dev_addr": "260B12FF",
            },
            "received_at": _z(h.received_ms),
            "uplink_message": {
                "f_port": 1,
                "f_cnt": h.number,
                "frm_payload": "AQID",
                "decoded_payload": {"time": _z(h.event_ms), "volume": 12.5},
            },
        },
        "uplink_message.decoded_payload.time",
        None,
        "received_at",
        ("end_device_ids.device_id",),
        None,
        "uplink_message.f_cnt",
    ),
    Shape(
        "Mixpanel",
        lambda h: {
            "event": "Viewed",
            "properties": {
                "time": h.event_ms // 1000,
                "distinct_id": h.client,
                "$insert_id": f"{h.client}{h.number}",
                "mp_processing_time_ms": h.received_ms,
            },
        },
        "properties.time",
        None,
        "properties.mp_processing_time_ms",
        ("properties.distinct_id",),
    ),
    Shape(
        "Traccar",
        lambda h: {
            "id": 100_000 + h.number,
            "deviceId": h.client,
            "protocol": "osmand",
            "serverTime": _z(h.received_ms),
            "deviceTime": _z(h.sent_ms),
            "fixTime": _z(h.event_ms),
            "latitude": 48.2,
            "longitude": 16.3,
        },
        "fixTime",
        "deviceTime",
        "serverTime",
        ("deviceId",),
    ),
    Shape(
        "OwnTracks",
        lambda h: {
            "_type": "location",
            "tid": h.client,
            "tst": h.event_ms // 1000,
            "created_at": h.sent_ms // 1000,
            "lat": 48.2,
            "lon": 16.3,
        },
        "tst",
        "created_at",
        None,
        ("tid",),
    ),
    Shape(
        "journald",
        lambda h: {
            "__CURSOR": f"s=1;i={h.number:x}",
            "__REALTIME_TIMESTAMP": str(h.received_ms * 1000),
            "_SOURCE_REALTIME_TIMESTAMP": str(h.event_ms * 1000),
            "_HOSTNAME": h.client,
            "MESSAGE": "reading",
        },
        "_SOURCE_REALTIME_TIMESTAMP",
        None,
        "__REALTIME_TIMESTAMP",
        ("_HOSTNAME",),
    ),
    Shape(
        "Telegraf",
        lambda h: {
            "fields": {"usage_idle": 93.5},
            "name": "cpu",
            "tags": {"host": h.client, "cpu": "cpu-total"},
            "timestamp": h.event_ms // 1000,
        },
        "timestamp",
        clients=("tags.host",),
    ),
    Shape(
        "Prometheus adapter",
        lambda h: {
            "timestamp": _z(h.event_ms),
            "value": "12.5",
            "name": "temperature",
            "labels": {"__name__": "temperature", "instance": h.client, "job": "meters"},
        },
        "timestamp",
        clients=("labels.instance",),
    ),
    Shape(
        "Fluent Bit",
        lambda h: {"date": h.event_ms / 1000, "hostname": h.client, "log": "reading"},
        "date",
        clients=("hostname",),
    ),
    Shape(
        "CloudTrail",
        lambda h: {
            "eventVersion": "1.08",
            "eventTime": _utc(h.event_ms).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "s3.amazonaws.com",
            "eventName": "GetObject",
            "eventID": f"8f2b-{h.client}-{h.number}",
            "userIdentity": {"type": "IAMUser", "userName": h.client},
        },
        "eventTime",
        clients=("userIdentity.userName",),
    ),
    Shape(
        "AppsFlyer",
        lambda h: {
            "event_time": _space(h.event_ms)[:-3],
            "install_time": "2023-11-01 10:00:00.000",
            "event_name": "view",
            "appsflyer_id": h.client,
            "idfv": None,
        },
        "event_time",
        clients=("appsflyer_id",),
    ),
    Shape(
        "Adjust",
        lambda h: {
            "adid": h.client,
            "created_at": h.event_ms // 1000,
            "received_at": h.received_ms // 1000,
            "event_name": "view",
        },
        "created_at",
        None,
        "received_at",
        ("adid",),
    ),
    Shape(
        "MongoDB change stream",
        lambda h: {
            "operationType": "insert",
            "wallTime": {"$date": _z(h.received_ms)},
            "ns": {"db": "shop", "coll": "readings"},
            "fullDocument": {"device": h.client, "at": {"$date": _z(h.event_ms)}, "n": h.number},
        },
        "fullDocument.at.$date",
        None,
        "wallTime.$date",
        ("fullDocument.device",),
        None,
        "fullDocument.n",
    ),
    Shape(
        "the notebook",
        lambda h: {
            "ClientID": h.client,
            "Data": {"Errors": 0, "Values": 17},
            "EventID": h.number,
            "Kind": "m",
            "SessionID": h.session,
            "Timestamp": h.event_ms,
        },
        "Timestamp",
        clients=("ClientID",),
        session="SessionID",
        sequence="EventID",
    ),
)
"""Every shape; `system` is its name in the documentation."""
