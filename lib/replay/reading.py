"""How a program to paste has to read the values of a topic that Skewline has decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lib.core.columns import HEADER
from lib.decoding.json import JSON
from lib.decoding.schemas import SchemaDecoder
from lib.decoding.tabular import TABULAR
from lib.decoding.unpacking import CONNECT
from lib.decoding.unwrapping import AS_THEY_ARE
from lib.decoding.wrappers import ATTRIBUTE, Wrapped

if TYPE_CHECKING:
    from lib.decoding.base import Decoder


@dataclass(frozen=True)
class Reading:
    """How a program reads values.

    Attributes
    ----------
    avro
        The Avro schema of the topic's first record, as JSON, where values are Avro as Confluent's
        serializer writes it; None: they are JSON.
    within
        The field in which all fields of the event are, with a dot behind it; empty: none.
    in_headers
        Whether the attributes of CloudEvents are in headers.
    """

    avro: str | None = None
    within: str = ""
    in_headers: bool = False

    def source(self, column: str | None) -> str | None:
        """Return where a program finds what Skewline has in a column, as `Names` says it."""
        if column is None or column.startswith("@"):
            return column
        if self.in_headers and column.startswith(ATTRIBUTE):
            return HEADER + column
        return self.within + column


def reading_of(decoder: Decoder | None) -> Reading | None:
    """Return how a program reads what a decoder reads; None where the programs cannot."""
    match decoder:
        case None:
            return Reading()
        case SchemaDecoder(first=first) if first is not None and not first.references:
            return Reading(first.text) if first.type == "AVRO" else None
        case Wrapped(inner, packings, wrappings, in_headers):
            found = reading_of(inner)
            layers = {p.layer for p in packings} | {w.layer for w in wrappings}
            layers -= {*AS_THEY_ARE}
            if found is None or not layers <= {CONNECT}:
                return None
            within = "payload." if layers else ""
            return replace(found, within=within, in_headers=in_headers)
    return Reading() if decoder in (JSON, TABULAR) else None
