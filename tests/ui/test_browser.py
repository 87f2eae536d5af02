"""The whole way in a real browser: from a Kafka topic to the figures, and back by a link."""

import json
import re
from contextlib import ExitStack, closing

import pyarrow.parquet as pq
import pytest
from kafka import KafkaProducer
from playwright.sync_api import expect

from lib.events.export import ORIGIN
from lib.simulate.produce import produce as produce_simulation
from lib.simulate.samples import SAMPLES
from tests.support.app import running_app
from tests.support.broker import Record

GOLDEN = [
    (0.0, 0.012, "2", "1de64fb8-55de-494c-885a-364dcf35f37d", 1, 1540726486041, 1540726486053),
    (0.022, 0.031, "2", "1de64fb8-55de-494c-885a-364dcf35f37d", 2, 1540726486063, 1540726486072),
    (0.585, 0.587, "8", "b1ca39c2-7b90-4287-be81-4908e32d771c", 1, 1540726486626, 1540726486628),
    (3.948, 3.949, "9", "c320e635-32c0-4bd8-af3c-86b854048d03", 1, 1540726489989, 1540726489990),
    (3.963, 3.973, "5", "5cd8e458-208c-48d5-9bd5-f52303e14ec4", 1, 1540726490004, 1540726490014),
]
"""The notebook's rows, as the columns of the first-records table begin."""

VIEWPORT = {"width": 1280, "height": 900}
PAGES = ["", "comparison", "sessions", "delay", "outages", "windows"]


expect.set_options(timeout=30_000)  # for a busy machine; nothing waits longer than it has to


@pytest.fixture(scope="module")
def samples_on_broker(broker):
    """Fill the broker with both samples, as `python -m lib.simulate` does."""
    for topic, simulation in SAMPLES.items():
        produce_simulation(simulation(), broker.bootstrap_servers, topic)
    return broker.bootstrap_servers


@pytest.fixture(scope="module")
def app(samples_on_broker, tmp_path_factory):
    """The app, started against the broker with both samples."""
    settings = {"KAFKA_BOOTSTRAP_SERVERS": samples_on_broker}
    with running_app(tmp_path_factory.mktemp("app"), settings) as url:
        yield url


def metric(page, label):
    # While a run goes on, what it has not drawn yet is still there, marked as stale.
    drawn = page.locator('[data-stale="false"]').get_by_test_id("stMetric")
    return drawn.filter(has_text=label).get_by_test_id("stMetricValue")


def choose_topic(page, topic):
    page.get_by_role("combobox", name="Topic").click()
    page.get_by_role("option", name=topic, exact=True).click()


def chart(page):
    return page.get_by_test_id("stVegaLiteChart").first


def circles(page, panel):
    """Return the points of a panel of the Comparison chart: "event" or "received"."""
    return chart(page).locator(f'g.{panel}_group path[aria-roledescription="circle"]')


def ticks(page, panel):
    """Return the labels of a panel's time axis."""
    axes = chart(page).locator(f"g.{panel}_group .role-axis-label")
    return axes.first.locator("text").all_text_contents()


def table_rows(page, rows):
    """Return the first rows of the first table, the columns that fit the screen."""
    cell = "glide-cell-{}-{}"
    return [
        [page.get_by_test_id(cell.format(column, row)).text_content() for column in range(7)]
        for row in range(rows)
    ]


def drag(page, handle, *, by):
    """Drag the handle of a slider sideways, as many pixels as asked for."""
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()  # of an unseen input that begins at the middle of the handle
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by, y, steps=10)
    page.mouse.up()


def event(number):
    value = {"Timestamp": 1540726486041 + number, "ClientID": 1, "SessionID": "s"}
    return Record(json.dumps(value).encode())


def fill(broker, topic, *, records):
    """Write many events, as fast as the producer goes."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, linger_ms=50)
    with closing(producer):
        for number in range(records):
            producer.send(topic, event(number).value, partition=0)


def is_ours(said):
    """Whether an error on the console is not Streamlit's own look-up of outside or base paths."""
    asked = said.location.get("url", "")
    is_lookup = "/_stcore/" in asked or "127.0.0.1" not in asked
    return said.type == "error" and not is_lookup


@pytest.fixture(scope="module")
def samples_app(tmp_path_factory):
    """The app without a broker, one for the tests that only look."""
    with running_app(tmp_path_factory.mktemp("app")) as url:
        yield url


@pytest.fixture
def new_page(chromium):
    """Open pages that share nothing with the test's other pages."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(chromium.new_context(viewport=VIEWPORT)).new_page()


def test_both_topics_with_their_counts_and_the_golden_rows(page, app):
    page.goto(app)
    choose_topic(page, "sessions-100")
    expect(metric(page, "Events")).to_have_text("2,428")
    choose_topic(page, "sessions-10")
    expect(metric(page, "Events")).to_have_text("255")
    expect(metric(page, "Records read")).to_have_text("255")
    expect(page.get_by_test_id("glide-cell-0-4")).to_have_text("3.963")
    assert table_rows(page, 5) == [
        [f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in row] for row in GOLDEN
    ]


def test_dragging_the_window_changes_the_chart_and_its_link_opens_the_same_view(
    page, app, new_page
):
    page.goto(f"{app}/comparison?topic=sessions-10")
    expect(circles(page, "event")).to_have_count(255)
    drag(page, page.get_by_role("slider", name=re.compile("window.*end")), by=-100)
    expect(circles(page, "event")).not_to_have_count(255)
    expect(page).to_have_url(re.compile(r"window=0&window=\d+"))
    caption = page.get_by_text(re.compile("Every one of the")).inner_text()
    visible = circles(page, "event").count()
    assert 0 < visible < 255

    other = new_page()
    other.goto(page.url)
    expect(circles(other, "event")).to_have_count(visible)
    expect(circles(other, "received")).to_have_count(visible)
    expect(other.get_by_text(caption)).to_be_visible()
    assert ticks(other, "event") == ticks(page, "event")


def test_zooming_one_panel_moves_the_other(page, app):
    page.goto(f"{app}/comparison?topic=sessions-10")
    expect(circles(page, "received")).to_have_count(255)
    before = ticks(page, "received")
    assert before == ticks(page, "event")
    circles(page, "event").nth(120).hover()
    page.mouse.wheel(0, -400)
    expect(chart(page).locator("g.received_group")).not_to_contain_text(before[-1])
    assert ticks(page, "received") == ticks(page, "event") != before


def test_hovering_a_point_tells_what_it_is(page, app):
    page.goto(f"{app}/comparison?topic=sessions-10&window=0&window=1&clients=8")
    circles(page, "received").first.hover()
    tooltip = page.locator("#vg-tooltip-element")
    for told in ("b1ca39c2-7b90-4287-be81-4908e32d771c", "0.585", "0.587", "0.002"):
        expect(tooltip).to_contain_text(told)


def test_brushing_with_shift_sets_the_window(page, samples_app):
    page.goto(f"{samples_app}/comparison?topic=sessions-10")
    expect(circles(page, "received")).to_have_count(255)
    panel = chart(page).locator("g.received_group .background").first.bounding_box()
    x, y = panel["x"] + panel["width"] / 2, panel["y"] + 10
    page.keyboard.down("Shift")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + panel["width"] / 4, y, steps=10)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page).to_have_url(re.compile(r"clock=Received\+time&window=9\d\.?\d*&window=14\d"))
    expect(circles(page, "received")).not_to_have_count(255)
    expect(page.get_by_role("radio", name="Received time")).to_be_checked()


def test_selecting_an_outage_makes_its_stretch_the_window(page, samples_app):
    page.goto(f"{samples_app}/outages?topic=sessions-10")
    table = page.get_by_test_id("stDataFrame").first
    expect(table).to_be_visible()
    table.click(position={"x": 20, "y": 54})
    expect(page).to_have_url(re.compile(r"clock=Received\+time&window=59\.\d+&window=137\.\d+"))
    expect(page.get_by_text("1 silence of 1 client.")).to_be_visible()


def test_a_finding_opens_the_view_that_proves_it(page, samples_app):
    page.goto(f"{samples_app}/?topic=sessions-10")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Show").click()
    shown = opened.value
    expect(shown.get_by_role("heading", level=1, name="Outages")).to_be_visible()
    expect(shown.get_by_text("1 silence of 1 client.")).to_be_visible()


def test_values_are_kept_when_the_page_changes(page, app):
    page.goto(f"{app}/comparison?topic=sessions-100&window=100&window=300&clients=3&height=300")
    events = circles(page, "event")
    expect(events.first).to_be_visible()
    visible = events.count()
    page.get_by_role("link", name="Overview").click()
    expect(metric(page, "Events")).to_have_text(f"{visible:,}")
    expect(metric(page, "Clients")).to_have_text("1")
    page.get_by_role("link", name="Comparison").click()
    expect(events).to_have_count(visible)
    for kept in ("topic=sessions-100", "window=100&window=300", "clients=3", "height=300"):
        expect(page).to_have_url(re.compile(re.escape(kept)))


def test_reload_shows_what_was_produced_since(page, app, make_topic, produce):
    topic = make_topic()
    produce(topic, [event(1), event(2)])
    page.goto(f"{app}/?topic={topic}")
    expect(metric(page, "Events")).to_have_text("2")
    produce(topic, [event(3), event(4), event(5)])
    page.get_by_role("button", name="Reload").click()
    expect(metric(page, "Events")).to_have_text("5")
    expect(page.get_by_text("5 records in 1 partition")).to_be_visible()


def test_a_topic_is_downloaded_and_opens_again_from_its_file(page, samples_app, tmp_path):
    # Given a topic, downloaded
    page.goto(f"{samples_app}/?topic=sessions-100")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download the loaded topic").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    origin = json.loads(pq.read_schema(file).metadata[ORIGIN])
    assert (origin["topic"], origin["source"]) == ("sessions-100", "Samples")

    # When the file is uploaded
    page.goto(f"{samples_app}/?source=Upload")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)

    # Then it is the same topic
    expect(metric(page, "Events")).to_have_text("2,428")
    expect(metric(page, "From the future")).to_have_text("293")


def test_a_large_topic_shows_progress_and_stop_keeps_what_came(page, make_topic, broker, start_app):
    topic = make_topic()
    fill(broker, topic, records=200_000)
    slow = {"SKEWLINE_KAFKA_READER": "kafka-python"}
    app = start_app(KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers, **slow)
    page.goto(f"{app}/?topic={topic}")
    expect(page.get_by_text(re.compile("of at most 200,000 records"))).to_be_visible()
    page.get_by_role("button", name="Stop and keep what came").click()
    expect(page.get_by_text(re.compile("Reading was stopped after"))).to_be_visible()
    kept = int(metric(page, "Events").inner_text().replace(",", ""))
    assert 0 < kept < 200_000


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_by_its_own_url_on_a_fresh_server(page, start_app, path):
    page.goto(f"{start_app()}/{path}?topic=sessions-100")
    title = {"": "Overview"}.get(path, path.capitalize())
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
    expect(page.get_by_role("slider", name=re.compile("window.*end"))).to_be_attached()
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1280, 420])
def test_a_page_fits_the_screen_and_logs_no_error(page, samples_app, path, width):
    errors = []
    page.on("console", lambda said: errors.append(said.text) if is_ours(said) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{samples_app}/{path}")
    shown = chart(page) if path else page.get_by_test_id("stDataFrame").first
    expect(shown).to_be_visible()
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
    for drawn in page.get_by_test_id("stVegaLiteChart").all():
        expect(drawn).to_have_accessible_name(re.compile(r"\w+ \w+"))
    assert errors == []


def test_utc_is_utc_in_any_time_zone(chromium, samples_app):
    with chromium.new_context(timezone_id="Asia/Tokyo") as context:
        page = context.new_page()
        page.goto(f"{samples_app}/comparison?times=UTC&window=0&window=1&clients=8")
        circles(page, "event").first.hover()
        tooltip = page.locator("#vg-tooltip-element")
        expect(tooltip).to_contain_text("2018-10-28 11:34:46.626")
        expect(chart(page).locator("g.event_group")).to_contain_text("11:34:46")
        page.get_by_role("radio", name="Local").click()
        expect(chart(page).locator("g.event_group")).to_contain_text("20:34:46")
