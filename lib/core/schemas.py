"""Schemas of record values, as a schema registry keeps them, and how records name theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from lib.core.errors import SchemaError

SchemaType = Literal["AVRO", "PROTOBUF", "JSON"]


@dataclass(frozen=True)
class SchemaId:
    """How a record names its schema.

    Attributes
    ----------
    kind
        "schema id": Confluent's, of 4 bytes; "GUID": Confluent's in a header; "global id":
        Apicurio's; "fingerprint": Avro's CRC-64, the hexadecimal digits of its
        8 bytes as they stand in a record; "Glue schema version":
        AWS Glue's, a UUID.
    value
        The id itself.
    """

    kind: Literal["schema id", "GUID", "global id", "fingerprint", "Glue schema version"]
    value: int | str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


@dataclass(frozen=True)
class Schema:
    """A schema with all that it needs.

    Attributes
    ----------
    type
        What it is written in.
    text
        The schema itself: JSON of Avro or JSON Schema, the source of a `.proto` file.
    references
        What it refers to: the names that it uses for them (full names of Avro's types, paths of
        imported `.proto` files) with their schemas.
    """

    type: SchemaType
    text: str
    references: tuple[tuple[str, Schema], ...] = ()


class SchemaSource(Protocol):
    """Where schemas come from; safe to be asked by several threads."""

    def schema(self, wanted: SchemaId) -> Schema:
        """Return a schema.

        Raises
        ------
        SchemaError
            When it cannot be had; says why.
        """
        ...


@dataclass(frozen=True)
class NoSchemas:
    """The source where no registry is configured."""

    def schema(self, wanted: SchemaId) -> Schema:  # noqa: ARG002 (it has none)
        """Raise `SchemaError`, which says how to configure one."""
        raise SchemaError(
            "No schema registry is configured.",
            "Set url under [connections.kafka.schema_registry] in .streamlit/secrets.toml.",
        )
