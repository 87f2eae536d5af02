"""Files that are written to between a load and a Reload, or while they are read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lib.core.errors import TopicChangedError
from lib.loading.load import load, reload
from lib.sources.base import Everything
from lib.sources.files.folder import FileTopics

if TYPE_CHECKING:
    from pathlib import Path

    from lib.loading.load import LoadedTopic


def rows(*numbers: int) -> str:
    row = '{{"Timestamp": {}, "ClientID": 1, "SessionID": "s", "EventID": {}}}\n'
    return "".join(row.format(1_545_230_000_000 + n, n) for n in numbers)


def numbers(loaded: LoadedTopic) -> list[int]:
    return loaded.events.table["EventID"].tolist()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    file.write_text(rows(1, 2, 3))
    return file


def test_a_file_overwritten_with_as_many_rows_is_read_anew(file: Path) -> None:
    # Given a file that is overwritten in place, with its old size and time of change
    source = FileTopics(file.parent)
    before, status = load(source, "events", Everything()), file.stat()
    with file.open("r+") as open_file:
        open_file.write(rows(4, 5, 6))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    after = reload(source, before)

    assert numbers(after) == [4, 5, 6]
    assert "overwritten" in after.report.anew


@pytest.mark.parametrize("later", [(1, 2, 3, 4), (1, 2), (7,)])
def test_a_file_that_grew_or_shrank_is_read_whole(file: Path, later: tuple[int, ...]) -> None:
    source = FileTopics(file.parent)
    before = load(source, "events", Everything())
    file.write_text(rows(*later))

    assert numbers(reload(source, before)) == list(later)


def test_a_file_that_was_only_touched_has_nothing_new(file: Path) -> None:
    source = FileTopics(file.parent)
    before = load(source, "events", Everything())
    os.utime(file, ns=(1, 1))

    after = reload(source, before)

    assert after.version == before.version


def test_a_file_that_is_overwritten_while_it_is_read_is_no_mixture(file: Path) -> None:
    source = FileTopics(file.parent)
    blocks = source.read(source.plan("events", Everything()))
    next(blocks)
    file.write_text(rows(4, 5, 6, 7))

    with pytest.raises(TopicChangedError):
        list(blocks)


def test_a_file_that_grows_while_it_is_read_is_what_it_was(file: Path) -> None:
    source = FileTopics(file.parent)
    plan = source.plan("events", Everything())
    with file.open("a") as open_file:
        open_file.write(rows(4))

    assert sum(block.num_rows for block in source.read(plan)) == 3
