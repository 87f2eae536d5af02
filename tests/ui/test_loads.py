"""What the server holds of topics that nobody looks at any more."""

from dataclasses import replace

import pytest

from lib.sources.base import Everything, Latest
from lib.sources.files.folder import samples
from lib.ui import loads
from lib.ui.loads import LoadKey, is_known, load_of, reload_of

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


def test_the_topics_not_viewed_for_longest_go_first(monkeypatch):
    monkeypatch.setattr(loads, "KEPT_TOPICS", 2)
    first, second, third = (replace(KEY, wanted=Latest(n)) for n in (1, 2, 3))
    for key in (first, second, third):
        loaded(key)
    assert [is_known(key) for key in (first, second, third)] == [False, True, True]


def test_few_large_topics_are_held_rather_than_many(monkeypatch):
    monkeypatch.setattr(loads, "KEPT_EVENTS", 100)
    small, large, present = (replace(KEY, wanted=Latest(n)) for n in (20, 90, 255))
    for key in (small, large, present):
        loaded(key)
    assert [is_known(key) for key in (small, large, present)] == [False, True, True]


def test_a_reload_keeps_what_was_there_until_it_has_ended():
    before = loaded(KEY)
    reload_of(samples(), KEY)
    after = loaded(KEY)
    assert after is not before
    assert after.report.read.records == 0
    assert after.report.total_records == before.report.total_records == 255
