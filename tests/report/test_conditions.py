"""Conditions on a report, at literal documents."""

import pytest

from lib.core.errors import SettingsError
from lib.report.conditions import FIGURES, State, condition_of, judged, status
from tests.support.app import REPOSITORY

DOCUMENT = {
    "records": 1_010,
    "events": 1_000,
    "rejected": {"not JSON": 7, "no ts": 3},
    "outages": [{"held_back": 20}, {"held_back": 5}],
    "delay_ms": {"median": 120, "p99": 5_000, "p99.9": 6_000, "max": 9_000, "negative": 4},
    "sequence_numbers": None,
    "event_time": {"share": 0.98},
    "replay": {"events": 1_000, "dropped": 1, "true_sessions": None},
    "clocks": [{"wrong": True}, {"wrong": False}],
    "advice": {"holds": False},
    "withheld": {"sequence_numbers": "Events carry no sequence numbers."},
}


def state_of(text):
    return judged(condition_of(text), DOCUMENT).state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("dropped > 0", State.BROKEN),
        ("dropped > 0.1%", State.KEPT),  # exactly 0.1 %
        ("dropped >= 0.1%", State.BROKEN),
        ("dropped > 1", State.KEPT),
        ("rejected > 1%", State.KEPT),
        ("rejected >= 10", State.BROKEN),
        ("outages > 1", State.BROKEN),
        ("outages!=2", State.KEPT),
        ("held back >= 2.5 %", State.BROKEN),
        ("events < 1000", State.KEPT),
        ("events == 1000", State.BROKEN),
        ("delay_p99 > 5s", State.KEPT),
        ("delay-p99 >= 5s", State.BROKEN),
        ("delay_max > 10000", State.KEPT),
        ("delay_ms.p99.9 > 5999", State.BROKEN),
        ("wrong clocks >= 50%", State.BROKEN),
        ("event_time.share < 99%", State.BROKEN),
        ("advice.holds < 1", State.BROKEN),
        ("lost > 0", State.UNKNOWN),
        ("not_exact > 0", State.UNKNOWN),
        ("delay_ms.nope > 1", State.UNKNOWN),
        ("nope.nope > 1", State.UNKNOWN),
    ],
)
def test_conditions(text, state):
    assert state_of(text) is state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("lost > 2", State.BROKEN),
        ("lost > 3", State.UNKNOWN),
        ("lost > 7", State.UNKNOWN),
        ("lost > 8", State.KEPT),
        ("lost == 5", State.UNKNOWN),
        ("lost != 9", State.BROKEN),
        ("lost == 9", State.KEPT),
        ("lost < 4", State.UNKNOWN),
        ("lost < 9", State.BROKEN),
    ],
)
def test_what_need_not_be_lost_may_be(text, state):
    numbers = {"lost": 3, "doubtful": 5, "sentence": "5 numbers need not be lost."}
    told = judged(condition_of(text), {**DOCUMENT, "sequence_numbers": numbers})
    assert told.state is state
    assert (numbers["sentence"] in told.sentence) is (state is State.UNKNOWN)


def test_the_sentence_has_the_figure():
    sentence = judged(condition_of("rejected > 0.5%"), DOCUMENT).sentence
    assert sentence == "rejected > 0.5%: broken. It is 10 of 1,010 (0.99 %)."


def test_the_sentence_says_why_it_cannot_be_told():
    sentence = judged(condition_of("lost > 0"), DOCUMENT).sentence
    assert sentence == "lost > 0: could not tell. Events carry no sequence numbers."


@pytest.mark.parametrize(
    "text",
    ["", "dropped", "dropped >", "> 5", "nope > 1", "dropped > much", "lost > 1%", "dropped > x%"],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(SettingsError):
        condition_of(text)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), 0),
        (("dropped > 1",), 0),
        (("dropped > 1", "lost > 0"), 2),
        (("dropped > 0", "lost > 0"), 1),
    ],
)
def test_status(texts, expected):
    assert status([judged(condition_of(text), DOCUMENT) for text in texts]) == expected


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_documented(name):
    written = (REPOSITORY / "docs/report.md").read_text()
    assert f"| `{name}` | {FIGURES[name].means} |" in written
