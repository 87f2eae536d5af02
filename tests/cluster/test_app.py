"""The app with a Dask cluster: what is offered to it, and what pages show of what it tells."""

from __future__ import annotations

import sys
import time

import pytest
from distributed import Event

from lib.cluster import topic
from lib.cluster.settings import FROM_VARIABLE, VARIABLE
from lib.loading.load import load
from lib.simulate.__main__ import main as write_topic
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from lib.ui import parameters
from lib.ui.cluster import loads as shared
from lib.ui.view import current_view
from tests.cluster.conftest import read_files_of
from tests.cluster.same import FAULTS
from tests.support.opened import (
    COMPARISON,
    DELAY,
    LIVE,
    OUTAGES,
    PATIENCE_S,
    RECORDS,
    SESSIONS,
    WINDOWS,
    captions,
    chart,
    choose,
    files_of,
    go_to,
    metrics,
    open_app,
    press,
    settled,
    tickets,
)

SAMPLE = {"source": "Samples", "topic": "sessions-100"}
SMALL = {"source": "Samples", "topic": "sessions-10"}
FIGURES = ["Events", "Clients", "Sessions", "Median delay", "Largest delay", "Clock ahead"]

pytestmark = pytest.mark.usefixtures("app_isolation")


def said(at):
    texts = [*(text.value for text in at.markdown), captions(at)]
    return "\n".join(
        [*texts, *(f"{box.proto.title} {box.value}" for box in [*at.info, *at.warning])]
    )


def buttons(at):
    return [button.label for button in at.button]


def tables(at):
    return [table.value for table in at.dataframe]


def windows(at):
    """Return figures, advice, the first program and the skew plot of the Windows page."""
    advice = [box.value for box in [*at.success, *at.warning]]
    return metrics(at), advice, at.code[0].value, chart(at)[0]


def test_pages_show_what_they_show_of_one_machine(cluster):
    # Given the sample, loaded here and drawn on three pages
    holding = cluster.run_on_scheduler(_holding)
    here = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE)
        at = open_app(**SAMPLE)
        here["overview"] = metrics(at), {text.value for text in at.markdown}
        here["delay"] = tables(go_to(at, DELAY))
        here["of delay"] = charts(at), readings(at)[:-1]
        here["comparison"] = charts(go_to(at, COMPARISON)), readings(at)
        here["sessions"] = tables(go_to(at, SESSIONS))[0]
        here["histogram"] = chart(at)[0]
        here["outages"] = tables(go_to(at, OUTAGES))
        here["windows"], here["fault"] = windows(go_to(at, WINDOWS)), fault_in(at)
        here["of windows"] = [written_out(each) for each in tables(at)]
    shared.st.cache_resource.clear()
    # When the cluster is asked
    at = press(open_app(**SAMPLE), "Ask the cluster")
    # Then figures, advice and findings are the same
    figures, texts = here["overview"]
    assert {name: metrics(at)[name] for name in FIGURES} == {
        name: figures[name] for name in FIGURES
    }
    assert {text.value for text in at.markdown} <= texts
    assert len(at.markdown) > 6
    # and so are the tables of the other pages
    for page, expected in ((DELAY, here["delay"]), (OUTAGES, here["outages"])):
        for table in (drawn := tables(go_to(at, page))):
            assert any(table.equals(each) for each in expected)
        assert len(drawn) >= 2
    expected = here["sessions"].drop(columns=["Lost", "Duplicates"]).reset_index(drop=True)
    assert tables(go_to(at, SESSIONS))[0].equals(expected)
    assert chart(at)[0] == here["histogram"]
    assert (charts(go_to(at, DELAY)), readings(at)[:-1]) == here["of delay"]
    assert (charts(go_to(at, COMPARISON)), readings(at)) == here["comparison"]
    assert windows(go_to(at, WINDOWS)) == here["windows"]
    at.session_state[parameters.FAULT_OPEN] = True
    assert fault_in(settled(at.run())) == here["fault"]
    found = [written_out(each) for each in tables(at)]
    # on received time, stretches of the advice, dropped, by client, by partition, idle timeouts
    assert len(found) == 6
    assert all(each in here["of windows"] for each in found)
    # Another viewer sees it at once, and who lets it go frees the workers
    other = open_app(**SAMPLE)
    assert metrics(other)["Events"] == figures["Events"]
    press(other, "Let it go")
    assert "Ask the cluster" in buttons(other)
    deadline = time.monotonic() + PATIENCE_S
    while cluster.run_on_scheduler(_holding) != holding and time.monotonic() < deadline:
        pass
    assert cluster.run_on_scheduler(_holding) == holding


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("correct", ["false", "true"])
def test_what_is_told_once_the_sidebar_is_drawn_is_shown_with_the_filter(monkeypatch, correct):
    # Given a cluster that tells everything after the sidebar was drawn, and before the page is
    def drawn_late():
        view = current_view()
        if view.on_cluster is not None:
            view.on_cluster.settle(PATIENCE_S)
        return view

    monkeypatch.setattr("lib.ui.sidebar._QUICK_S", 0)
    monkeypatch.setattr("lib.ui.page.current_view", drawn_late)
    # When a link with a filter is opened there
    at = open_app(**SMALL, where="ClientID = 2", correct=correct)
    at = press(at, "Ask the cluster")
    # Then the page is of what the filter leaves
    assert metrics(at)["Clients"] == "1"
    assert "what the filter leaves out" in said(at)


@pytest.mark.usefixtures("cluster")
def test_another_engine_is_replayed_there(monkeypatch):
    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        here = windows(choose(open_app(WINDOWS, **SMALL), "engine", "Kafka Streams"))
    shared.st.cache_resource.clear()
    at = go_to(press(open_app(**SMALL), "Ask the cluster"), WINDOWS)
    assert windows(choose(at, "engine", "Kafka Streams")) == here
    assert here[1]


@pytest.mark.usefixtures("cluster")
def test_other_settings_are_tried_there(monkeypatch):
    monkeypatch.setattr("lib.replay.sweep._LEAST", 2)
    monkeypatch.setattr("lib.replay.sweep.MOST_EVENTS", 0)
    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        at = open_app(WINDOWS, **SMALL)
        charts, here = [drawn(at, n) for n in (-3, -2, -1)], tables(at)
    shared.st.cache_resource.clear()
    at = go_to(press(open_app(**SMALL), "Ask the cluster"), WINDOWS)
    at.session_state[parameters.OTHER_SETTINGS_OPEN] = True
    settled(at.run())
    assert [drawn(at, n) for n in (-3, -2, -1)] == charts
    assert any(tables(at)[-1].equals(each) for each in here)


@pytest.mark.usefixtures("cluster")
def test_what_a_chosen_row_leads_to_is_the_same(monkeypatch):
    # Given an outage, a clock and the stretches of an advice, opened on one machine
    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        here = opened_rows(open_app(**SAMPLE))
    shared.st.cache_resource.clear()
    # When they are opened where the cluster told them, then they lead to the same
    there = opened_rows(press(open_app(**SAMPLE), "Ask the cluster"))
    assert there == here
    outage, effect, stretches = here
    assert outage
    assert len(effect["Case"]) == 3
    assert len(stretches["Goal kept"]) > 1


def opened_rows(at):
    """Return what is said of the first outage, of the first client's clock, and of an advice."""
    at = select_first(go_to(at, OUTAGES), parameters.OUTAGE_TABLE)
    assert "The records of this outage" in buttons(at)
    outage = [text.splitlines()[0] for text in tickets(at)]
    at = select_first(go_to(at, DELAY), parameters.CLOCK_TABLE)
    effect = tables(at)[-1].to_dict("list")
    at = go_to(at, WINDOWS)
    at.session_state[parameters.STRETCHES_OPEN] = True
    found = [each.to_dict("list") for each in tables(settled(at.run())) if "Goal kept" in each]
    return outage, effect, found[0]


def select_first(at, key):
    at.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    return settled(at.run())


@pytest.mark.usefixtures("cluster")
def test_its_end_is_followed_whatever_part_of_it_is_looked_at(monkeypatch):
    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        here = followed(open_app(LIVE, **SAMPLE, live_minutes="60"))
    shared.st.cache_resource.clear()
    at = press(open_app(**SAMPLE, live_minutes="60"), "Ask the cluster")
    assert followed(go_to(at, LIVE)) == here
    of_nobody = open_app(LIVE, **SAMPLE, live_minutes="60", where="ClientID = 999")
    assert metrics(of_nobody)["Events"] == "2,428"


def followed(at):
    """Return what the page Live tells, but for what depends on the hour."""
    told = {name: value for name, value in metrics(at).items() if " ago" not in value}
    told.pop("Clock behind")
    return told, charts(at), [written_out(each) for each in tables(at)]


def charts(at):
    """Return all charts of a page, each as `drawn` does."""
    return [drawn(at, number) for number in range(len(at.get("vega_lite_chart")))]


def readings(at):
    """Return what a page says but for its first line, which tells who told it."""
    return [caption.value for caption in at.main.caption][1:]


def fault_in(at):
    """Return what is said, and drawn, of because of whom events are dropped."""
    said = ("would be dropped instead of", "held the minimum back")
    texts = [text.value for text in at.markdown if any(words in text.value for words in said)]
    assert len(texts) == 2
    return texts, drawn(at, 1), drawn(at, 2)


def written_out(table):
    """Return a table as a text, in which what is missing is equal."""
    return str(table.to_dict("list"))


def drawn(at, number):
    """Return the spec of a chart and its data as a text, in which what is missing is equal."""
    spec, data = chart(at, number)
    return f"{spec} { {name: table.to_dict('list') for name, table in data.items()} }"


def pages_of(where=(), clients=(), *, correct=False, **link):
    """Return what five pages show of a part of the sample, for comparison."""
    at = open_app(**SAMPLE, **link)
    if "Ask the cluster" in buttons(at):
        at = press(at, "Ask the cluster")
    at.get_by_key("where").set_value(list(where))
    at.get_by_key("clients").set_value(list(clients))
    at.get_by_key("correct").set_value(correct)
    settled(at.run())
    shown = {"figures": metrics(at), "findings": {text.value for text in at.markdown}}
    shown["said"] = [text for text in captions(at).split("**") if ":material/filter_alt:" in text]
    shown["clients"] = at.get_by_key("clients").options
    shown["delay"] = tables(go_to(at, DELAY))
    shown["of delay"] = charts(at), readings(at)[:-1]
    shown["comparison"] = charts(go_to(at, COMPARISON)), readings(at)
    shown["outages"] = tables(go_to(at, OUTAGES))
    shown["timeline"] = drawn(at, 0) if at.get("vega_lite_chart") else None
    sessions = tables(go_to(at, SESSIONS))[0].drop(columns=["Lost", "Duplicates"], errors="ignore")
    shown["sessions"] = sessions.reset_index(drop=True)
    shown["one session"] = drawn(at, -1), captions(at).split("Session ")[-1].split("\n")[0]
    shown["windows"] = windows(go_to(at, WINDOWS))
    shown["dropped"] = [each.reset_index(drop=True) for each in tables(at)]
    shown["records"] = tables(go_to(at, RECORDS))[-1].reset_index(drop=True)
    return shown, at


PARTS = {
    "a filter of clients": {
        "where": ["ClientID IN (2, 5)"],
        "per_client": "true",
        "order": "Largest delay",
        "sensitivity": "0.5",
    },
    "a window of received time": {
        "window": ["600", "1800.5"],
        "clock": "Received time",
        "sensitivity": "0.5",
        "height": "100",
        "first_client": "2",
        "last_client": "5",
    },
    "all of them": {
        "sensitivity": "0.25",
        "per_client": "true",
        "window": ["100", "2500"],
        "clients": ["3", "8"],
        "where": ["delay_ms < 5", "partition > 0"],
        "correct": True,
    },
}


@pytest.mark.usefixtures("cluster")
def test_a_part_is_shown_as_of_one_machine(monkeypatch):
    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        here = {part: pages_of(**PARTS[part])[0] for part in PARTS}
    shared.st.cache_resource.clear()
    for part, shown in here.items():  # the cluster is asked for the topic once
        assert_shown_as_of_one_machine(shown, *pages_of(**PARTS[part]))


def assert_shown_as_of_one_machine(here, there, at):
    assert [there["figures"][name] for name in FIGURES] == [
        here["figures"][name] for name in FIGURES
    ]
    assert there["findings"] <= here["findings"]
    for what in ("said", "clients", "timeline", "of delay", "comparison"):
        assert there[what] == here[what]
    for page in ("delay", "outages"):
        assert all(any(one.equals(each) for each in here[page]) for one in there[page])
        assert there[page]
    assert there["sessions"].equals(here["sessions"])
    assert there["one session"] == here["one session"]
    assert there["windows"] == here["windows"]
    assert all(any(one.equals(each) for each in here["dropped"]) for one in there["dropped"])
    assert there["dropped"]
    assert there["records"].equals(here["records"][list(there["records"])])
    assert len(there["records"]) > 1
    assert "What is of the whole topic says so" in said(at)


def test_events_that_are_counted_and_what_delay_is_made_of(cluster, tmp_path, monkeypatch):
    # Given a file of more events than are drawn one by one, which say when they were sent
    folder = files_of(tmp_path / "files", monkeypatch)
    write_topic(["--out", str(folder / "sent.jsonl"), "--sent-times", "--partitions=3", *FAULTS])
    cluster.run(read_files_of, str(folder))

    def shown():
        at = open_app(source="Files", topic="sent")
        if "Ask the cluster" in buttons(at):
            at = press(at, "Ask the cluster")
        delay = charts(go_to(at, DELAY)), readings(at)[:-1]
        return delay, charts(go_to(at, COMPARISON)), readings(at), at

    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        *here, _ = shown()
    shared.st.cache_resource.clear()
    # When the cluster is asked, then pages draw the same
    *there, at = shown()
    assert there == here
    assert len(there[0][0]) == 5
    assert "Let it go" in buttons(at)


@pytest.mark.usefixtures("cluster")
def test_a_record_is_read_from_its_source(monkeypatch):
    def shown(place):
        at = open_app(RECORDS, **SAMPLE, record=place)
        return tables(at), [code.value for code in at.code], [box.proto.title for box in at.error]

    places = ["1:5", "0:0", "2:100000", "7:1"]
    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        here = {place: shown(place) for place in places}
    shared.st.cache_resource.clear()
    press(open_app(**SAMPLE), "Ask the cluster")
    for place in places:
        assert_read_from_its_source(here[place], shown(place))
    none = open_app(RECORDS, **SAMPLE, record="7:1")
    assert "None of the events that the cluster holds." in captions(none)


def assert_read_from_its_source(here, there):
    # Facts, and the neighbours in the partition and in the session
    assert there[1:] == here[1:]
    *facts, events = there[0]
    assert len(facts) == len(here[0]) - 1
    assert all(one.equals(other) for one, other in zip(facts, here[0], strict=False))
    # and the first events, with the fields that have a role
    assert len(events) == 1_000
    assert events.equals(here[0][-1][list(events)])


@pytest.mark.usefixtures("cluster")
def test_a_name_that_no_client_has_is_said(monkeypatch):
    # Given a list that has one client of several
    monkeypatch.setattr(shared, "LISTED_CLIENTS", 1)
    at = press(open_app(**SMALL), "Ask the cluster")
    names = load(samples(), SMALL["topic"], Everything()).events.table["ClientID"].cat.categories
    listed = at.get_by_key("clients").options
    [other, *_] = [str(name) for name in names if str(name) not in listed]
    # When one is typed that is, and one that is not
    at.get_by_key("clients").set_value([other, "nobody"]).run()
    # Then that is said, and the other is shown
    assert "No client is called “nobody”." in captions(settled(at))
    assert 0 < int(metrics(at)["Events"]) < 255


@pytest.mark.usefixtures("cluster")
def test_a_filter_that_cannot_be_applied_is_said_with_a_way_back():
    at = press(open_app(**SMALL), "Ask the cluster")
    at.get_by_key("where").set_value(["Errors > 3"]).run()
    assert "conditions know the fields that have a role, and those" in settled(at).error[0].value
    assert metrics(press(at, "Back"))["Events"] == "255"


@pytest.mark.usefixtures("cluster")
def test_fields_that_are_kept_are_known_to_filters_and_windows():
    # Given a filter by a kind of event, and windows of one, here
    kinds = {"where": "Kind = 'd'", "grouped_by": "Kind", "window_kind": "Tumbling"}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE)
        at = open_app(**SAMPLE, **kinds)
        here = metrics(at)
        expected = windows(go_to(at, WINDOWS))
    shared.st.cache_resource.clear()
    # When the cluster is asked to keep that field
    at = open_app(**SAMPLE, **kinds)
    kept = at.get_by_key(parameters.KEPT_FIELDS)
    assert "Kind" in kept.options
    kept.set_value(["Kind"])
    at = press(at, "Ask the cluster")
    # Then it tells the same
    assert {name: metrics(at)[name] for name in FIGURES} == {name: here[name] for name in FIGURES}
    assert windows(go_to(at, WINDOWS)) == expected
    # and shows the field with the records
    assert "Kind" in tables(go_to(at, RECORDS))[0]


@pytest.mark.usefixtures("cluster")
def test_nothing_left_is_said():
    at = press(open_app(**SMALL, where="client = 99"), "Ask the cluster")
    assert "No event is left by the filter." in said(at)
    assert metrics(press(at, "Clear window and filters"))["Events"] == "255"


@pytest.mark.usefixtures("cluster")
def test_a_finding_moves_the_picture_there_too(monkeypatch):
    def moved():
        at = open_app(**SAMPLE)
        if "Ask the cluster" in buttons(at):
            at = press(at, "Ask the cluster")
        [show, *_] = [button for button in at.button if button.label == "Show"]
        at = settled(show.click().run())
        figures = [metrics(at)[name] for name in FIGURES]
        return figures, at.get_by_key("clients").value, at.get_by_key("window").value

    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE)
        here = moved()
    shared.st.cache_resource.clear()
    assert moved() == here
    assert here[1]


@pytest.mark.usefixtures("cluster")
def test_what_it_takes_is_said_before():
    at = open_app(**SAMPLE)
    assert "of memory for events" in said(at)
    assert "on each of 2 workers; a few seconds for" in said(at)
    assert not at.metric


@pytest.mark.usefixtures("cluster")
def test_too_little_memory_is_said_before(monkeypatch):
    monkeypatch.setattr(topic, "PACKAGES", 1 << 60)
    assert "The workers' memory is not enough. About 0 records would fit" in said(
        open_app(**SAMPLE)
    )


def test_can_be_stopped(cluster):
    # Given workers that do something else
    gate = Event("gate", client=cluster)
    others = [
        cluster.submit(_wait_at_gate, pure=False, workers=[each]) for each in cluster.nthreads()
    ]
    # When the cluster is asked, and told to stop
    at = open_app(**SAMPLE)
    [ask] = [button for button in at.button if button.label == "Ask the cluster"]
    ask.click().run()
    assert at.get("progress")
    [stop] = [button for button in at.button if button.label == "Stop"]
    stop.click().run()
    # Then it is offered again
    assert "Ask the cluster" in buttons(at)
    gate.set()
    cluster.gather(others)


def test_a_cluster_that_does_not_answer_is_said(monkeypatch):
    monkeypatch.setenv(VARIABLE, "tcp://127.0.0.1:1")
    monkeypatch.setenv(FROM_VARIABLE, "100")
    monkeypatch.setattr(shared, "_PATIENCE_S", 0.1)
    assert "No Dask scheduler answers at tcp:" in said(open_app(**SAMPLE))


@pytest.mark.usefixtures("cluster")
def test_why_it_failed_is_said_with_a_way_back(monkeypatch):
    # Given settings that workers do not have
    monkeypatch.setenv("SKEWLINE_MASK", "nothing")
    monkeypatch.setenv("SKEWLINE_MASK_KEY", "a key of this process alone")
    at = press(open_app(**SMALL), "Ask the cluster")
    assert at.error[0].proto.title == (
        "A worker's settings of samples are not those here, or mask otherwise."
    )
    assert "Ask the cluster" in buttons(press(at, "Back"))


def test_where_dask_is_not_installed_that_is_said(monkeypatch):
    monkeypatch.setenv(VARIABLE, "tcp://127.0.0.1:1")
    monkeypatch.setenv(FROM_VARIABLE, "100")
    monkeypatch.delitem(sys.modules, "lib.cluster.connection", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "Dask is not installed here." in said(open_app(**SMALL))


@pytest.mark.usefixtures("cluster")
def test_the_newest_records_are_read_there_too():
    at = press(open_app(**SMALL, range="Latest", latest="200"), "Ask the cluster")
    assert metrics(at)["Events"] == "200"
    # Other fields are another topic, of which it has to be asked
    at.get_by_key("field_client").set_value("EventID").run()
    assert "Ask the cluster" in buttons(settled(at))


def _holding(dask_scheduler):
    """Return who has something held on the cluster."""
    return {name for name, each in dask_scheduler.clients.items() if each.wants_what}


def _wait_at_gate():
    Event("gate").wait()
