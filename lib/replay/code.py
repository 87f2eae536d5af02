"""What the code to paste has in common. `make oracles` compiles or runs every program."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """What a topic and its fields are called.

    Attributes
    ----------
    topic
        The Kafka topic; its values are JSON objects.
    key
        The field to group by.
    time
        The field with the event time, epoch milliseconds.
    servers
        `bootstrap.servers`.
    """

    topic: str
    key: str = "ClientID"
    time: str = "Timestamp"
    servers: str = "localhost:9092"


@dataclass(frozen=True)
class Program:
    """A program to paste.

    Attributes
    ----------
    title
        What it is written in or for, as a heading.
    language
        The name by which a highlighter of syntax knows it: `sql`, `java`, `python`.
    text
        The program.
    """

    title: str
    language: str
    text: str


def java_literals(names: Names) -> dict[str, str]:
    """Return the names as Java's string literals, which JSON's are."""
    return {field: json.dumps(value) for field, value in vars(names).items()}


def python_literals(names: Names) -> dict[str, str]:
    """Return the names as Python's string literals."""
    return {field: repr(value) for field, value in vars(names).items()}


def sql_name(name: str) -> str:
    """Return a name in backticks, as Flink SQL has it."""
    return "`" + name.replace("`", "``") + "`"


def sql_text(text: str) -> str:
    """Return a text as SQL's string literal."""
    return "'" + text.replace("'", "''") + "'"
