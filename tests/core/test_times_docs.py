"""docs/times.md says what is read: its examples are read here."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from lib.core.times.forms import FORMS
from lib.core.times.reading import READABLE, read_times
from lib.core.times.recognition import recognise_form

DOCS = Path(__file__).parents[2] / "docs" / "times.md"
ROWS = re.findall(r"^\| .+? \| `(\w+)` \| `(.+?)` \| (\S+) \|$", DOCS.read_text(), re.MULTILINE)


def epoch_ms(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp() * 1000)


@pytest.mark.parametrize(("form", "example", "instant"), ROWS)
def test_an_example_is_read_as_documented(form, example, instant):
    times = read_times(pa.array([example]), form)

    assert times.problem.tolist() == [READABLE]
    assert times.ms.tolist() == [epoch_ms(instant)]


@pytest.mark.parametrize(("form", "example", "instant"), ROWS)
def test_an_example_is_recognised_beside_record_timestamps(form, example, instant):
    found = recognise_form(pa.array([example]), around=epoch_ms(instant) + 60_000)

    assert (found.form, found.share) == (form, 1.0)


def test_every_form_is_documented():
    assert {form for form, _, _ in ROWS} == set(FORMS)
