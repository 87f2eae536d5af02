"""Java that finds key and event time in a record of Kafka, the same in every engine's program."""

from __future__ import annotations

import re
from math import log10
from string import Template
from typing import TYPE_CHECKING, Final

from lib.core.columns import HEADER
from lib.core.times.forms import FORMS
from lib.core.times.texts import ABBREVIATIONS, MARGIN
from lib.replay.code import GPS_LEAP_MS, Names, Place, has_parts, java_text, patterns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.times.forms import Form, FormName

RECORD: Final[Mapping[Place, str]] = {
    "value": "record.value()",
    "header": "record.headers()",
    "key": "record.key()",
    "partition": "record.partition()",
    "timestamp": "record.timestamp()",
    "nothing": "",
}
"""How a `ConsumerRecord` of bytes is asked for what is in each place."""

_DECLARED: Final[Mapping[Place, str]] = {
    "value": "byte[] value",
    "header": "Headers headers",
    "key": "byte[] key",
    "partition": "int partition",
    "timestamp": "long timestamp",
    "nothing": "",
}
_CLASSES: Final = (
    "com.fasterxml.jackson.databind.JsonNode",
    "com.fasterxml.jackson.databind.ObjectMapper",
    "java.io.IOException",
    "java.math.BigDecimal",
    "java.math.RoundingMode",
    "java.nio.charset.StandardCharsets",
    "java.time.DateTimeException",
    "java.time.Duration",
    "java.time.Instant",
    "java.time.LocalDate",
    "java.time.LocalDateTime",
    "java.time.ZoneId",
    "java.time.ZoneOffset",
    "java.time.format.DateTimeFormatter",
    "java.util.List",
    "java.util.Map",
    "java.util.NoSuchElementException",
    "java.util.regex.Matcher",
    "java.util.regex.Pattern",
    "org.apache.avro.Schema",
    "org.apache.avro.generic.GenericDatumReader",
    "org.apache.avro.io.DecoderFactory",
    "org.apache.kafka.clients.consumer.ConsumerRecord",
    "org.apache.kafka.common.header.Headers",
)


def java_methods(names: Names) -> str:
    """Return the methods `key` and `time` of a program, and what they need.

    Each takes what is in its place, see `RECORD`. They throw what is no `IOException` where a
    record lacks a field, or has null there.
    """
    places = {names.key_place, names.time_place}
    text = "\n".join(
        [
            _method("String key", names.key_place, f"return {_text(names.key, names)};"),
            _method("long time", names.time_place, _time(names)),
        ]
    )
    if FORMS[names.form].unit_ms is None and names.time_place != "timestamp":
        text = _patterns(names) + text + _written(names)
    if "value" in places:
        text += _FIELD.substitute(event=_event(names))
        text = _SCHEMA.substitute(schema=_java_long_text(names.avro)) + text if names.avro else text
        text = f"    private static final ObjectMapper JSON = new ObjectMapper();\n\n{text}"
    if "header" in places:
        text += _HEADER
    return text.strip("\n")


def java_imports(text: str, *names: str) -> str:
    """Return the imports of a program: those of its engine's classes and others that it uses."""
    used = {n for n in (*names, *_CLASSES) if re.search(rf"\b{n.rpartition('.')[2]}\b", text)}
    return "\n".join(f"import {name};" for name in sorted(used))


def _method(signature: str, place: Place, body: str) -> str:
    lines = "\n".join(f"        {line}" if line else "" for line in body.splitlines())
    return f"    static {signature}({_DECLARED[place]}) throws IOException {{\n{lines}\n    }}\n"


def _text(source: str | None, names: Names) -> str:
    """Return an expression for what a place says, as text."""
    place = names.key_place if source == names.key else names.time_place
    name = "" if source is None else java_text(source.removeprefix(HEADER))
    return {
        "value": f"text(value, {name})",
        "header": f"header(headers, {name})",
        "key": "new String(key, StandardCharsets.UTF_8)",
        "partition": "Integer.toString(partition)",
        "timestamp": "Long.toString(timestamp)",
        "nothing": '"all"',
    }[place]


def _java_long_text(text: str) -> str:
    """Return an expression for a text of any length; the compiler takes up to 65,535 bytes."""
    pieces = [java_text(text[i : i + _PIECE]) for i in range(0, len(text), _PIECE)]
    if len(pieces) == 1:
        return pieces[0]
    return 'String.join("",\n                    ' + f",\n{' ' * 20}".join(pieces) + ")"


def _event(names: Names) -> str:
    if names.avro is None:
        return "JSON.readTree(value)"
    # Behind a magic byte and the number of the schema; as text, Avro is JSON.
    return (
        "JSON.readTree(\n"
        "                new GenericDatumReader<Object>(SCHEMA)\n"
        "                        .read(null, DecoderFactory.get()\n"
        "                                .binaryDecoder(value, 5, value.length - 5, null))\n"
        "                        .toString())"
    )


_PIECE: Final = 10_000  # characters, of at most six bytes each
_SCHEMA: Final = Template("""\
    private static final Schema SCHEMA =
            new Schema.Parser().parse(
                    $schema);

""")
_FIELD: Final = Template("""
    private static String text(byte[] value, String name) throws IOException {
        JsonNode found = field($event, name);
        if (found.isMissingNode() || found.isNull()) {
            throw new NoSuchElementException(name);
        }
        return found.isValueNode() ? found.asText() : found.toString();
    }

    /** A dot is between an object and its field, or of a name itself. */
    private static JsonNode field(JsonNode event, String name) {
        for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
            JsonNode outer = event.path(name.substring(0, dot));
            JsonNode found = field(outer, name.substring(dot + 1));
            if (!found.isMissingNode() && !found.isNull()) {
                return found;
            }
        }
        return event.path(name);
    }
""")
_HEADER: Final = """
    private static String header(Headers headers, String name) {
        return new String(headers.lastHeader(name).value(), StandardCharsets.UTF_8);
    }
"""


def _time(names: Names) -> str:
    """Return the body of the method `time`."""
    if names.time_place == "timestamp":
        return "return timestamp;"
    is_number = FORMS[names.form].unit_ms is not None
    body = _number(FORMS[names.form]) if is_number else _OF_TEXT
    if names.is_all_local:
        body = _ON_CLOCKS.substitute(
            body=body.replace("return ", "long shown = "), zone=_zone(names)
        )
    return f"String text = {_text(names.time, names)};\n{body}"


def _number(form: Form) -> str:
    """Return code for a number that counts from an epoch, down to the millisecond."""
    unit = form.unit_ms or 1
    factor = f".multiply(new BigDecimal({unit.numerator}))" if unit.numerator > 1 else ""
    shift = f".movePointLeft({round(log10(unit.denominator))})" if unit.denominator > 1 else ""
    zero = form.zero_ms - (GPS_LEAP_MS if form.name == "gps_s" else 0)
    since = f" + {zero}L" if zero > 0 else f" - {-zero}L" if zero else ""
    digits = 3 - round(log10(form.grain_us))
    return (
        "BigDecimal number = new BigDecimal(text.trim());\n"
        f"BigDecimal ms = number{factor}{shift};\n"
        "if (number.scale() > 0) {\n"
        f"    ms = ms.setScale({digits}, RoundingMode.HALF_EVEN); // a binary fraction\n"
        "}\n"
        f"return ms.setScale(0, RoundingMode.FLOOR).longValueExact(){since};"
    )


def _patterns(names: Names) -> str:
    """Return what texts are read by, and what `_written` needs beside."""
    patterns = [java_text(each.replace("(?P<", "(?<")) for each in patterns_of(names.form)]
    compiled = ",\n".join(f"                    Pattern.compile({each})" for each in patterns)
    offsets = ",\n".join(
        f"                    Map.entry({java_text(name)}, {minutes})"
        for name, minutes in ABBREVIATIONS.items()
    )
    found = (
        f"    private static final List<Pattern> PATTERNS =\n            List.of(\n{compiled});\n"
    )
    if has_parts(names.form):
        found += _OFFSETS.substitute(offsets=offsets)
    return found + "\n"


def _zone(names: Names) -> str:
    return f"ZoneId.of({java_text(names.clock)})"


def _written(names: Names) -> str:
    """Return the methods that read a text."""
    number = _NUMBERS.get(names.form, "")
    body = f"        return {number};\n"
    if has_parts(names.form):
        body = _PARTS.substitute(
            number=_NOT_PARTS.substitute(number=number) if number else "",
            zone="ZoneOffset.UTC" if names.is_all_local else _zone(names),
            # Where a zone was chosen, a name that means several is passed over.
            several="" if names.zone is None else " || !OFFSETS.containsKey(name)",
        )
    return _TEXT.substitute(margin=java_text(f"^[{MARGIN}]+|[{MARGIN}]+$"), body=body)


_OF_TEXT: Final = "return written(text);"
_ON_CLOCKS: Final = Template("""\
$body
return LocalDateTime.ofInstant(Instant.ofEpochMilli(shown), ZoneOffset.UTC)
        .atZone($zone).toInstant().toEpochMilli();""")
_NUMBERS: Final[Mapping[FormName, str]] = {
    "dotnet_date": 'Long.parseLong(said(part, "ms"))',
    "mongo_date": 'Long.parseLong(said(part, "ms") + said(part, "long"))',
    "seconds_nanos": (
        'Long.parseLong(said(part, "seconds")) * 1000 + number(part, "nanos") / 1_000_000'
    ),
}
_NOT_PARTS: Final = Template("""\
        if (said(part, "year").isEmpty()) {
            return $number;
        }
""")
_OFFSETS: Final = Template("""\
    private static final Map<String, Integer> OFFSETS = // minutes; others mean several zones
            Map.ofEntries(
$offsets);
""")
_TEXT: Final = Template("""
    private static long written(String text) {
        String trimmed = text.replaceAll($margin, "");
        for (Pattern pattern : PATTERNS) {
            Matcher part = pattern.matcher(trimmed);
            if (part.matches()) {
                return ms(part);
            }
        }
        throw new DateTimeException(text);
    }

    private static long ms(Matcher part) {
$body    }

    private static String said(Matcher part, String name) {
        try {
            String found = part.group(name);
            return found == null ? "" : found;
        } catch (IllegalArgumentException none) { // the pattern has no such part
            return "";
        }
    }

    private static int number(Matcher part, String name) {
        String found = said(part, name);
        return found.isEmpty() ? 0 : Integer.parseInt(found);
    }
""")
_PARTS: Final = Template("""\
$number        int hour = number(part, "hour");
        int minute = number(part, "minute");
        int second = number(part, "second");
        boolean isMidnight = hour == 24 && minute == 0 && second == 0;
        boolean isLeap = minute == 59 && second == 60;
        String half = said(part, "half").toLowerCase();
        boolean isHalf = half.isEmpty() || hour >= 1 && hour <= 12;
        if (hour > 23 && !isMidnight || minute > 59 || second > 59 && !isLeap || !isHalf) {
            throw new DateTimeException("not on the clock");
        }
        if (!half.isEmpty()) {
            hour = hour % 12 + (half.equals("p") ? 12 : 0);
        }
        int nanos = number(part, "nanos");
        int ms = Integer.parseInt((said(part, "fraction") + "000").substring(0, 3));
        ms += said(part, "nanos").length() < 4 ? nanos : nanos / 1_000_000;
        return day(part)
                .atStartOfDay()
                .plusSeconds(hour * 3600 + minute * 60 + second)
                .atZone(zone(part)).toInstant().toEpochMilli() + ms;
    }

    private static LocalDate day(Matcher part) {
        int year = number(part, "year");
        if (said(part, "year").length() == 2) {
            year += year < 69 ? 2000 : 1900;
        }
        if (!said(part, "ordinal").isEmpty()) {
            return LocalDate.ofYearDay(year, number(part, "ordinal"));
        }
        if (!said(part, "week").isEmpty()) {
            String week = year + "-W" + said(part, "week") + "-" + said(part, "weekday");
            return LocalDate.parse(week, DateTimeFormatter.ISO_WEEK_DATE);
        }
        String month = said(part, "month");
        boolean isNumber = Character.isDigit(month.charAt(0));
        String months = "janfebmaraprmayjunjulaugsepoctnovdec";
        int named = isNumber ? 0 : months.indexOf(month.substring(0, 3).toLowerCase()) / 3 + 1;
        return LocalDate.of(
                year, isNumber ? Integer.parseInt(month) : named, number(part, "day"));
    }

    /** The zone that is written, an offset before a name, or that was chosen. */
    private static ZoneId zone(Matcher part) {
        String place = said(part, "zone") + said(part, "place");
        String name = said(part, "abbreviation").toUpperCase();
        if (!said(part, "offset").isEmpty()) {
            return ZoneOffset.of(said(part, "offset").replace('\\u2212', '-'));
        }
        if (!said(part, "utc").isEmpty()) {
            return ZoneOffset.UTC;
        }
        if (!place.isEmpty()) {
            return ZoneId.of(place);
        }
        if (name.isEmpty()$several) {
            return $zone;
        }
        return ZoneOffset.ofTotalSeconds(OFFSETS.get(name) * 60);
""")
