"""Reports as the command line makes them, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from lib.report.__main__ import main
from tests.support.app import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMA = json.loads((REPOSITORY / "lib/report/report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@dataclass(frozen=True)
class Reported:
    """What a command line left: its status, its document, what it said, and its folder."""

    status: int
    document: dict[str, Any]
    out: str
    err: str
    folder: Path


@pytest.fixture(autouse=True)
def no_secrets(tmp_path, monkeypatch):
    """Keep the command line from the secrets of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def report(tmp_path, capsys) -> Callable[..., Reported]:
    """Run a command line with `--json`; its document fits the schema."""

    def run(*arguments: str | Path) -> Reported:
        status = main([*map(str, arguments), "--json", str(tmp_path / "r.json")])
        document = json.loads((tmp_path / "r.json").read_text())
        VALIDATOR.validate(document)
        said = capsys.readouterr()
        return Reported(status, document, said.out, said.err, tmp_path)

    return run
