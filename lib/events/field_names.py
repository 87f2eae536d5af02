"""What the names of fields say of their roles."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, Literal

from lib.events.fields import JOINED
from lib.events.time_columns import per_second

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TimeRole = Literal["event", "start", "sent", "received", "other", ""]


def _words(text: str) -> tuple[str, ...]:
    """Return names, without case and punctuation, the likeliest first."""
    return tuple(text.split())


# Words inside a name, and what they make of a time.
_EITHER: Final = frozenset(_words("observed published publish collected collect logged"))
_VAGUE: Final = _EITHER | frozenset(_words("arrived arrival arrive"))
_RECEIVED: Final = _VAGUE | frozenset(
    _words(
        "received receive recv rcvd rcv receipt ingested ingest ingestion collector enqueued "
        "enqueue server broker kafka appended append now gateway realtime wall intake landed "
        "indexed index "
        "empfangen empfang eingang eingegangen recu recue reception recibido recibida recepcion "
        "recebido recebida recepcao ricevuto ricevuta ricezione 受信 接收"
    )
)
_SENT: Final = frozenset(
    _words("sent send sending upload uploaded transmitted transmit tx stm flushed dispatched")
)
_START: Final = frozenset(_words("start started begin began"))
_NEITHER: Final = frozenset(
    _words(
        "processed processing etl loaded load updated update modified birth born dob install "
        "installed first last previous prev until end ended stop stopped due deleted derived "
        "stored inserted valid touch exp iat nbf download eta next renew renewal renews timeout "
        "ttl target planned promised boot booted bytes count packets messages amount total size "
        "phone"
    )
)
_NEITHER_INSIDE: Final = re.compile("window|bucket|slot|expir|schedul|deadline|estimat|drop_?off")
_AROUND: Final = re.compile(
    r"(?:time|date|dt|ts)?(.+?)(?:timestamp|datetime|time|date|utc|ts|at|on|ms"
    r"|s?(?:zeit(?:punkt|stempel)?|datum)|時刻|日時|時間|时间|時间)?"
)
"""What may stand before and behind a word without a space: `endtime`, `dtstart`, `receivedat`."""

EVENT_NAMES: Final = _words(
    "eventtime eventtimestamp eventts occurredat happenedat occurred clienttime clienttimestamp "
    "devicetime devicetimestamp measuredat timestamp ts time t when datetime createdat created tst "
    "dtm recordedat at date zeitstempel zeitpunkt horodatage horodate fechahora fecha "
    "datahora dataora 日時 时间 zeit"
)
_EVENT_WORDS: Final = frozenset(
    _words(
        "event occurred happened original client device dvce source fix measured captured "
        "ereignis evenement evento 発生 事件"
    )
)
_TIME_WORDS: Final = frozenset(
    _words("time timestamp date datetime at ts on ms millis us ns nano nanos unix utc epoch event")
)
SECONDS: Final = frozenset(
    _words("seconds _seconds epochSecond epochSeconds epoch_second epoch_seconds secs sec")
)
FRACTIONS: Final = _words(
    "nanos nanoseconds _nanoseconds nano nanosec nsecs nsec micros microseconds micro microsec "
    "usecs usec millis milliseconds milli millisec msecs msec ms"
)
SESSION_NAMES: Final = _words(
    "sessionid session sessid sessionkey visitid visit tripid trip rideid ride journeyid journey "
    "connectionid runid conversationid callid sid domainsessionid"
)
CLIENT_NAMES: Final = _words(
    "clientid client deviceid device userid user anonymousid distinctid userpseudoid domainuserid "
    "duid connectiondeviceid sensorid sensor vehicleid vehicle machineid machine customerid "
    "customer accountid account playerid player driverid installationid appsflyerid adid truckid "
    "truck gatewayid gateway stationid station terminalid imei mac uid did cid tid "
    "iothubconnectiondeviceid podname podid pod hostname host sourceid instance producerid "
    "instanceid logstreamname logstream username partitionkey topic source "
    "gerat geraet gerateid geraeteid geratenummer maschine maschinenid kunde kundennummer "
    "kundenid benutzer fahrzeug fahrzeugid appareil idappareil utilisateur idutilisateur "
    "idclient vehicule capteur dispositivo iddispositivo usuario idusuario cliente idcliente "
    "vehiculo vehiculoid maquina equipo equipamento veiculo utente idutente macchina veicolo "
    "設備 設備id 機器 機器id 端末id ユーザーid 设备 设备id 设备编号 用户id 用户"
)
OTHER_CLIENT_NAMES: Final = _words(
    "deveui devaddr serialnumber serialno vin thingname thingid thing assetid asset trackerid "
    "tracker meterid meter robotid droneid cameraid busid trainid visitorid visitor imsi msisdn "
    "iccid icao24 mmsi nodeid node clientip cip remoteip remoteaddr entityid servicename"
)
"""Names of clients that may be another thing: a key that tells clients apart goes before them."""

SEQUENCE_NAMES: Final = _words(
    "eventid sequencenumber sequenceno sequenceid sequence seqnum seqno seqid seq eventnumber "
    "eventno eventindex messagenumber fcnt counter"
)

_AMOUNTS: Final = frozenset(
    _words(
        "uptime elapsed odometer mileage km total age minute minutes hour hours day days week "
        "month year"
    )
)
"""What goes up with time or distance, not with each event."""


_VALUE_OF_A_TYPE: Final = re.compile(r"\.(?:\$date|string|int|long|float|double|S|N)$")
"""Behind the names of fields in MongoDB's JSON, in Avro's of unions, and in DynamoDB's."""


def _own(name: str) -> str:
    """Return a name without what only says how the value is written."""
    first, joined, _ = name.partition(JOINED)
    if joined and per_second(name):
        return first.rpartition(".")[0] or first
    return _VALUE_OF_A_TYPE.sub("", name)


def tokens_of(name: str) -> list[str]:
    """Return the words of a field's own name: event, enqueued, … of `EventEnqueuedUtcTime`."""
    own = _own(name).rpartition(".")[2]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", _without_accents(own))
    return re.findall(r"[^\W\d_]+", spaced.lower())


def _words_of(name: str) -> set[str]:
    """Return the words of a field's own name, also those that are written in one with others."""
    tokens = tokens_of(name)
    return {*tokens, *map(_inner, tokens)}


def _inner(token: str) -> str:
    """Return the word inside of one that is written together with words of time: `endtime`."""
    found = _AROUND.fullmatch(token)
    return found[1] if found else token


def _without_accents(name: str) -> str:
    """Return a name with plain letters: Gerat of `Gerät`."""
    if name.isascii():
        return name
    letters = unicodedata.normalize("NFKD", name)
    bare = re.sub("[\u0300-\u036f]", "", letters)
    return unicodedata.normalize("NFKC", bare)


def forms_of(name: str) -> Iterable[str]:
    """Return what a field may be known as: `Client.device_id` as clientdeviceid and deviceid."""
    parts = [re.sub(r"[\W_]", "", part.lower()) for part in _without_accents(_own(name)).split(".")]
    return "".join(parts), "".join(parts[-2:]), parts[-1]


def rank(name: str, known: Sequence[str]) -> int:
    """Return how well `name` fits: its place in `known`, or their number if it has none."""
    return min(known.index(form) if form in known else len(known) for form in forms_of(name))


def is_named(name: str, known: Sequence[str]) -> bool:
    """Return whether `name` is one of those known."""
    return rank(name, known) < len(known)


def best_named(names: Sequence[str], exact: str, known: Sequence[str]) -> str | None:
    """Return the field that is called `exact`, or else the one whose name fits best, if any."""
    if exact in names:
        return exact
    best = min(names, key=lambda name: rank(name, known), default=None)
    return best if best is not None and is_named(best, known) else None


def role_of_name(name: str) -> TimeRole:
    """Return the time that a name speaks of; "" where it does not tell."""
    if is_named(name, EVENT_NAMES) and "." not in name:
        return "event"
    words = _words_of(name)
    if words & _NEITHER or _NEITHER_INSIDE.search(_own(name).rpartition(".")[2].lower()):
        return "other"
    roles: tuple[tuple[TimeRole, frozenset[str]], ...] = (
        ("start", _START),
        ("sent", _SENT),
        ("received", _RECEIVED),
    )
    for role, known in roles:
        if words & known:
            return role
    parents = set(re.findall(r"[a-z]+", name.rpartition(".")[0].lower()))
    if is_named(name, EVENT_NAMES) or tells_of_event(name):
        return "received" if parents & {"wall"} else "event"
    return ""


def tells_of_event(name: str) -> bool:
    """Return whether a name says that it is the event's time, and no other."""
    return bool(_EVENT_WORDS & _words_of(name))


def tells_of_receipt(name: str) -> bool:
    """Return whether a name says that it is the time of receipt, and can be no other.

    An arrival may be a journey's, and what is published or observed may be the event.
    """
    return bool(_words_of(name) & (_RECEIVED - _VAGUE))


def may_tell_of_event(name: str) -> bool:
    """Return whether a name may speak of the receipt or of the event: `observed_at`."""
    words = _words_of(name) & _RECEIVED
    return bool(words) and words <= _EITHER


def tells_of_amount(name: str) -> bool:
    """Return whether a name says that a number goes up with time, distance or an amount."""
    return bool(_AMOUNTS & _words_of(name))


def tells_of_its_start(name: str) -> bool:
    """Return whether a name says when what happened began, not a session or another thing."""
    if role_of_name(name) != "start" or _own(name).rpartition(".")[0] not in ("", "event"):
        return False
    return all({token, _inner(token)} & (_START | _TIME_WORDS) for token in tokens_of(name))
