"""One budget for all that the server holds."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import streamlit as st

from lib.core.errors import SkewlineError
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from lib.sources.newest import DEFAULT_CAP
from lib.ui.held import answer_of, held, hold
from lib.ui.loads import LoadKey
from lib.ui.tables import weakly
from tests.support.opened import PAGES, go_to, open_app

pytestmark = pytest.mark.usefixtures("app_isolation")


@pytest.fixture(autouse=True)
def budget(monkeypatch):
    monkeypatch.setenv("SKEWLINE_MEMORY", "100 B")


def test_what_was_not_used_for_longest_goes_first():
    for key in "abc":
        hold(key, key, 30)
    held("a")
    assert hold("d", "d", 30) == 0
    assert [key for key in "abcd" if held(key)] == ["a", "c", "d"]


def test_one_large_thing_takes_the_room_of_many():
    for key in "abc":
        hold(key, key, 30)
    assert hold("large", "large", 90) == 0
    assert [key for key in "abc" if held(key)] == []


def test_what_stays_is_never_dropped_and_what_is_beyond_is_told():
    hold("load", "load", 80, stays=True)
    assert hold("other", "other", 70) == 50
    assert held("load")
    hold("load", "load", 80)
    hold("new", "new", 60)
    assert not held("load")


def test_what_is_held_again_counts_once():
    for size in (10, 50, 90):
        assert hold("load", "load", size, stays=True) == 0


def test_an_answer_is_found_once_while_others_wait():
    asked, found = Barrier(4), []

    def find():
        found.append(1)
        return "answer"

    def ask(_):
        asked.wait()
        return answer_of("question", find)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == ["answer"] * 4
    assert found == [1]


def test_no_answer_is_an_answer_and_a_failure_is_none():
    found = []
    for _ in range(2):
        assert answer_of("nothing", lambda: found.append(1)) is None
    assert found == [1]
    with pytest.raises(ZeroDivisionError):
        answer_of("failure", lambda: 1 / 0)
    assert answer_of("failure", lambda: "now") == "now"


def test_a_download_does_not_hold_what_it_is_of():
    class Topic:
        name = "here"

    topic = Topic()
    made = weakly(lambda topic: topic.name, topic)
    assert made() == "here"
    del topic
    gc.collect()
    with pytest.raises(SkewlineError, match="has dropped the topic"):
        made()


def owner_of(array):
    """Return the array that has the memory of another."""
    return array if array.base is None else owner_of(array.base)


def test_an_open_page_does_not_hold_its_topic(monkeypatch):
    # Given a viewer who has been on every page
    monkeypatch.setenv("SKEWLINE_MEMORY", "1 GB")
    st.cache_resource.clear()
    at = open_app(source="Samples", topic="sessions-10")
    key = LoadKey(samples().identity, "sessions-10", Everything(), (), DEFAULT_CAP)
    topic = weakref.ref(held(key).loaded)
    times = weakref.ref(owner_of(topic().events.table["Timestamp"].to_numpy()))
    for page in PAGES:
        go_to(at, page)
    # When the server needs the room for something else
    hold("something else", None, 1_000_000_000)
    gc.collect()
    # Then nothing holds it any more
    assert topic() is None
    assert times() is None
