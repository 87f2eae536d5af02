"""What has to be said of a topic's times: which are missing, how they are read, what is off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lib.analysis.notices import FIELDS_PLACE, About, Level, Notice, other_times, times_of_receipt
from lib.analysis.time_diagnosis import diagnosed
from lib.core.blockwise import answered
from lib.core.columns import CLIENT, EVENT_TIME, RECEIVED_TIME
from lib.core.durations import HOUR_MS, MINUTE_MS
from lib.core.formatting import counted, duration, percent
from lib.core.times.forms import FORMS
from lib.core.times.zones import WHATEVER_IS_WRITTEN
from lib.events.fields import RECORD_TIME_FIELD
from lib.events.time_columns import SECOND_MS
from lib.events.time_roles import COMPLEMENTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from lib.core.blockwise import Question
    from lib.core.times.diagnosis import Diagnosis
    from lib.events.fields import Fields, TimeField
    from lib.events.recognition import Recognition, TimeOffer
    from lib.events.table import EventsTable
    from lib.events.time_columns import TimeNotes
    from lib.loading.contents import Contents

NAMED: Final = 5
"""Fields or clients that a sentence names at most."""

FEW: Final = 20
"""Of fewer events, all may be received at whole seconds by chance."""

NO_EVENT_TIME: Final = "No event time was found"
NO_RECEIVED_TIME: Final = "There is no received time"


def time_notices(
    contents: Contents, fields: Fields, recognition: Recognition, diagnosis: Diagnosis | None
) -> list[Notice]:
    """Return what has to be said of the times, the gravest first.

    Parameters
    ----------
    contents, fields, recognition
        Of the loaded topic.
    diagnosis
        What `diagnosis_of` says of its event times.
    """
    if not contents.events and not contents.unread:
        return []
    if not fields.event_time:
        why = no_event_time(recognition, has_received_time=contents.has_received_time)
        return [Notice(About.EVENT_TIME, Level.WARNING, why)]
    return [
        *_diagnosed(diagnosis),
        *_received(contents, fields, recognition),
        *(() if diagnosis and diagnosis.tells_nothing else _coarse(contents)),
        *_read(fields.event_time, "Event time", contents.notes.get("event_time")),
        *_read(fields.sent_time, "Sent time", contents.notes.get("sent_time")),
        *_read(fields.received_time, "Received time", contents.notes.get("received_time")),
    ]


def diagnosis_of(events: EventsTable) -> Diagnosis | None:
    """Return what is wrong with the event times as a whole, judged by the received times."""
    return answered(diagnosis_question(events.timed, events.notes)) if events.notes else None


def diagnosis_question(
    timed: pd.DataFrame, notes: Mapping[str, TimeNotes]
) -> Question[Diagnosis | None]:
    """Ask for `diagnosis_of` blocks that have all events of their clients each.

    `timed` are the block's events that have both times, `notes` how all times were read, by role.
    """
    event, received = notes["event_time"], notes["received_time"]
    forms = list(event.forms.values())
    return diagnosed(
        timed[EVENT_TIME].to_numpy(),
        timed[RECEIVED_TIME].to_numpy(),
        form=forms[0] if len(forms) == 1 else None,
        groups=timed[CLIENT].cat.codes.to_numpy(),
        names_zone=not event.local and all(FORMS[form].unit_ms is None for form in forms),
        as_utc=(event.as_utc, received.as_utc),
        units_ms=(event.grain_ms, received.grain_ms),
    )


def no_event_time(recognition: Recognition, *, has_received_time: bool) -> str:
    """Return why there is no event time, and what could be it."""
    received = recognition.fields.received_time.sources
    offers = [offer for offer in recognition.offers if offer.name not in received]
    if not offers:
        but = f" but the received time, {received[0]}," if recognition.offers else ""
        also = "" if has_received_time else f", and {NO_RECEIVED_TIME.lower()} either"
        return (
            f"{NO_EVENT_TIME}: no field of the records{but} holds times of our age in a form that "
            f"is read{also}."
        )
    unclear = _unclear(offers)
    if unclear:
        return f"{NO_EVENT_TIME}: {unclear} Choose the field and how it is written {FIELDS_PLACE}."
    likely = [offer for offer in offers if offer.is_likely]
    if not likely:
        names = ", ".join(offer.name for offer in offers[:NAMED])
        others, which = ("are other times", "one of them") if len(offers) > 1 else _ONE_OTHER
        return (
            f"{NO_EVENT_TIME}: by name, {names} {others}. If {which} is the event time, choose it "
            f"{FIELDS_PLACE}."
        )
    in_all = any(offer.share > 1 - COMPLEMENTED for offer in likely)
    of_all = "for sure" if in_all else "that holds for nearly all records"
    some = [f"{offer.name} is in {percent(offer.share, 0)}" for offer in likely[:NAMED]]
    return (
        f"{NO_EVENT_TIME} {of_all}: {', '.join(some)}. Choose one {FIELDS_PLACE}, or several to be "
        "taken in order."
    )


def _unclear(offers: Sequence[TimeOffer]) -> str:
    """Return of the first field whose form its values do not tell which it may be; "" of none."""
    offer = next((offer for offer in offers if offer.form is None and offer.choices), None)
    if offer is None:
        return ""
    forms = " or ".join(FORMS[form].label for form in offer.choices)
    return f"{offer.name} can be read as {forms}; the values do not tell which."


_ONE_OTHER: Final = ("is another time", "it")


def _diagnosed(diagnosis: Diagnosis | None) -> Iterator[Notice]:
    if diagnosis is None or diagnosis.of_received:  # that is the verdict of received times
        return
    sentence = diagnosis.sentence
    if diagnosis.kind == "zone":
        sentence += f" To correct them choose {_zones(diagnosis)}"
    elif diagnosis.kind in ("epoch", "far", "future"):
        sentence += " Choose how event time is written"
    else:
        yield Notice(About.EVENT_TIME, Level.WARNING, sentence)
        return
    yield Notice(About.EVENT_TIME, Level.WARNING, f"{sentence}, {FIELDS_PLACE}.")


def _zones(diagnosis: Diagnosis) -> str:
    of = {
        "the clients' time zone": diagnosis.zone,
        "the time zone of received times": diagnosis.received_zone,
    }
    return ", or ".join(
        f"{_zone_named(zone)}, or a place there, as {called}" for called, zone in of.items() if zone
    )


def _zone_named(zone: str) -> str:
    """Return what a zone is called in the sidebar, and in links and options if that differs."""
    name = zone.removesuffix(WHATEVER_IS_WRITTEN)
    return name if name == zone else f"{name} (in links and --fields {zone})"


def _received(contents: Contents, fields: Fields, recognition: Recognition) -> Iterator[Notice]:
    """Yield how many events have no received time, and which other times may be one."""
    count, of = contents.without_received, contents.events
    if not of or not count:
        return
    if count == of:
        sources = fields.received_time.sources
        unclear = _unclear([offer for offer in recognition.offers if offer.name in sources])
        others = other_times(fields, recognition)
        may = f" ({', '.join(others[:NAMED])} may)" if others else ""
        if unclear and fields.received_time.form is None:
            why = f"that can be read: {unclear} So {_NOT_TOLD}. Choose how it is written"
        else:
            why = f"in this topic, so {_NOT_TOLD} from it. If a field holds it{may}, choose it"
        sentence = f"{NO_RECEIVED_TIME} {why} {FIELDS_PLACE}."
        yield Notice(About.RECEIVED_TIME, Level.WARNING, sentence)
        return
    have = "has" if count == 1 else "have"
    sentence = (
        f"{count:,} of {counted(of, 'event')} {have} no received time: left out of delays, "
        f"outages and clocks.{_in_another_field(fields, recognition)}"
    )
    yield Notice(About.RECEIVED_TIME, Level.INFO, sentence)


def _in_another_field(fields: Fields, recognition: Recognition) -> str:
    """Return which field may hold the received times of the other events; "" where none may."""
    shares = recognition.shares
    own = sum(shares.get(source, 1.0) for source in fields.received_time.sources)
    others = times_of_receipt(fields, recognition)
    name = next((name for name in others if own + shares[name] <= _TOGETHER), None)
    if name is None:
        return ""
    return f" If {name} has theirs, choose it, too, to be taken in order, {FIELDS_PLACE}."


_TOGETHER: Final = 1.01
"""The share of the records that two fields have together if no record has both, and a little."""


_NOT_TOLD: Final = "delay, outages, clocks and late events cannot be told"


def _coarse(contents: Contents) -> Iterator[Notice]:
    """Yield that times of one side are written less finely than the other: delays are off."""
    happened, received = (contents.notes.get(of) for of in ("event_time", "received_time"))
    heard = contents.events - contents.without_received
    if happened is None or received is None or heard < FEW:
        return
    if happened.grain_ms > received.grain_ms:
        written, up_to = _in_words(happened.grain_ms)
        sentence = f"Event times are {written}: a delay may be up to {up_to} shorter than is shown."
        yield Notice(About.EVENT_TIME, Level.INFO, sentence)
    elif received.grain_ms > happened.grain_ms:
        written, up_to = _in_words(received.grain_ms)
        sentence = (
            f"Received times are {written}: a delay may be up to {up_to} longer than is "
            "shown, and an event may seem to be received before it happened."
        )
        yield Notice(About.RECEIVED_TIME, Level.INFO, sentence)


def _in_words(grain_ms: int) -> tuple[str, str]:
    """Return what times of a grain are, and how long it is."""
    units = {HOUR_MS: "hours", MINUTE_MS: "minutes", SECOND_MS: "seconds"}
    whole, long = units.get(grain_ms), duration(grain_ms)
    return f"whole {whole}" if whole else f"multiples of {long}", long


def _read(field: TimeField, called: str, notes: TimeNotes | None) -> Iterator[Notice]:
    if notes is None or not field or field == RECORD_TIME_FIELD:
        return
    named = " else ".join(field.sources)
    if notes.other_forms or notes.single_forms:
        main = " and ".join(FORMS[form].label for form in dict.fromkeys(notes.forms.values()))
        others = "; ".join(_other_forms(notes))
        uneven = f" {_UNEVEN}" if notes.uneven else ""
        sentence = f"{called} {named} is read as {main}; {others}.{uneven}"
        yield Notice(About.EVENT_TIME, Level.INFO, sentence)
    if notes.unclear_zone:
        yield Notice(About.EVENT_TIME, Level.WARNING, _unclear_zone(called, named, notes))
    if notes.missing and called == "Event time":
        lack = "lacks" if notes.missing == 1 else "lack"
        sentence = f"{counted(notes.missing, 'record')} {lack} the event time {named}: rejected."
        yield Notice(About.EVENT_TIME, Level.NOTE, sentence)
    if notes.ambiguous or notes.nonexistent:
        yield Notice(About.EVENT_TIME, Level.INFO, _clock_change(called, notes))


def _other_forms(notes: TimeNotes) -> Iterator[str]:
    """Yield which clients, and how many single values, are read in another form than the main."""
    for form, clients in notes.other_forms.items():
        more = f" and {len(clients) - NAMED:,} more" if len(clients) > NAMED else ""
        yield f"of {', '.join(map(str, clients[:NAMED]))}{more} as {FORMS[form].label}"
    for form, count in notes.single_forms.items():
        are = "value, which is" if count == 1 else "values, which are"
        yield f"{count:,} {are} written otherwise, as {FORMS[form].label}"


_UNEVEN: Final = (
    "In one form they are whole seconds, in another not: delays are up to 1 s off there, and "
    "clocks may seem to change."
)


def _unclear_zone(called: str, named: str, notes: TimeNotes) -> str:
    lost = "rejected" if called == "Event time" else "left out"
    whose = "received times" if called == "Received time" else "clients"
    return (
        f"{called} {named}: {counted(notes.unclear_zone, 'time')} with an abbreviation that does "
        f"not name one zone, as IST and CST do not: {lost}. Choose the time zone of {whose} "
        f"{FIELDS_PLACE}."
    )


def _clock_change(called: str, notes: TimeNotes) -> str:
    parts = []
    if notes.ambiguous:
        parts.append(
            f"{notes.ambiguous:,} fall into an hour that the clocks of the chosen zone showed "
            "twice and are read as the first"
        )
    if notes.nonexistent:
        parts.append(f"{notes.nonexistent:,} were never on the clocks of the chosen zone")
    return f"{called}: {'; '.join(parts)}."
