"""docs/report.md says what is there."""

import pytest

from lib.report.document import FIGURES
from lib.report.options import _parser
from tests.report.conftest import SCHEMA
from tests.support.app import REPOSITORY

WRITTEN = (REPOSITORY / "docs/report.md").read_text()
OPTIONS = [name for action in _parser()._actions for name in action.option_strings]


@pytest.mark.parametrize("name", [name for name in OPTIONS if name not in ("-h", "--help")])
def test_every_option_is_documented(name):
    assert f"`{name}`" in WRITTEN or f"`{name} " in WRITTEN


@pytest.mark.parametrize("name", SCHEMA["properties"])
def test_every_name_of_the_document_is_documented(name):
    assert f"`{name}`" in WRITTEN.split("## The JSON")[1]


def test_the_schema_explains_every_figure():
    assert set(FIGURES) < set(SCHEMA["properties"])
    assert all("description" in each for each in SCHEMA["properties"].values())
