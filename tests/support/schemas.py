"""Schemas at hand, and what serializers have written with some."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lib.core.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.schemas import Schema, SchemaId

_FIXTURES = Path(__file__).parents[1] / "fixtures" / "schemas"


@dataclass(frozen=True)
class KnownSchemas:
    """A `lib.core.schemas.SchemaSource` of some schemas, which notes what it is asked for."""

    known: Mapping[SchemaId, Schema]
    asked: list[SchemaId] = field(default_factory=list)

    def schema(self, wanted: SchemaId) -> Schema:
        """Return a schema, or raise a `SchemaError`."""
        self.asked.append(wanted)
        if wanted not in self.known:
            raise SchemaError("It is not known.", "Register it.")
        return self.known[wanted]


@dataclass(frozen=True)
class Written:
    """What a serializer has written: a value and its headers, and the schema where it is kept."""

    value: bytes
    headers: list[tuple[str, bytes]]
    schema: str


def written_by(language: str) -> dict[str, Written]:
    """Return what the serializers of "java" or "python" have written, by name."""
    found = json.loads((_FIXTURES / f"{language}.json").read_text())
    return {
        name: Written(
            bytes.fromhex(one["value"]),
            [(n, bytes.fromhex(v)) for n, v in one.get("headers", {}).items()],
            one.get("schema", ""),
        )
        for name, one in found.items()
    }
