"""What the app shows, what its report says, and what the command line says are the same."""

from __future__ import annotations

import json
import re
from html import unescape
from shutil import copy

import pytest
from playwright.sync_api import expect

from lib.analysis import outages
from lib.core.formatting import delay_text, escaped_markdown, percent, share_text
from lib.replay.sentences import latency_text
from lib.report.__main__ import main
from lib.simulate.samples import SAMPLES
from tests.report.conftest import VALIDATOR
from tests.support.app import REPOSITORY
from tests.support.browser import expect_idle
from tests.support.chromium import browsing
from tests.support.opened import (
    DELAY,
    OUTAGES,
    WINDOWS,
    captions,
    files_of,
    go_to,
    metrics,
    open_app,
)

CASES = sorted((REPOSITORY / "tests/cases").iterdir())
LARGEST_MS = 10_222
"""Of the cases with received times: the event of dev-b that was held back."""

START = 1_704_164_650_000

pytestmark = pytest.mark.usefixtures("app_isolation")


def reported(folder, *arguments):
    main([*arguments, "--json", str(folder / "cli.json")])
    return json.loads((folder / "cli.json").read_text())


def tell_the_same(at, told, page):
    """Assert that the Overview page, the figures and the page of the report tell the same."""
    shown, delay = metrics(at), told["delay_ms"]
    expected = {name: f"{told[name.lower()]:,}" for name in ("Events", "Clients", "Sessions")}
    if delay is not None:
        expected |= {
            "Median delay": delay_text(delay["median"]),
            "Largest delay": delay_text(delay["max"]),
            "Clock ahead": f"{delay['negative']:,}",
        }
    of_page = dict(re.findall(r'<tr><th scope="row">([^<]*)</th><td>([^<]*)</td>', page))
    assert {name: of_page.get(name) for name in expected} == expected
    expected["Rejected"] = f"{sum(told['rejected'].values()):,}"
    assert {name: shown.get(name) for name in expected} == expected
    assert ("Median delay" in shown) == ("Median delay" in of_page) == (delay is not None)
    written = {each.value for each in at.markdown}
    assert {escaped_markdown(each) for each in told["findings"]} <= written
    assert all(f"<li>{each}</li>" in unescape(page) for each in told["findings"])
    advised = [each for each in written if "%** of the" in each]
    assert len(advised) == (told["advice"] is not None)
    for line in advised:
        setting = told["advice"]["sentence"].split(" drops ")[0].split(" holds")[0]
        share = share_text(told["advice"]["dropped_share"])
        assert line.startswith(f"**{setting} would drop {share}**")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_a_case_tells_the_same_in_app_page_and_figures(tmp_path, monkeypatch, path):
    folder = files_of(tmp_path / "files", monkeypatch)
    copy(path, folder)
    at = open_app(source="Files", topic=path.name.split(".")[0])
    told = reported(tmp_path, "--file", str(path), "--html", str(tmp_path / "r.html"))
    tell_the_same(at, told, (tmp_path / "r.html").read_text())
    VALIDATOR.validate(told)
    assert told["events"] == 12
    if told["received_time"]["known"]:
        assert (told["delay_ms"]["median"], told["delay_ms"]["max"]) == (223.5, LARGEST_MS)
    else:
        assert told["delay_ms"] is None
        assert "no received time" in told["withheld"]["delay_ms"]


@pytest.mark.parametrize("topic", SAMPLES)
class TestPages:
    def test_overview(self, tmp_path, topic):
        at = open_app(source="Samples", topic=topic)
        command = ("--source", "samples", "--topic", topic, "--html", str(tmp_path / "r.html"))
        told = reported(tmp_path, *command)
        tell_the_same(at, told, (tmp_path / "r.html").read_text())

    def test_delay_and_clocks(self, tmp_path, topic):
        at = go_to(open_app(source="Samples", topic=topic), DELAY)
        told = reported(tmp_path, "--source", "samples", "--topic", topic)
        quantiles = at.dataframe[0].value.iloc[0]
        assert quantiles["99 % within (s)"] * 1000 == pytest.approx(told["delay_ms"]["p99"])
        wrong = sum(clock["wrong"] for clock in told["clocks"])
        said = {0: "No clock is wrong.", 1: f"1 of {len(told['clocks'])} clocks is wrong."}
        assert said[wrong] in captions(at)

    def test_outages(self, tmp_path, topic):
        at = go_to(open_app(source="Samples", topic=topic), OUTAGES)
        told = reported(tmp_path, "--source", "samples", "--topic", topic)["outages"]
        shown = at.dataframe[0].value
        assert sorted(shown["Held back"]) == sorted(each["held_back"] for each in told)
        assert shown["Kind"].isin([outages.BUFFERED, outages.MOSTLY_LOST]).all()
        assert sorted(shown["Client"]) == sorted(str(each["client"]) for each in told)

    @pytest.mark.parametrize(
        ("shown_as", "engine"), [("Flink DataStream", "flink"), ("Kafka Streams", "kafka-streams")]
    )
    def test_windows(self, tmp_path, topic, shown_as, engine):
        link = {"engine": shown_as, "session_gap": "20 s", "delay": "2 s"}
        at = go_to(open_app(source="Samples", topic=topic, **link), WINDOWS)
        command = ("--engine", engine, "--gap", "20s", "--delay", "2s")
        told = reported(tmp_path, "--source", "samples", "--topic", topic, *command)
        shown, replay = metrics(at), told["replay"]
        assert shown["Dropped"] == f"{replay['dropped']:,} ({percent(replay['dropped_share'])})"
        for name in ("Exact", "Incomplete", "Split", "Merged", "Mixed"):
            assert shown[name] == f"{replay['true_sessions'][name.lower()]:,}"
        latency = replay["result_latency_ms"]
        assert shown["Result latency"] == latency_text(latency and latency["median"])
        said = [each.value.replace("*", "") for each in (*at.warning, *at.success)]
        at_zero = told["advice"]["sentence"].split(" at 20")[0]  # the page counts from zero
        assert any(each.startswith(at_zero) for each in said)


@pytest.mark.parametrize("sensitivity", ["1.0", "0.5"])
def test_a_number_without_a_received_time_is_lost_nowhere(tmp_path, monkeypatch, sensitivity):
    folder = files_of(tmp_path / "files", monkeypatch)
    lines = [
        {"ts": START + 1_000 * n, "device": "a", "seq": n}
        | ({} if 20 <= n < 32 else {"received_at": START + 1_000 * n + 200 + 37 * n % 150})
        for n in range(90)
    ]
    path = folder / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    told = reported(tmp_path, "--file", str(path))
    assert (told["without_received"], told["sequence_numbers"]["lost"]) == (12, 0)
    kinds = [outages.BUFFERED, outages.MOSTLY_LOST, outages.QUIET]
    at = open_app(source="Files", topic="x", kinds=kinds, sensitivity=sensitivity)
    assert metrics(at)["Events"] == "90"
    tables = [table.value for table in go_to(at, OUTAGES).dataframe]
    lost = [table["Lost"].sum() for table in tables if "Lost" in table]
    assert lost in ([], [0])
    assert sum(each["lost"] for each in [*told["outages"], *told["quiet"]]) == 0


def test_the_report_downloads_and_opens_offline(page, chromium, samples_app, tmp_path):
    # Given the app on a sample
    page.goto(f"{samples_app}/?source=Samples&topic=sessions-10")
    expect_idle(page)
    files = {}
    page.get_by_role("button", name="Download", exact=True).click()
    # When its report is downloaded as a page and as figures
    for kind in ("HTML", "JSON"):
        with page.expect_download() as downloading:
            page.get_by_role("button", name=f"The report, {kind}").click()
        files[kind] = tmp_path / downloading.value.suggested_filename
        downloading.value.save_as(files[kind])
    # Then the figures are those of the command line
    told = reported(tmp_path, "--source", "samples", "--topic", "sessions-10")
    downloaded = json.loads(files["JSON"].read_text())
    for each in (told, downloaded):
        each["made"].update(at="", at_ms=0)
    assert downloaded == told
    # And the page draws every chart without a network
    with browsing(chromium, offline=True) as context:
        opened, asked, errors = context.new_page(), [], []
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(files["HTML"].as_uri())
        expect(opened.locator(".chart")).to_have_count(6)
        expect(opened.locator(".chart svg.marks")).to_have_count(6)
        assert asked == [files["HTML"].as_uri()]
        assert errors == []
