"""Which time is the event's and which the receipt's: none is invented, and none is swapped."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.columns import KEY
from lib.core.schemas import NoSchemas
from lib.decoding.registry import decoder_for
from lib.events.fields import RECORD_TIME_FIELD, TimeField
from lib.events.recognition import recognise
from tests.events.test_recognition import decoded, happenings
from tests.support.blocks import block

EVERY = happenings()
SPREAD = happenings(each=200)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def fields_of(record_of, every=EVERY, timestamps=None):
    return recognise(decoded([record_of(h) for h in every], timestamps)).fields


def beside_ts(name, value_of, every=EVERY):
    """The received time that is recognised beside `ts`, and a field of any name and value."""
    return fields_of(
        lambda h: {"device": h.client, "ts": h.event_ms, name: value_of(h)}, every
    ).received_time


def up_to(step):
    return lambda h: -(-h.event_ms // step) * step


def iso(ms):
    return f"{np.datetime64(ms, 'ms')}Z"


@pytest.mark.parametrize(
    ("received", "event", "client"),
    [
        ("Empfangen", "Zeitstempel", "Gerät"),
        ("Empfangszeit", "Ereigniszeit", "GeräteID"),
        ("date_reception", "date_evenement", "utilisateur"),
        ("reçu_le", "horodatage", "appareil"),
        ("fechaRecepcion", "fechaEvento", "idDispositivo"),
        ("recebido_em", "data_hora", "cliente"),
        ("ricevuto", "evento_ora", "utente"),
        ("受信時刻", "発生時刻", "設備"),
        ("接收时间", "事件时间", "设备编号"),
    ],
)
def test_names_in_other_languages_tell_roles_whatever_the_order_of_rows_and_fields(
    received, event, client
):
    by_event_time = sorted(EVERY, key=lambda h: h.event_ms)

    fields = fields_of(
        lambda h: {received: h.received_ms, event: h.event_ms, client: h.client}, by_event_time
    )

    assert fields.event_time == TimeField((event,))
    assert fields.received_time == TimeField((received,))
    assert fields.client == client


@pytest.mark.parametrize("name", ["Kundendienst", "Gerätetyp", "Benutzergruppe", "顧客数"])
def test_names_that_only_begin_alike_are_no_client(name):
    assert fields_of(lambda h: {"ts": h.event_ms, name: h.client}).client is None


@pytest.mark.parametrize("name", ["occurredAt", "measured_at", "device_time", "event_ts"])
def test_a_name_that_tells_of_the_event_goes_before_a_timestamp_whatever_the_order(name):
    by_event_time = sorted(EVERY, key=lambda h: h.event_ms)

    fields = fields_of(lambda h: {"timestamp": h.received_ms, name: h.event_ms}, by_event_time)

    assert fields.event_time == TimeField((name,))


def test_what_an_event_time_is_rounded_from_is_no_time_of_receipt():
    # Given nginx's log, which has one moment twice
    fields = fields_of(
        lambda h: {"time_local": iso(h.received_ms // 1000 * 1000), "msec": h.received_ms / 1000}
    )

    # Then no delay can be made of both
    assert fields.received_time == TimeField()


@pytest.mark.parametrize(
    "name",
    [
        "kubernetes.pod_name",
        "resource.service.instance.id",
        "SystemProperties.iothub-connection-device-id",
        "@logStream",
    ],
)
def test_clients_are_known_by_the_names_that_tools_give_them(name):
    fields = fields_of(lambda h: {"ts": h.event_ms, name: h.client})

    assert fields.client == name


def test_a_pod_is_the_client_and_not_the_machine_that_it_runs_on():
    fields = fields_of(lambda h: {"ts": h.event_ms, "host": "n1", "pod_name": h.client})

    assert fields.client == "pod_name"


def digits_of(ms, as_number):
    digits = iso(ms)[11:19].replace(":", "")
    return int(digits) if as_number else digits


@pytest.mark.parametrize("as_number", [True, False])
def test_a_date_and_a_time_of_day_in_digits_are_one_time(as_number):
    # Given hours from 03 on, so that numbers lack a digit
    fields = fields_of(
        lambda h: {
            "device": h.client,
            "event_date": int(iso(h.event_ms)[:10].replace("-", "")),
            "event_time": digits_of(h.event_ms, as_number),
            "recv_date": iso(h.received_ms)[:10],
            "recv_time": digits_of(h.received_ms, as_number),
        }
    )

    assert fields.event_time == TimeField(("event_date + event_time",))
    assert fields.received_time == TimeField(("recv_date + recv_time",))


def test_a_time_of_day_may_be_of_twelve_hours():
    def clock(ms):
        hour = int(iso(ms)[11:13])
        return f"{hour % 12 or 12}{iso(ms)[13:19]} {'AM' if hour < 12 else 'PM'}"

    fields = fields_of(
        lambda h: {
            "device": h.client,
            "Date": f"{iso(h.event_ms)[5:7]}/13/2024",
            "Time": clock(h.event_ms),
        }
    )

    assert fields.event_time == TimeField(("Date + Time",))


@pytest.mark.parametrize("name", ["time", "response_time", "count"])
def test_how_long_something_took_is_no_time_of_day(name):
    # Given numbers that are all less than a minute, or not called a time
    fields = fields_of(
        lambda h: {
            "date": int(iso(h.event_ms)[:10].replace("-", "")),
            name: h.number if name != "count" else 30_000 + h.number,
        }
    )

    assert fields.event_time == TimeField(("date",))


class TestReceivedTimesAreNotInvented:
    @pytest.mark.parametrize(
        ("name", "value_of"),
        [
            ("ingest_date", lambda h: iso(h.event_ms)[:10]),
            ("ingest_dt", lambda h: int(iso(h.event_ms)[:10].replace("-", ""))),
            ("ingest_hour", lambda h: h.received_ms // HOUR * HOUR),
            ("received_quarter", lambda h: h.received_ms // (15 * MINUTE) * 15 * MINUTE),
        ],
    )
    def test_a_day_or_an_hour_is_no_time_of_receipt(self, name, value_of):
        assert beside_ts(name, value_of, SPREAD) == TimeField()

    def test_whole_minutes_are_one(self):
        def minute(h):
            return h.received_ms // MINUTE * MINUTE

        assert beside_ts("received_at", minute, SPREAD) == TimeField(("received_at",))

    @pytest.mark.parametrize("name", ["WINDOWEND", "slot", "window", "x", "hour_bucket", "dtend"])
    @given(seconds=st.sampled_from([1, 2, 5, 10, 30, 60, 300, 3_600]))
    @settings(max_examples=10)
    def test_the_end_of_a_window_is_no_time_of_receipt(self, name, seconds):
        ordered = sorted(EVERY, key=lambda h: h.event_ms)

        assert beside_ts(name, up_to(seconds * 1_000), ordered) == TimeField()

    @pytest.mark.parametrize(
        "name", ["x", "estimated_arrival", "arrival_time", "dropoff", "due_at"]
    )
    def test_what_comes_long_after_each_event_is_no_time_of_receipt(self, name):
        ends = sorted(
            (h.event_ms + 400_000 + h.number * 7_919 % 900_000, h.event_ms) for h in EVERY
        )
        records = [{"ts": event, name: end} for end, event in ends]

        assert recognise(decoded(records)).fields.received_time == TimeField()

    @pytest.mark.parametrize("name", ["published_at", "collected", "article.published_at"])
    def test_what_was_days_before_each_event_is_no_time_of_receipt(self, name):
        def earlier(h):
            return h.event_ms - (h.number * 5 % 19) * DAY

        assert beside_ts(name, earlier) == TimeField()

    @pytest.mark.parametrize("name", ["x", "gateway_boot"])
    def test_one_time_for_all_is_no_time_of_receipt(self, name):
        assert beside_ts(name, lambda _: EVERY[-1].received_ms) == TimeField()

    def test_an_amount_is_no_time_of_receipt(self):
        assert beside_ts("bytes_received", lambda h: h.received_ms // 1_000) == TimeField()

    def test_of_event_clocks_that_run_days_ahead_the_time_of_receipt_is_found(self):
        fields = fields_of(lambda h: {"ts": h.event_ms + 9 * DAY, "received_at": h.received_ms})

        assert fields.received_time == TimeField(("received_at",))

    @pytest.mark.parametrize("ago_d", [-365, 90, 365])
    def test_of_events_of_another_year_the_time_of_receipt_is_found(self, ago_d):
        """Given a backfill, or clocks with a wrong year."""
        fields = fields_of(lambda h: {"ts": h.event_ms - ago_d * DAY, "received_at": h.received_ms})

        assert fields.received_time == TimeField(("received_at",))

    @pytest.mark.parametrize("ahead_h", [-5, 2])
    @pytest.mark.parametrize("name", ["received_at", "arrival_time"])
    def test_where_a_zone_is_missing_it_is_found(self, name, ahead_h):
        def shifted(h):
            return h.received_ms + ahead_h * HOUR

        assert beside_ts(name, shifted) == TimeField((name,))

    @pytest.mark.parametrize("written", [lambda ms: ms // 1_000, lambda ms: iso(ms)[:19] + "Z"])
    def test_a_clock_without_a_telling_name_may_write_whole_seconds(self, written):
        assert beside_ts("x", lambda h: written(h.received_ms)) == TimeField(("x",))

    @pytest.mark.parametrize("step", [1, 1_000])
    def test_a_copy_of_the_event_time_in_another_field_is_no_time_of_receipt(self, step):
        ordered = sorted(EVERY, key=lambda h: h.event_ms)

        assert beside_ts("x", lambda h: h.event_ms // step * step, ordered) == TimeField()

    @pytest.mark.parametrize("name", ["receivedat", "ingesttime", "tsreceived"])
    def test_a_name_may_be_written_without_spaces(self, name):
        by_event = sorted(EVERY, key=lambda h: h.event_ms)

        assert beside_ts(name, lambda h: h.received_ms, by_event) == TimeField((name,))


class TestRolesAreNotSwapped:
    @pytest.mark.parametrize("ordered_by", ["event_ms", "received_ms"])
    @pytest.mark.parametrize(
        ("event", "received"),
        [
            ("collected_at", "reported_at"),
            ("observed_at", "received_at"),
            ("published", "received"),
            ("collected_at", "ingested_at"),
            ("logged_at", "arrived"),
            ("started_at", "received_at"),
            ("startTimeUnixNano", "receivedTime"),
            ("starttime", "receivedat"),
        ],
    )
    def test_what_comes_first_is_the_event(self, event, received, ordered_by):
        every = sorted(EVERY, key=lambda h: getattr(h, ordered_by))

        fields = fields_of(lambda h: {event: h.event_ms, received: h.received_ms}, every)

        assert (fields.event_time, fields.received_time) == (
            TimeField((event,)),
            TimeField((received,)),
        )

    def test_a_clock_that_runs_ahead_of_the_collectors_stays_the_events(self):
        fields = fields_of(
            lambda h: {"reported_at": h.event_ms + HOUR, "collected_at": h.received_ms}
        )

        assert fields.event_time == TimeField(("reported_at",))
        assert fields.received_time == TimeField(("collected_at",))

    def test_in_kafka_what_was_observed_is_the_event_where_a_receipt_is_told_too(self):
        fields = fields_of(
            lambda h: {"observed_at": h.event_ms, "received_at": h.received_ms},
            timestamps=[h.received_ms + 9 for h in EVERY],
        )

        assert fields.event_time == TimeField(("observed_at",))
        assert fields.received_time == RECORD_TIME_FIELD

    @pytest.mark.parametrize("names", [("received_at", "ingested_at"), ("observed_at",)])
    def test_of_times_of_receipt_alone_none_is_the_events(self, names):
        fields = fields_of(lambda h: {name: h.received_ms + n for n, name in enumerate(names)})

        assert fields.event_time == TimeField()

    def test_whole_seconds_of_receipt_are_not_the_event_time(self):
        fields = fields_of(lambda h: {"ts": h.event_ms, "timestamp": h.received_ms // 1_000})

        assert fields.event_time == TimeField(("ts",))
        assert fields.received_time == TimeField(("timestamp",))

    @pytest.mark.parametrize("name", ["session_start", "window_start", "process.start_time"])
    def test_when_another_thing_began_is_not_the_event_time(self, name):
        fields = fields_of(lambda h: {name: h.event_ms, "received_at": h.received_ms})

        assert fields.event_time == TimeField()


class TestBatches:
    """A record has several events, and a time of its own."""

    @staticmethod
    def event_time(outer, inner, size):
        """What is recognised where so many events each are sent in a record together."""
        batches = [EVERY[at : at + size] for at in range(0, len(EVERY), size)]
        sent = [max(h.received_ms for h in batch) for batch in batches]
        values = [
            json.dumps({**outer(ms), "readings": [inner(h) for h in batch]}).encode()
            for ms, batch in zip(sent, batches, strict=True)
        ]
        records = block(*values, timestamps=[ms + 100 for ms in sent])
        columns = decoder_for(records, NoSchemas()).decode(records, extras=(KEY,)).columns
        return recognise(columns).fields.event_time

    @pytest.mark.parametrize("outer", ["ts", "timestamp", "header.timestamp"])
    @pytest.mark.parametrize("inner", ["t", "time", "timestamp", "at"])
    @pytest.mark.parametrize("size", [2, 7])
    def test_the_time_that_all_share_is_not_the_event_time(self, outer, inner, size):
        parent, _, name = outer.rpartition(".")

        found = self.event_time(
            lambda ms: {parent: {name: ms}} if parent else {name: ms},
            lambda h: {"device_id": h.client, inner: h.event_ms},
            size,
        )

        assert found == TimeField((f"readings.{inner}",))

    def test_where_events_have_no_time_of_their_own_it_is(self):
        found = self.event_time(
            lambda ms: {"ts": ms}, lambda h: {"device_id": h.client, "load": h.number}, 5
        )

        assert found == TimeField(("ts",))


class TestDatesAndTimesOfDay:
    @staticmethod
    def written(ms):
        return str(np.datetime64(ms, "ms")).split("T")

    @pytest.mark.parametrize(
        ("event", "received"),
        [
            (("event_date", "event_time"), ("received_date", "received_time")),
            (("date", "time"), ("recv_date", "recv_time")),
            (("EventDate", "EventTime"), ("ReceivedDate", "ReceivedTime")),
            (("eventdate", "eventtime"), ("ingestdate", "ingesttime")),
        ],
    )
    def test_both_times_may_be_in_two_columns(self, event, received):
        fields = fields_of(
            lambda h: {
                **dict(zip(event, self.written(h.event_ms), strict=True)),
                **dict(zip(received, self.written(h.received_ms), strict=True)),
            }
        )

        assert fields.event_time == TimeField((" + ".join(event),))
        assert fields.received_time == TimeField((" + ".join(received),))

    @pytest.mark.parametrize(
        "other",
        [{"install_date": "2023-01-01"}, {"shift_start": "06:00"}, {"birthday": "01.02.1990"}],
    )
    def test_a_further_date_or_time_of_day_stays_alone(self, other):
        def record(h):
            day, clock = self.written(h.event_ms)
            return {"date": day, "time": clock, **other, "received_at": h.received_ms}

        assert fields_of(record).event_time == TimeField(("date + time",))

    def test_which_of_two_times_of_day_belongs_to_a_date_is_not_guessed(self):
        def record(h):
            day, clock = self.written(h.event_ms)
            return {"date": day, "started_time": clock, "ended_time": clock}

        assert " + " not in "".join(fields_of(record).event_time.sources)
