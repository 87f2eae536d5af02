"""Masked fields of decoded columns and of raw records: hidden before anything else sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lib.core.columns import KAFKA_COLUMNS
from lib.core.masking import HEADER, KEY
from lib.decoding.json_value import parse_object
from lib.decoding.merge import EXTRAS, OTHER_FIELDS, as_dictionary, texts
from lib.decoding.wrappers import ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.core.masking import Masking


def masked_columns(table: pa.Table, masking: Masking, within: str = "") -> pa.Table:
    """Return decoded columns with the fields that are masked as text of hashes.

    Text that is no masked field itself is looked into (`Masking.masked_text`).

    Parameters
    ----------
    within
        What stood before the fields' names and has been unwrapped, with a dot behind it.
    """
    if not masking:
        return table
    for place, field in enumerate(table.schema):
        if field.name not in KAFKA_COLUMNS:
            column = table.column(place)
            masked = _masked(column, field.name, masking, within)
            if masked is not column:
                table = table.set_column(place, field.name, masked)
    return table


def _masked(
    column: pa.ChunkedArray, name: str, masking: Masking, within: str
) -> pa.ChunkedArray | pa.Array:
    is_outside = name.startswith(EXTRAS)
    path = name if is_outside else within + name
    is_attribute = name.startswith(ATTRIBUTE)
    covered = masking.covers(path) or (is_attribute and masking.covers(HEADER + name))
    is_text = pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)
    if not covered and not is_text:
        return column
    inside = "" if name in (OTHER_FIELDS, KEY) else path.removeprefix(HEADER)
    encoded = column.unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    words = texts(encoded.dictionary)
    if covered:
        hidden = [None if word is None else masking.hashed(word) for word in words]
    else:
        hidden = [None if word is None else masking.masked_text(word, inside) for word in words]
        if hidden == words:
            return column
    return as_dictionary(pa.array(hidden, pa.string()).take(encoded.indices))


@dataclass(frozen=True)
class RawRecord:
    """What may be shown of a record as it stands in the log.

    Attributes
    ----------
    key, value, headers
        As they are, where nothing is masked. Else with masked fields replaced; None also where
        they cannot be looked into.
    withheld
        What is not shown because it cannot be looked into: `value`, `@key`, `@header:NAME`.
    """

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    withheld: tuple[str, ...] = ()


def masked_record(
    masking: Masking,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> RawRecord:
    """Return what may be shown of a record's bytes.

    Text and JSON show all but what is masked; a value of any other format is withheld: what it was
    decoded to (`masked_columns`) can be shown instead.
    """
    if not masking:
        return RawRecord(key, value, tuple(headers))
    shown: dict[str, bytes | None] = {
        "key": _masked_bytes(masking, key, KEY),
        "value": _masked_value(masking, value),
    }
    named = [(name, _masked_bytes(masking, raw, HEADER + name)) for name, raw in headers]
    every = [(KEY, key, shown["key"]), ("value", value, shown["value"])]
    every += [
        (HEADER + name, raw, seen) for (name, raw), (_, seen) in zip(headers, named, strict=True)
    ]
    withheld = [name for name, raw, seen in every if raw is not None and seen is None]
    return RawRecord(shown["key"], shown["value"], tuple(named), tuple(withheld))


def masked_fields(masking: Masking, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a decoded object (nested, or with dotted names) with its masked fields replaced."""
    found: dict[str, Any] = masking.masked(fields)
    return found


def _masked_value(masking: Masking, value: bytes | None) -> bytes | None:
    record = None if value is None else parse_object(value)[0]
    if record is None:
        return None
    return json.dumps(masking.masked(record), ensure_ascii=False).encode(errors="replace")


def _masked_bytes(masking: Masking, raw: bytes | None, name: str) -> bytes | None:
    """Return what may be shown of a key or a header; None where it is no text."""
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    if masking.covers(name):
        return masking.hashed(text).encode()
    return masking.masked_text(text, "" if name == KEY else name.removeprefix(HEADER)).encode()
