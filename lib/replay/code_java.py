"""Java that finds key and event time in a record of Kafka, the same in every engine's program."""

from __future__ import annotations

import re
from math import log10
from string import Template
from typing import TYPE_CHECKING, Final

from lib.core.times.forms import FORMS
from lib.replay.code import GPS_LEAP_MS, Names, Place, java_text, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.times.forms import FormName

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
    "java.time.Duration",
    "java.time.Instant",
    "java.time.LocalDateTime",
    "java.time.OffsetDateTime",
    "java.time.ZoneId",
    "java.time.ZoneOffset",
    "java.time.format.DateTimeFormatter",
    "java.time.temporal.TemporalAccessor",
    "org.apache.avro.Schema",
    "org.apache.avro.generic.GenericDatumReader",
    "org.apache.avro.io.DecoderFactory",
    "org.apache.kafka.clients.consumer.ConsumerRecord",
    "org.apache.kafka.common.header.Headers",
)


def java_methods(names: Names) -> str:
    """Return the methods `key` and `time` of a program, and what they need.

    Each takes what is in its place, see `RECORD`. They throw what is no `IOException` where a
    record lacks a field.
    """
    methods = [
        _method("String key", names.key_place, f"return {_text(names.key, names.key_place)};"),
        _method("long time", names.time_place, _time(names)),
    ]
    text = "\n".join(methods)
    if "field(" in text:
        text += _FIELD.substitute(event=_event(names))
    if "header(" in text:
        text += _HEADER
    if "JSON." in text:
        text = f"    private static final ObjectMapper JSON = new ObjectMapper();\n\n{text}"
    if "SCHEMA" in text:
        schema = java_text(names.avro or "")
        parsed = f"            new Schema.Parser().parse(\n                    {schema});"
        text = f"    private static final Schema SCHEMA =\n{parsed}\n{text}"
    return text.strip("\n")


def java_imports(text: str, *names: str) -> str:
    """Return the imports of a program: those of its engine's classes and others that it uses."""
    used = {n for n in (*names, *_CLASSES) if re.search(rf"\b{n.rpartition('.')[2]}\b", text)}
    return "\n".join(f"import {name};" for name in sorted(used))


def _method(signature: str, place: Place, body: str) -> str:
    lines = "\n".join(f"        {line}" if line else "" for line in body.splitlines())
    return f"    static {signature}({_DECLARED[place]}) throws IOException {{\n{lines}\n    }}\n"


def _text(source: str | None, place: Place) -> str:
    """Return an expression for what a place says, as text."""
    path = "" if source is None else ", ".join(map(java_text, path_of(source)))
    return {
        "value": f"text(field(value, {path}))",
        "header": f"header(headers, {path})",
        "key": "new String(key, StandardCharsets.UTF_8)",
        "partition": "Integer.toString(partition)",
        "timestamp": "Long.toString(timestamp)",
        "nothing": '"all"',
    }[place]


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


_FIELD: Final = Template("""
    private static JsonNode field(byte[] value, String... path) throws IOException {
        JsonNode found = $event;
        for (String name : path) {
            found = found.required(name);
        }
        return found;
    }

    private static String text(JsonNode value) {
        return value.isValueNode() ? value.asText() : value.toString();
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
    body = _number(names) if FORMS[names.form].unit_ms is not None else _OF_TEXT[names.form]
    zone = java_text(names.zone or "UTC")
    text = f"String text = {_text(names.time, names.time_place)};"
    return f"{text}\n{Template(body).substitute(zone=f'ZoneId.of({zone})')}"


def _number(names: Names) -> str:
    """Return code for a number that counts from an epoch, down to the millisecond."""
    form = FORMS[names.form]
    unit = form.unit_ms or 1
    factor = f".multiply(new BigDecimal({unit.numerator}))" if unit.numerator > 1 else ""
    shift = f".movePointLeft({round(log10(unit.denominator))})" if unit.denominator > 1 else ""
    zero = form.zero_ms - (GPS_LEAP_MS if form.name == "gps_s" else 0)
    since = f" + {zero}L" if zero > 0 else f" - {-zero}L" if zero else ""
    lines = ["BigDecimal number = new BigDecimal(text.trim());"]
    lines += [f"BigDecimal ms = number{factor}{shift};"] if factor or shift else []
    ms = "ms" if factor or shift else "number"
    if shift or factor:
        digits = 3 - round(log10(form.grain_us))
        lines += [
            "if (number.scale() > 0) {",
            f"    ms = ms.setScale({digits}, RoundingMode.HALF_EVEN); // a binary fraction",
            "}",
        ]
    whole = f"{ms}.setScale(0, RoundingMode.FLOOR).longValue(){since}"
    if not (form.local and names.zone):
        return "\n".join([*lines, f"return {whole};"])
    local = f"LocalDateTime.ofInstant(Instant.ofEpochMilli({whole}), ZoneOffset.UTC)"
    return "\n".join([*lines, f"return {local}\n{_AT_ZONE};"])


_AT_ZONE: Final = "        .atZone($zone).toInstant().toEpochMilli()"


def _parsed(pattern: str, text: str) -> str:
    """Return code for text with or without an offset."""
    return f"""\
TemporalAccessor found =
        {pattern}
                .parseBest({text}, OffsetDateTime::from, LocalDateTime::from);
if (found instanceof OffsetDateTime) {{
    return ((OffsetDateTime) found).toInstant().toEpochMilli();
}}
return ((LocalDateTime) found)
{_AT_ZONE};"""


def _calendar(first: str, second: str) -> str:
    pattern = f'DateTimeFormatter.ofPattern("{first}/{second}/yyyy[ H:mm[:ss[.SSS]]][XXX]")'
    return _parsed(
        pattern, r'text.trim().replaceFirst("^(\\d+)[.-](\\d+)[.-]", "$$1/$$2/").replace("T", " ")'
    )


_OF_TEXT: Final[Mapping[FormName, str]] = {
    "iso": _parsed("DateTimeFormatter.ISO_DATE_TIME", "text.trim().replace(' ', 'T')"),
    "named_month": _parsed(
        'DateTimeFormatter.ofPattern(\n                        "[EEE, ]d[ ][/][-]MMM[ ][/][-]yyyy'
        '[ ][:]HH:mm:ss[ ][XX][XXX][z]",\n                        java.util.Locale.ENGLISH)',
        "text.trim()",
    ),
    "day_first": _calendar("d", "M"),
    "month_first": _calendar("M", "d"),
    "compact": f"""\
return LocalDateTime.parse(
                (text.trim() + "000000000").substring(0, 17),
                DateTimeFormatter.ofPattern("yyyyMMddHHmmssSSS"))
{_AT_ZONE};""",
    "java_array": f"""\
JsonNode part = JSON.readTree(text);
return LocalDateTime.of(
                part.path(0).asInt(), part.path(1).asInt(), part.path(2).asInt(),
                part.path(3).asInt(), part.path(4).asInt(), part.path(5).asInt(),
                part.path(6).asInt())
{_AT_ZONE};""",
    "dotnet_date": 'return Long.parseLong(text.replaceFirst(".*?(-?\\\\d+).*", "$$1"));',
    "mongo_date": """\
JsonNode date = JSON.readTree(text).path("$$date");
JsonNode number = date.path("$$numberLong");
if (date.isTextual()) {
    return OffsetDateTime.parse(date.asText()).toInstant().toEpochMilli();
}
return (number.isMissingNode() ? date : number).asLong();""",
    "seconds_nanos": """\
JsonNode parts = JSON.readTree(text);
return parts.path("seconds").asLong() * 1000
        + Math.floorDiv(parts.path("nanos").asLong(), 1_000_000L);""",
}
