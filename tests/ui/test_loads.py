"""What the server holds of topics that nobody looks at any more."""

import json
import threading
from dataclasses import replace

import pytest
import streamlit as st

from lib.analysis import of_topic
from lib.core.errors import TooLargeError
from lib.core.memory import held_bytes
from lib.sources.base import Between, Everything, FromOffset, Latest
from lib.sources.files.folder import samples
from lib.ui import answers, loads
from lib.ui.failures import UnforeseenError
from lib.ui.loads import LoadKey, is_loaded_or_on_its_way, load_of, reload_of
from tests.support.memory import MemoryTopic

pytestmark = pytest.mark.usefixtures("app_isolation")

KEY = LoadKey("samples", "sessions-10", Everything(), (), 5_000_000)


def loaded(key):
    load = load_of(samples(), key)
    load.settle(30)
    return load.loaded


def test_a_topic_is_read_once_for_all_viewers():
    assert loaded(KEY) is loaded(KEY)


def test_another_range_is_another_load():
    assert len(loaded(KEY).events.table) == 255
    assert len(loaded(replace(KEY, wanted=Latest(10))).events.table) == 10


def test_the_topic_not_viewed_for_longest_goes_first(monkeypatch):
    first, second, third = (replace(KEY, wanted=Latest(n)) for n in (255, 254, 253))
    needed = held_bytes(loaded(first))
    st.cache_resource.clear()
    monkeypatch.setenv("SKEWLINE_MEMORY", f"{round(2.5 * needed)}")
    for _ in range(2):
        for key in (first, second, third):
            loaded(key)
    assert [is_loaded_or_on_its_way(key) for key in (first, second, third)] == [False, True, True]


def grown(*values):
    topic = MemoryTopic()
    topic.write(*values)
    return topic


def noted(count, length):
    """Return events with a note of a length, each another."""
    return [
        json.dumps(
            {"Timestamp": 1_540_726_486_041 + n, "ClientID": "c", "Note": f"{n}".zfill(length)}
        ).encode()
        for n in range(count)
    ]


def test_a_load_that_would_not_fit_is_refused_before_it_is_read(monkeypatch):
    # Given a budget of 300 kB and a topic of 1 MB
    monkeypatch.setenv("SKEWLINE_MEMORY", "300 kB")
    topic = grown(*noted(1_000, 1_000))
    # When it is read, whatever range is wanted
    for wanted in (Everything(), Latest(900), FromOffset(10), Between(0, 10**9)):
        key = LoadKey("memory", "topic", wanted, (), 5_000_000)
        load = load_of(topic, key)
        load.settle(30)
        # Then its first records tell that it would not fit, and how many would
        assert isinstance(load.error, TooLargeError)
        assert "300 kB are to be used" in load.error.what
        assert len(topic.read_offsets) < 50
        topic.read_offsets.clear()
    # And so many do fit
    fitting = replace(key, wanted=Latest(load.error.fitting))
    load = load_of(topic, fitting)
    load.settle(30)
    assert len(load.loaded.events.table) == fitting.wanted.count >= 50
    assert load.loaded.report.failure is None


def test_a_load_that_outgrows_the_memory_keeps_what_came(monkeypatch):
    # Given a topic whose first records are small and whose last are large
    monkeypatch.setenv("SKEWLINE_MEMORY", "300 kB")
    topic = grown(*noted(100, 10), *noted(300, 3_000))
    # When it is read
    load = load_of(topic, LoadKey("memory", "topic", Everything(), (), 5_000_000))
    load.settle(30)
    # Then it ends at the budget, and says so
    report = load.loaded.report
    assert report.failure.what == "The memory that is to be used, 300 kB, is full."
    assert 100 < report.total_records < 200
    assert report.missing == {0: 400 - report.total_records}


def test_what_fails_after_a_load_is_told_as_what_nobody_foresaw(monkeypatch):
    def failing(thing):
        if thing is not None:
            raise ZeroDivisionError
        return 0

    monkeypatch.setattr(loads, "held_bytes", failing)
    load = load_of(samples(), KEY)
    load.settle(30)
    assert isinstance(load.error, UnforeseenError)


def test_a_reload_keeps_what_was_there_until_it_has_ended():
    before = loaded(KEY)
    reload_of(samples(), KEY)
    after = loaded(KEY)
    assert after is not before
    assert after.report.read.records == 0
    assert after.report.total_records == before.report.total_records == 255


def test_what_every_page_asks_of_a_large_topic_is_found_once_and_begun_when_it_is_read(monkeypatch):
    # Given topics that count as large
    monkeypatch.setattr(answers, "_MANY", 100)
    asked, find, is_asked = [], of_topic.analysed, threading.Event()

    def noted_down(topic):
        asked.append(threading.current_thread().name)
        is_asked.set()
        return find(topic)

    monkeypatch.setattr(of_topic, "analysed", noted_down)
    # When one is loaded, and no page has asked anything of it
    topic = loaded(KEY)
    # Then its load goes on to find it, and pages take that
    assert is_asked.wait(30)
    assert answers.analysis_of(topic).findings
    assert len(asked) == 1
    assert asked[0].startswith("load")
