"""Names in the data stay names: no page draws them as Markdown, no browser fetches from them."""

import csv
import io
import json

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import expect

from lib.core.formatting import escaped_markdown, visible_text
from lib.core.spreadsheets import safe_cell
from tests.support.app import running_app
from tests.support.browser import expect_idle
from tests.support.opened import OVERVIEW, PAGES, SESSIONS, files_of, open_app

ZERO_MS = 1_540_726_486_041
IMAGE = "![x](https://planted.example/{}.png)"
LATE, AHEAD, GOOD = IMAGE.format("late"), IMAGE.format("ahead"), IMAGE.format("good")
OF_SESSION, OF_FIELD = IMAGE.format("session"), IMAGE.format("field")
OF_VALUE = IMAGE.format("value")
# No slash may stand in the name of a file; Markdown takes a reference for it.
OF_FILE = "![x](https:&#47;&#47;planted.example&#47;file.png) *a* :red[b]"

PLANTED = [LATE, AHEAD, GOOD, OF_SESSION, OF_FIELD, OF_VALUE, OF_FILE]


def planted_lines(late=LATE):
    """Return a recording of three clients: one silent for a minute, one with a clock ahead."""
    lines = []
    for client in (late, AHEAD, GOOD):
        for second in range(300):
            is_held = client == late and 60 <= second < 120
            received = ZERO_MS + (120_000 + second if is_held else 1000 * second + 20 + second % 7)
            event_time = ZERO_MS + 1000 * second + 60_000 * (client == AHEAD)
            value = {"Timestamp": event_time, "ClientID": client, "SessionID": OF_SESSION + client}
            lines.append((received, json.dumps(value | {OF_FIELD: OF_VALUE, "EventID": second})))
    lines.append((ZERO_MS + 400_000, OF_VALUE))
    lines.append((ZERO_MS + 400_001, json.dumps({"Timestamp": OF_VALUE, "ClientID": GOOD})))
    kcat = [
        {"topic": "t", "partition": 0, "offset": offset, "tstype": "create"}
        | {"ts": received, "key": None, "payload": value}
        for offset, (received, value) in enumerate(sorted(lines))
    ]
    return "\n".join(json.dumps(line) for line in kcat)


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A link to a topic with an image in every place where data has a say."""
    folder = files_of(tmp_path / "files", monkeypatch)
    (folder / f"{OF_FILE}.jsonl").write_text(planted_lines())
    return {"source": "Files", "topic": OF_FILE}


def markdown_of(at):
    """Return everything that a page draws as Markdown."""
    drawn = []
    for block in (at.main, at.sidebar):
        for element in block:
            proto = getattr(element, "proto", None)
            names = ("body", "title", "label", "help", "text", "caption", "placeholder")
            drawn += [getattr(proto, name, "") for name in names]
    return [text for text in drawn if isinstance(text, str) and text]


def kinds_of(markdown):
    """Return what a Markdown element consists of: text, links, images, HTML, …"""
    inline = [token.children or [] for token in MarkdownIt().parse(markdown)]
    return {child.type for children in inline for child in children}


@pytest.mark.usefixtures("app_isolation")
@pytest.mark.parametrize("link", [{}, {"correct": "true"}], ids=["as read", "corrected"])
def test_no_name_is_drawn_as_markdown(planted, link):
    everything = []
    for page in PAGES:
        drawn = markdown_of(open_app(page, **planted, **link))
        assert not {"image", "link_open", "html_inline"} & set().union(*map(kinds_of, drawn))
        assert not [text for text in drawn for name in PLANTED if name in text]
        everything += drawn
    for name in (LATE, AHEAD, OF_SESSION):
        assert [text for text in everything if escaped_markdown(name) in text]


@pytest.mark.usefixtures("app_isolation")
@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": IMAGE.format("topic")},
        {"client": OF_FIELD + "x"},
        {"event_time": OF_FIELD},
        {"client": f"@header:{OF_FIELD}"},
        {"range": "From–to", "from": "2030-01-01T00:00", "to": "2030-01-02T00:00"},
    ],
    ids=str,
)
@pytest.mark.parametrize("page", [OVERVIEW, SESSIONS])
def test_no_error_draws_a_name_as_markdown(planted, page, wrong):
    at = open_app(page, **(planted | wrong))
    assert at.error or at.info
    drawn = markdown_of(at)
    assert not [text for text in drawn for name in [*PLANTED, *wrong.values()] if name in text]


@pytest.mark.usefixtures("app_isolation")
def test_a_name_of_no_visible_character_is_seen(tmp_path, monkeypatch):
    folder = files_of(tmp_path / "files", monkeypatch)
    hidden = "a\u202eb\u200b"
    (folder / "t.jsonl").write_text(planted_lines(late=hidden))
    at = open_app(source="Files", topic="t")
    drawn = markdown_of(at)
    assert not [text for text in drawn if "\u202e" in text or "\u200b" in text]
    assert [text for text in drawn if visible_text(hidden) in text]


@pytest.mark.usefixtures("app_isolation")
@pytest.mark.parametrize("name", ["", "kiosk "])
def test_a_name_that_ends_unseen_is_told_in_quotation_marks(tmp_path, monkeypatch, name):
    folder = files_of(tmp_path / "files", monkeypatch)
    (folder / "t.jsonl").write_text(planted_lines(late=name))
    drawn = markdown_of(open_app(source="Files", topic="t"))
    assert [text for text in drawn if f"of client “{name}” is known for 61 s" in text]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app with the planted topic in its folder."""
    directory = tmp_path_factory.mktemp("app")
    folder = directory / "files"
    folder.mkdir()
    (folder / f"{OF_FILE}.jsonl").write_text(planted_lines())
    with running_app(directory, {"SKEWLINE_FILES": str(folder)}) as url:
        yield url


def test_no_browser_fetches_what_a_name_links_to(page, app):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{app}/?source=Files&correct=true")
    expect(page.get_by_text("is known for 61 s").first).to_be_visible()
    page.get_by_text("First records", exact=True).click()
    expect(page.get_by_test_id("stDataFrame")).not_to_have_count(0)
    for title in ["Overview", "Comparison", "Sessions", "Delay", "Outages", "Windows"]:
        if title != "Overview":
            page.get_by_role("link", name=title, exact=True).click()
            expect(page.get_by_role("heading", level=1, name=title, exact=True)).to_be_visible()
            expect(page.get_by_test_id("stVegaLiteChart")).not_to_have_count(0)
        expect_idle(page)
        text = page.get_by_test_id("stMain").inner_text().replace("\u2060", "")
        assert f"Event times of client {AHEAD} are corrected" in text
        assert title != "Overview" or f"No event of client {LATE} is known for 61 s" in text
        assert page.locator("img[src*=planted]").count() == 0
        assert page.locator("a[href^='https://planted']").count() == 0
    assert not [url for url in asked if "planted.example" in url]


@pytest.mark.usefixtures("app_isolation")
def test_no_cell_of_a_table_or_a_file_is_a_formula(tmp_path, monkeypatch):
    # Given names that a spreadsheet would compute
    folder = files_of(tmp_path / "files", monkeypatch)
    formula = "=HYPERLINK(1)"
    (folder / "t.jsonl").write_text(planted_lines(late=formula))
    written = []
    monkeypatch.setattr("streamlit.download_button", lambda *data, **kw: written.append((data, kw)))

    seen = [open_app(page, source="Files", topic="t", delay="1 s").dataframe for page in PAGES]

    # Then they are shown, with an apostrophe
    cells = [str(cell) for tables in seen for each in tables for cell in each.value.to_numpy().flat]
    assert f"'{formula}" in cells
    assert formula not in cells
    # And so they are in each file of CSV
    files = {kw["file_name"]: data() for (_, data), kw in written if kw["mime"] == "text/csv"}
    texts = {
        name: each.decode() if isinstance(each, bytes) else each for name, each in files.items()
    }
    assert {n for n, text in texts.items() if formula in text} >= {"t-outages.csv", "t-dropped.csv"}
    for text in texts.values():
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert [safe_cell(cell) for cell in cells] == cells
