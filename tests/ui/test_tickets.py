"""Copy for a ticket: findings, outages and advice with their numbers and a link that shows them."""

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from lib.analysis.of_topic import OF_A_PART
from lib.core.part import Part
from lib.events.filters import filtered
from lib.events.shown_events import shown_events, written
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from lib.ui.links import LONGEST
from lib.ui.packing import packed
from tests.support.opened import (
    COMPARISON,
    OUTAGES,
    WINDOWS,
    captions,
    files_of,
    metrics,
    open_app,
    settled,
    tickets,
)

pytestmark = pytest.mark.usefixtures("viewer")
OUTAGE = "Client 2 was silent for 65.2 s, 11:35:52–11:36:57 UTC, 28 Oct 2018, and then delivered 31"


def query_of(text):
    return parse_qs(urlsplit(text.splitlines()[-1]).query)


def test_a_finding_has_its_sentence_numbers_and_a_link_that_shows_it():
    at = open_app(topic="sessions-10", where="client IN (1, 2)")
    [markdown, plain] = [text for text in tickets(at) if OUTAGE in text]
    assert markdown.startswith(f"**{OUTAGE}")
    assert "Events that it touches: 31" in plain
    query = query_of(plain)
    assert "where" not in query  # a finding is of all events
    assert query["clients"] == ["2"]
    again = open_app(**query)
    assert metrics(again)["Clients"] == "1"
    assert "by received time; 1 client" in captions(again)


def test_an_outage_that_is_selected_can_be_copied():
    at = open_app(OUTAGES, topic="sessions-10")
    assert not tickets(at)
    at.session_state["outage_table"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at = settled(at.run())
    [_, plain] = tickets(at)
    assert plain.startswith(OUTAGE)
    assert "Events held back: 31" in plain
    assert query_of(plain)["clients"] == ["2"]


def test_advice_can_be_copied_with_the_setting_and_what_it_drops():
    at = open_app(WINDOWS, topic="sessions-10", delay="1 s")
    markdown, plain = tickets(at)[:2]
    assert "drops 0 % of all 255 events" in plain
    assert "Engine: Flink DataStream" in plain
    assert query_of(plain)["delay"] == ["1 s"]
    assert markdown.startswith("**Flink DataStream: ")


def test_what_the_advised_setting_drops_can_be_exported():
    at = open_app(WINDOWS, topic="sessions-100", lose="5")
    [said] = [text for text in tickets(at) if text.startswith("Flink") and "Dropped: " in text]
    dropped = said.split("Dropped: ")[1].split(" of ")[0]
    labels = [popover.proto.popover.label for popover in at.get("popover")]
    assert f"Export what it drops, {dropped} events" in labels


def test_the_link_to_a_view_holds_all_of_it_and_says_when_it_is_long():
    at = open_app(COMPARISON, topic="sessions-100", where="partition = 0", window=["0", "60"])
    [link] = [code.value for code in at.sidebar.get("code")]
    query = query_of(link)
    assert (query["where"], query["window"]) == (["partition = 0"], ["0", "60"])
    assert len(link) < LONGEST
    many = [f"client <> '{uuid4()}'" for _ in range(200)]
    at = open_app(COMPARISON, topic="sessions-100", where=many)
    assert any("some programs take 2,000" in warning.value for warning in at.sidebar.warning)


def test_a_view_with_much_in_it_has_a_short_link_that_opens_it():
    # Given more clients, conditions and a window than 2,000 characters say
    many = [f"client <> {number}" + " " * 50 for number in range(1000, 1030)]
    clients = [str(number) for number in range(1, 61)]
    at = open_app(topic="sessions-100", where=many, clients=clients, window=["0", "90"])
    shown = metrics(at)
    # When its link is opened
    [link] = [code.value for code in at.sidebar.get("code")]
    assert len(link) < LONGEST
    assert query_of(link).keys() == {"source", "topic", "packed"}
    again = open_app(**query_of(link))
    # Then it is the same view, and its link the same
    assert metrics(again) == shown
    assert again.session_state["where"] == many
    assert [code.value for code in again.sidebar.get("code")] == [link]
    assert "packed" not in again.query_params


def test_a_short_link_without_its_end_opens_the_topic_and_says_what_is_lost():
    at = open_app(topic="sessions-10", packed=packed({"clients": ["1", "2"]})[:-6])
    assert metrics(at)["Clients"] == "10"
    assert "The end of this link is missing" in at.warning[0].value
    [link] = [code.value for code in at.sidebar.get("code")]
    assert query_of(link).keys() == {"source", "topic"}


@pytest.mark.usefixtures("app_isolation")
def test_an_export_with_gaps_says_so_when_it_is_opened_and_tells_no_outage(tmp_path, monkeypatch):
    # Given what a filter left of the client that was cut off, without half of its events
    loaded = load(samples(), "sessions-10", Everything())
    kept = filtered(loaded.events.table, ["client = 2", "EventID * 1 <> 9"], loaded.fields)
    part = Part(("client = 2", "EventID * 1 <> 9"), is_cut=True)
    folder = files_of(tmp_path / "files", monkeypatch)
    (folder / "part.csv").write_bytes(
        written("CSV", [shown_events(loaded.events.table[kept])], part)
    )

    # When it is opened, then it says what it is, and all that the gaps could have made is withheld
    at = open_app(source="Files", topic="part")
    assert "only the events where client = 2 and EventID" in at.warning[0].value
    assert not tickets(at)
    assert any(info.value == OF_A_PART for info in at.info)
    at = open_app(OUTAGES, source="Files", topic="part", sensitivity="0.5")
    assert any(info.value == OF_A_PART for info in at.info)
    assert not at.success
