"""The whole way in a real browser: from a Kafka topic to the figures, and back by a link."""

import json
import re
import socket
from contextlib import ExitStack

import pandas as pd
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from lib.core.columns import CLIENT, EVENT_TIME, EVENT_TIME_0, RECEIVED_TIME_0
from lib.loading.load import load
from lib.simulate import Scenario, simulate
from lib.simulate.produce import produce as produce_simulation
from lib.simulate.samples import SAMPLES
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from lib.sources.files.parquet import ORIGIN
from tests.support.app import running_app
from tests.support.blocks import values_of
from tests.support.broker import Record, slowed
from tests.support.browser import (
    SHIFTS,
    SOON_MS,
    chart,
    choose_topic,
    circles,
    drag,
    expect_idle,
    expect_tooltip,
    metric,
    table_rows,
    ticks,
    until_holds,
    window_end,
    window_of,
)
from tests.support.chromium import browsing
from tests.support.golden_rows import SESSION_OF_8, ZERO_MS, rows_of

VIEWPORT = {"width": 1280, "height": 900}
FIRST_COLUMNS = [
    "EventTimestamp0",
    "ReceivedTimestamp0",
    "ClientID",
    "SessionID",
    "EventID",
    "Timestamp",
    "KafkaTimestamp",
]
"""Of the table of first records."""


@pytest.fixture(scope="module")
def events():
    """The events tables of the sample topics, by name."""
    return {topic: load(samples(), topic, Everything()).events.table for topic in SAMPLES}


def event(number, **others):
    [value] = values_of({"Timestamp": ZERO_MS + number, "ClientID": 1, "SessionID": "s", **others})
    return Record(value)


@pytest.fixture
def new_page(chromium):
    """Open pages that share nothing with the test's other pages."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(browsing(chromium, viewport=VIEWPORT)).new_page()


def test_both_topics_with_their_counts_and_the_golden_rows(page, kafka_app):
    page.set_viewport_size({"width": 1600, "height": 1000})  # for all columns of the rows
    page.goto(f"{kafka_app}/?times=Since+zero")
    choose_topic(page, "sessions-100")
    expect(metric(page, "Events")).to_have_text("2,428")
    choose_topic(page, "sessions-10")
    expect(metric(page, "Events")).to_have_text("255")
    page.get_by_text("Load report: 255 records read, none rejected").click()
    expect(metric(page, "Records read")).to_have_text("255")
    page.get_by_text("First records", exact=True).click()
    golden = rows_of(*FIRST_COLUMNS)
    for cells, row in zip(table_rows(page, len(golden), len(FIRST_COLUMNS)), golden, strict=True):
        for cell, value in zip(cells, row, strict=True):
            expect(cell).to_have_text(f"{value:g}" if isinstance(value, float) else str(value))


def test_dragging_the_window_changes_the_chart_and_its_link_opens_the_same_view(
    page, kafka_app, new_page, events
):
    page.goto(f"{kafka_app}/comparison?topic=sessions-10")
    expect(circles(page, "event")).to_have_count(255)
    expect_idle(page)

    drag(page, window_end(page), by=-100)

    def shows_the_window_of_its_link(shown, link):
        _, end_s = window_of(link)
        inside = int((events["sessions-10"][EVENT_TIME_0] <= end_s).sum())
        assert 0 < inside < 255
        for panel in ("event", "received"):
            expect(circles(shown, panel)).to_have_count(inside, timeout=SOON_MS)
        caption = shown.get_by_text(f"Every one of the {inside} events of")
        expect(caption).to_be_visible(timeout=SOON_MS)
        return link

    link = until_holds(page, lambda: shows_the_window_of_its_link(page, page.url))
    other = new_page()
    other.goto(link)
    until_holds(other, lambda: shows_the_window_of_its_link(other, link))
    until_holds(other, lambda: expect_same_axes(other, page))


def expect_same_axes(one, other):
    assert ticks(one, "event") == ticks(other, "event") != []


@pytest.mark.parametrize("width", [390, 1280])
def test_labels_at_the_ends_of_a_time_axis_are_whole(page, samples_app, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{samples_app}/comparison?topic=sessions-100")
    expect(circles(page, "event")).to_have_count(2_428)

    def inside():
        picture = chart(page).locator("svg").first.bounding_box()
        labels = chart(page).locator("g.event_group .role-axis-label").first.locator("text").all()
        boxes = [label.bounding_box() for label in labels]
        assert boxes
        for box in boxes:
            assert picture["x"] <= box["x"]
            assert box["x"] + box["width"] <= picture["x"] + picture["width"]

    until_holds(page, inside)


def test_zooming_one_panel_moves_the_other(page, kafka_app):
    page.goto(f"{kafka_app}/comparison?topic=sessions-10")
    expect(circles(page, "received")).to_have_count(255)
    expect_idle(page)
    before = ticks(page, "received")
    assert before == ticks(page, "event") != []

    circles(page, "event").nth(120).hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")

    def both_moved():
        assert ticks(page, "received") == ticks(page, "event")
        assert before != ticks(page, "event") != []

    until_holds(page, both_moved)


def test_hovering_a_point_tells_what_it_is(page, kafka_app):
    page.goto(
        f"{kafka_app}/comparison?times=Since+zero&topic=sessions-10&window=0&window=1&clients=8"
    )
    expect_tooltip(page, circles(page, "received").first, SESSION_OF_8, "0.585", "0.587", "0.002")


def test_brushing_with_shift_sets_the_window(page, samples_app, events):
    page.goto(f"{samples_app}/comparison?topic=sessions-10")
    expect(circles(page, "received")).to_have_count(255)
    expect_idle(page)
    panel = chart(page).locator("g.received_group .background").first.bounding_box()
    x, y = panel["x"] + panel["width"] / 2, panel["y"] + 10
    page.keyboard.down("Shift")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + panel["width"] / 4, y, steps=10)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page).to_have_url(re.compile(r"window=9\d\.?\d*&window=14\d"))
    received = events["sessions-10"][RECEIVED_TIME_0]
    inside = int(received.between(*window_of(page.url)).sum())
    expect(circles(page, "received")).to_have_count(inside)
    expect(page.get_by_role("radio", name="Received time")).to_be_checked()


def test_a_typed_condition_is_a_chip_in_the_link_that_can_be_removed(page, samples_app):
    page.goto(f"{samples_app}/?topic=sessions-100")
    expect(metric(page, "Events")).to_have_text("2,428")
    expect_idle(page)
    page.get_by_role("combobox", name="Filter").click()
    page.keyboard.type("partition = 0 AND Errors >= 0")
    page.get_by_role("option", name="Add: partition = 0").click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("of 2,428 events, where “partition = 0 AND")).to_be_visible()
    expect(page).to_have_url(re.compile(r"where=partition\+%3D\+0\+AND\+Errors\+%3E%3D\+0"))
    page.reload()
    expect(page.get_by_text("of 2,428 events, where “partition = 0 AND")).to_be_visible()
    expect_idle(page)
    page.get_by_role("button", name="Remove partition = 0 AND").click()
    expect(metric(page, "Events")).to_have_text("2,428")


def test_a_chart_comes_as_a_picture_a_link_is_copied_and_an_event_leads_to_its_record(
    chromium, samples_app
):
    with browsing(
        chromium, viewport=VIEWPORT, permissions=["clipboard-read", "clipboard-write"]
    ) as context:
        page = context.new_page()
        page.goto(f"{samples_app}/comparison?topic=sessions-10")
        expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
        expect_idle(page)
        for form, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
            with page.expect_download() as download:
                page.get_by_test_id("stDownloadButton").get_by_role("button", name=form).click()
            assert download.value.path().read_bytes().startswith(begins)
        page.get_by_role("button", name="Link to this view").click()
        code = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode")
        code.hover()
        code.get_by_label("Copy to clipboard").click()
        link = until_holds(page, lambda: copied(page))
        assert link.startswith(f"{samples_app}/comparison?")
        assert "topic=sessions-10" in link
        page.keyboard.press("Escape")
        point = page.get_by_test_id("stVegaLiteChart").locator(".mark-symbol path").nth(5)
        point.click()
        page.get_by_role("button", name="Open the record, partition 0, offset 5").click()
        expect(page).to_have_url(re.compile(r"/records\?.*record=0%3A5"))


def test_what_is_shown_comes_as_a_file(page, samples_app, events):
    page.goto(f"{samples_app}/records?topic=sessions-100&where=client+%3D+3&window=0&window=300")
    expect_idle(page)
    page.get_by_role("button", name=re.compile("Export what is shown")).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    written = pd.read_csv(download.value.path())
    table = events["sessions-100"]
    shown = table[(table[CLIENT] == 3) & table[EVENT_TIME_0].between(0, 300)]
    assert written["event_time_ms"].tolist() == shown[EVENT_TIME].tolist() != []
    assert set(written["client"]) == {3}


def copied(page):
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("http")
    return text


def test_selecting_an_outage_makes_its_stretch_the_window(page, samples_app):
    page.goto(f"{samples_app}/outages?topic=sessions-10")
    expect(table_rows(page, 1, 2)[0][1]).to_be_attached()
    expect_idle(page)
    page.get_by_test_id("stDataFrame").first.click(position={"x": 20, "y": 54})
    expect(page).to_have_url(re.compile(r"window=59\.\d+&window=137\.\d+"))
    expect(page.get_by_text("1 silence of 1 client.")).to_be_visible()


def test_a_finding_moves_the_picture_in_place_and_opens_the_page_that_proves_it(page, samples_app):
    page.goto(f"{samples_app}/?topic=sessions-10")
    points = chart(page).locator('path[aria-roledescription="circle"]')
    expect(points).to_have_count(2 * 255)
    expect_idle(page)
    page.get_by_role("button", name="Show", exact=True).click()
    expect(points).to_have_count(2 * 38)
    expect(page.get_by_text("Shown: 38 of 255 events, 11:35:4")).to_be_visible()
    page.get_by_role("button", name="On Outages").click()
    expect(page.get_by_role("heading", level=1, name="Outages")).to_be_visible()
    expect(page.get_by_text("1 silence of 1 client.")).to_be_visible()


def test_the_first_screen_answers_and_does_not_jump(page, samples_app):
    # Given the sum of all layout shifts from the moment on at which the page has its title
    page.add_init_script(SHIFTS)
    page.goto(f"{samples_app}/?topic=sessions-10")
    # Then the first screen says what is wrong, since when, and what to set
    expect(
        page.get_by_text(re.compile(r"Client 2 was silent for 65\.2 s, 11:"))
    ).to_be_in_viewport()
    expect(chart(page).get_by_text("burst of 31").last).to_be_in_viewport()  # over its halo
    expect(page.get_by_text(re.compile("a watermark delay of 26 s with"))).to_be_in_viewport()
    expect_idle(page)
    assert page.evaluate("shifted") <= 0.1


def test_the_picture_of_a_large_topic_is_whole(page, kafka_app, broker, make_topic):
    # Given more events than are drawn as points, and clients that were cut off
    cut_off = Scenario(events=9_000, clients=30, sessions=60, outage_share=0.2, outage_s=(60, 90))
    topic = make_topic(partitions=cut_off.partitions, config={"retention.ms": "-1"})
    produce_simulation(simulate(cut_off), broker.bootstrap_servers, topic)
    page.goto(f"{kafka_app}/?topic={topic}")
    # When their picture is drawn
    expect(chart(page).get_by_text("Events in a cell")).to_be_visible()
    expect_idle(page)
    # Then no part of it is cut off, and its legends are there
    expect(chart(page).get_by_text("buffered")).to_be_visible()
    room = chart(page).locator("xpath=ancestor::*[@data-testid='stVerticalBlock'][1]")
    until_holds(page, lambda: fits(room))


def fits(room):
    assert room.evaluate("e => e.scrollHeight - e.clientHeight") <= 0


def test_findings_are_as_high_as_they_are_on_a_phone(page, kafka_app):
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{kafka_app}/?topic=sessions-10")
    found = page.locator(".st-key-findings")
    expect(found.get_by_text("was silent for")).to_be_visible()
    below = "e => e.parentElement.getBoundingClientRect().bottom - "
    below += "e.lastElementChild.getBoundingClientRect().bottom"
    until_holds(page, lambda: is_at_most(found.evaluate(below), 1))


def is_at_most(found, most):
    assert found <= most


def test_values_are_kept_when_the_page_changes(page, kafka_app, events):
    of_3 = events["sessions-100"].query(f"{CLIENT} == 3")[EVENT_TIME_0]
    visible = int(of_3.between(100, 300).sum())
    page.goto(
        f"{kafka_app}/comparison?topic=sessions-100&window=100&window=300&clients=3&height=300"
    )
    expect(circles(page, "event")).to_have_count(visible)
    page.get_by_role("link", name="Overview").click()
    expect(metric(page, "Events")).to_have_text(f"{visible:,}")
    expect(metric(page, "Clients")).to_have_text("1")
    page.get_by_role("link", name="Comparison").click()
    expect(circles(page, "event")).to_have_count(visible)
    for kept in ("topic=sessions-100", "window=100&window=300", "clients=3", "height=300"):
        expect(page).to_have_url(re.compile(re.escape(kept)))


def test_values_are_kept_when_the_page_changes_before_they_are_drawn(page, samples_app):
    # Given a link with clients, and a browser that has not got what draws their filter yet
    waiting = []
    page.route(re.compile(r"/Multiselect\.[^/]*\.js$"), lambda route: waiting.append(route))  # noqa: PLW0108
    page.goto(f"{samples_app}/comparison?topic=sessions-100&clients=3&times=Local&height=300")
    expect(page.get_by_role("button", name="Reload")).to_be_visible()
    assert waiting

    # When the page is changed, and that comes
    page.get_by_role("link", name="Overview").click()
    expect(metric(page, "Clients")).to_have_text("1")
    for route in waiting:
        route.continue_()
    expect_idle(page)

    # Then they are still chosen, there and where they came from
    expect(page).to_have_url(re.compile("clients=3"))
    page.get_by_role("link", name="Comparison").click()
    expect(page.get_by_role("heading", name="Comparison")).to_be_visible()
    expect_idle(page)
    for kept in ("clients=3", "times=Local", "height=300"):
        expect(page).to_have_url(re.compile(kept))


def test_back_leads_to_the_page_before(page, samples_app):
    # Given a view with much in its link, and a change of page
    view = "topic=sessions-100&window=100&window=300&session=SessionID&event_time=Timestamp"
    page.goto(f"{samples_app}/?{view}&times=Local")
    expect_idle(page)
    steps = page.evaluate("history.length")
    page.get_by_role("link", name="Delay", exact=True).click()
    expect(page.get_by_role("heading", name="Delay", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("topic=sessions-100"))
    expect_idle(page)

    # Then it is two steps: the menu's, and what the menu's link has dropped; which may come in two
    back = page.evaluate("history.length") - steps
    assert back in (2, 3)
    for _ in range(back):
        page.go_back()
    expect(page).not_to_have_url(re.compile("/delay"))
    expect(metric(page, "Events")).to_be_visible()
    expect(page).to_have_url(re.compile("window=100&window=300"))


def test_reload_shows_what_was_produced_since(page, kafka_app, make_topic, produce):
    topic = make_topic()
    produce(topic, [event(1), event(2)])
    page.goto(f"{kafka_app}/?topic={topic}")
    expect(metric(page, "Events")).to_have_text("2")
    expect_idle(page)
    produce(topic, [event(3), event(4), event(5)])
    page.get_by_role("button", name="Reload").click()
    expect(metric(page, "Events")).to_have_text("5")
    expect(page.get_by_text("5 records in 1 partition")).to_be_visible()


def test_a_topic_is_downloaded_and_opens_again_from_its_file(page, samples_app, tmp_path):
    # Given a topic, downloaded
    page.goto(f"{samples_app}/?topic=sessions-100")
    expect_idle(page)
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="The topic, Parquet").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    origin = json.loads(pq.read_schema(file).metadata[ORIGIN])
    assert (origin["topic"], origin["source"]) == ("sessions-100", "Samples")

    # When the file is uploaded
    page.goto(f"{samples_app}/?source=Upload")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)

    # Then it is the same topic
    expect(metric(page, "Events")).to_have_text("2,428")
    expect(metric(page, "Clock ahead")).to_have_text("293")


def test_an_uploaded_file_takes_room_from_what_can_be_read(page, tmp_path):
    # Given a file of 14 MB, and a server that may hold 20 MB
    file = tmp_path / "large.jsonl"
    padded = (event(number, padding=f"{number:900}").value for number in range(14_000))
    file.write_bytes(b"".join(line.ljust(1_000) + b"\n" for line in padded)[:14_000_000])
    with running_app(tmp_path, {"SKEWLINE_MEMORY": "20 MB"}) as url:
        # When it is uploaded
        page.goto(f"{url}/?source=Upload")
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)

        # Then 6 MB are left to read it with
        expect(page.get_by_text("of memory, and 6 MB are to be used")).to_be_visible()


def test_a_large_topic_shows_progress_and_stop_keeps_what_came(
    page, kafka_app, broker, make_topic, produce
):
    # Given a topic that the broker takes most of a minute to send
    topic = make_topic()
    produce(topic, [event(number, padding="x" * 1_000) for number in range(20_000)])
    with slowed(broker.bootstrap_servers, topic, client_id="skewline", bytes_per_s=500_000):
        # When it is opened, and stopped on the way
        page.goto(f"{kafka_app}/?topic={topic}")
        expect(page.get_by_text(re.compile("of at most 20,000 records"))).to_be_visible()
        page.get_by_role("button", name="Stop, keep what is loaded").click()

        # Then the page shows what came, and says so
        expect(page.get_by_text(re.compile("Reading was stopped after"))).to_be_visible()
        expect(metric(page, "Events")).to_have_text(re.compile(r"^1?\d,\d{3}$|^\d{1,3}$"))


_WATCH_FIGURES = """
    window.faintest = 1;
    const look = () => {
        let part = document.querySelector("[data-testid=stMetric]");
        for (; part; part = part.parentElement)
            window.faintest = Math.min(window.faintest, getComputedStyle(part).opacity);
        requestAnimationFrame(look);
    };
    look();
    window.faintest
"""
"""Notes how faint a figure ever was."""


def test_a_broker_that_does_not_answer_is_said_while_it_is_waited_for(page, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = {"KAFKA_BOOTSTRAP_SERVERS": address, "KAFKA_TIMEOUT_S": "8"}
        with running_app(tmp_path, settings) as url:
            # Given the figures of a sample, when the broker is turned to, then they are dimmed
            page.goto(f"{url}/?source=Samples&topic=sessions-10")
            expect(metric(page, "Events")).to_have_text("255")
            expect_idle(page)
            assert page.evaluate(_WATCH_FIGURES) == 1
            page.get_by_role("radio", name="Kafka").click()
            page.wait_for_function("window.faintest < 1")

            # and the broker is said to be away
            expect(page.get_by_text("has not answered for 2.5 s")).to_be_visible()
            expect(page.get_by_text(f"No Kafka broker answers at {address}")).to_be_visible()


def test_a_page_opens_by_its_own_url_on_a_fresh_server_with_the_apps_own_icon(page, start_app):
    # A browser without a window fetches few icons: the addresses tell whom another one would ask.
    page.add_init_script(
        """
        window.icons = new Set()
        const note = () => document.querySelectorAll("link[rel~=icon]").forEach(
            link => window.icons.add(link.href))
        new MutationObserver(note).observe(
            document, {subtree: true, childList: true, attributes: true})
        """
    )
    app = start_app()
    page.goto(f"{app}/windows?topic=sessions-100")
    expect(page.get_by_role("heading", level=1, name="Windows")).to_be_visible()
    expect(window_end(page)).to_be_attached()
    expect_idle(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    icons = page.evaluate("[...window.icons]")
    assert any(icon.startswith("data:image/svg+xml") for icon in icons)
    assert {icon for icon in icons if icon.startswith("http") and not icon.startswith(app)} == set()


def test_utc_is_utc_in_any_time_zone(chromium, samples_app):
    with browsing(chromium, timezone_id="Asia/Tokyo", viewport=VIEWPORT) as context:
        page = context.new_page()
        page.goto(f"{samples_app}/comparison?times=UTC&window=0&window=1&clients=8")
        expect_tooltip(page, circles(page, "event").first, "2018-10-28 11:34:46.626")
        expect(chart(page).locator("g.event_group")).to_contain_text("11:34:46")
        page.get_by_role("radio", name="Local").click()
        expect(chart(page).locator("g.event_group")).to_contain_text("20:34:46")
