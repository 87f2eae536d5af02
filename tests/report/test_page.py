"""The report's page: one file, whole, safe and small, whatever the topic holds."""

from __future__ import annotations

import json
import re

import pytest

from lib.core.columns import EVENT_TIME
from lib.loading.load import load
from lib.report.report import Asked, report_on
from lib.sources.base import Everything
from lib.sources.files.folder import OneFile, samples
from tests.report.test_report import SAMPLE, START, written

MOST_BYTES = 3_000_000

# But for sockets that other tests left to the garbage collector, as kafka-python leaves those of
# handshakes that fail: it may come upon them here.
pytestmark = pytest.mark.filterwarnings(
    "error", r"ignore:unclosed <(ssl\.SSLSocket|socket\.socket):ResourceWarning"
)


@pytest.fixture
def page_of(report, tmp_path):
    """Make a report with a page; return the page's text."""

    def make(*arguments):
        report(*arguments, "--html", tmp_path / "r.html")
        return (tmp_path / "r.html").read_text()

    return make


def without_script(page):
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def charts_in(page):
    [text] = re.findall(r'<script id="charts" type="application/json">(.*?)</script>', page)
    return json.loads(text)


def sources_in(spec):
    """Return the names of the tables that a spec draws from."""
    if isinstance(spec, list):
        return {name for part in spec for name in sources_in(part)}
    if not isinstance(spec, dict):
        return set()
    own = {spec["data"]["name"]} if "data" in spec else set()
    return own | {name for part in spec.values() for name in sources_in(part)}


class TestSample:
    @pytest.fixture
    def page(self, page_of):
        return page_of(*SAMPLE, "--fail-if", "dropped > 1%")

    def test_findings_come_first_and_figures_have_their_definitions(self, page):
        text = without_script(page)
        order = ("Verdict", "What stands out", "What to set", "Figures", "Pictures", "How this was")
        places = [text.index(f"<h2>{title}") for title in order]
        assert places == sorted(places)
        assert "Client 2 was silent for 65.2 s, 11:35:52–11:36:57 UTC" in text
        assert "Half of the events had no more than this." in text
        assert "Events that the engine drops as late." in text

    def test_it_says_how_it_was_made(self, page):
        text = without_script(page)
        assert "partition 0: 0 to before 255" in text
        assert "gap_ms = 30000, delay_ms = 5000" in text
        assert "UTC, everywhere in this report" in text

    def test_charts_carry_their_data_and_nothing_is_fetched(self, page):
        drawn = charts_in(page)
        assert list(drawn) == [
            "comparison",
            "outages",
            "delay",
            "distribution",
            "replay",
            "sessions",
        ]
        for chart in drawn.values():
            assert sources_in(chart["spec"]) == set(chart["tables"])
        topic = load(samples(), "sessions-10", Everything()).events.table
        [points] = drawn["comparison"]["tables"].values()
        assert points["event"] == topic[EVENT_TIME].tolist()
        zooms = [param for chart in drawn.values() for param in chart["spec"].get("params", [])]
        assert {param["bind"] for param in zooms} == {"scales"}
        assert {param["select"]["zoom"] for param in zooms} == {"wheel![event.ctrlKey]"}
        assert not re.search(r"""(src|href)=["']?https?:""", page)
        assert "default-src 'none'" in page


class TestSafety:
    def test_names_of_a_topic_are_text(self, page_of, tmp_path):
        evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
        lines = [
            {"ts": START + 1_000 * n, "client": evil, "received_at": START + 1_000 * n + n}
            for n in range(30)
        ]
        lines.append({"client": evil})
        page = page_of("--file", written(tmp_path, "x.jsonl", lines), "--fields", "client=client")
        assert evil not in page
        assert "<img" not in without_script(page)
        assert charts_in(page)["comparison"]["tables"]["table0"]["client"]["names"] == [evil]

    def test_a_topic_that_cannot_be_read_has_a_page(self, page_of, tmp_path):
        text = page_of("--file", tmp_path / "no.jsonl")
        assert "no.jsonl cannot be opened." in text
        assert "<figure>" not in text

    def test_what_is_withheld_is_said_not_drawn(self, page_of, tmp_path):
        lines = [{"ts": START + 1_000 * n, "client": "a"} for n in range(30)]
        page = page_of("--file", written(tmp_path, "x.jsonl", lines))
        assert set(charts_in(page)) == {"comparison", "sessions"}
        assert "What cannot be told" in page
        assert "Median delay" not in page


def test_names_of_any_length_leave_it_small(page_of, tmp_path):
    lines = [
        {"ts": START + 977 * n, "client": f"{n % 90}" * 2_000, "received_at": START + 1_013 * n}
        for n in range(180)
    ]
    page = page_of("--file", written(tmp_path, "x.jsonl", lines))
    assert len(page.encode()) < MOST_BYTES
    assert "comparison" in charts_in(page)


@pytest.mark.parametrize("count", [5_000, 5_001])
def test_it_stays_small_with_as_many_long_names_as_events(page_of, tmp_path, count):
    lines = [
        {"ts": START + 977 * n, "client": f"client-{n:0200}", "session": f"session-{n:0200}",
         "received_at": START + 977 * n + (n * 37) % 1_999}
        for n in range(count)
    ]  # fmt: skip
    page = page_of("--file", written(tmp_path, "x.jsonl", lines))
    assert len(page.encode()) < MOST_BYTES
    assert "comparison" in charts_in(page)


def test_an_analysis_that_is_there_is_not_made_again():
    topic = load(samples(), "sessions-10", Everything())
    first = report_on(topic, Asked())
    again = report_on(topic, Asked(), lambda *_: first.analysis)
    assert again.analysis is first.analysis


def test_a_folder_that_is_no_table_is_no_file(tmp_path):
    with pytest.raises(Exception, match="is a folder without the parts of a table"):
        load(OneFile(tmp_path), "x", Everything())


def test_a_clock_that_was_set_is_no_outage_and_not_wrong_all_the_time(page_of, tmp_path):
    # Given three clients, one of which sets its clock forward by two minutes meanwhile
    lines = [
        {
            "ts": START + 1000 * n + 120_000 * (client == "c" and n >= 200),
            "client": client,
            "received": START + 1000 * n + 50 + 97 * n % 350,
        }
        for n in range(400)
        for client in "abc"
    ]
    page = without_script(page_of("--file", written(tmp_path, "x.jsonl", lines)))
    assert "clock was set forward by" in page
    # Then what looks like an outage is not said to be one, nor all clocks to be right
    assert "A stretch that is filled above and empty below may be an outage." in page
    assert "clocks that were set, or are ahead at times, stand out above" in page
