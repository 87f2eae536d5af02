"""Masked fields of decoded columns and of raw records: hidden before anything else sees them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import HEADER, KAFKA_COLUMNS, KEY
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
    words = encoded.dictionary
    if covered:
        hidden = pa.array(
            [t if t is None else masking.hashed(t) for t in texts(words)], pa.string()
        )
    else:
        words = words.cast(pa.string())
        may_hold = _may_hold(words, masking.fields)
        before = words.filter(may_hold).to_pylist()
        after = [masking.masked_text(text, inside) for text in before]
        if after == before:
            return column
        hidden = pc.replace_with_mask(words, may_hold, pa.array(after, pa.string()))
    return as_dictionary(hidden.take(encoded.indices))


def _may_hold(words: pa.Array, fields: tuple[str, ...]) -> pa.Array:
    """Return which texts have to be looked into: those that may have the name of a masked field.

    Written out, behind an escape of JSON, or in base64 of JSON.
    """
    literal = [re.escape(part) for name in fields for part in _longest_parts(name)]
    if len(literal) < len(fields):  # a name of which nothing is certain
        return words.is_valid()
    looks = "|".join([*literal, r"\\", r"^[eWICD][A-Za-z0-9+/_-]{7,}={0,2}$"])
    found = pc.match_substring_regex(words, looks, ignore_case=True)
    return pc.fill_null(found, False)


def _longest_parts(name: str) -> list[str]:
    """Return the longest text that the last part of each matching path has for certain."""
    if name.startswith("/") or "[" in name:
        return []
    last = name.removesuffix(".*").removesuffix("_base64").rpartition(".")[2]
    return [max(re.split(r"[*?]", last), key=len)] if last.strip("*?") else []


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
