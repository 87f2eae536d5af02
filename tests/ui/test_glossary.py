"""The glossary in the app is that of the docs."""

from pathlib import Path

from lib.ui.glossary import glossary
from tests.support.opened import GLOSSARY, open_app

DOCS = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_the_page_has_every_word_of_the_docs_and_no_link_that_leads_nowhere():
    [text] = [each.value for each in open_app(GLOSSARY).markdown if "watermark" in each.value]
    words = [line.split("**")[1] for line in DOCS.read_text().splitlines() if line[:4] == "- **"]
    assert len(words) > 40
    assert [word for word in words if f"**{word}**" not in text] == []
    assert "](" not in glossary().replace("](http", "")
