"""Findings in situations of the real world: none is false, and what there is is found."""

import pytest

from benchmarks.findings import read
from benchmarks.situations import BAR, outcome_of
from lib.simulate.situations import situation

QUICK = [
    "one clock set back",
    "one clock set ahead",
    "gateway clock",
    "slow links",
    "tcp stalls, clean",
    "slow drains",
    "newest first",
    "across sessions",
    "overflow refuses newest",
    "gateway outages",
    "broker outages",
    "vanished",
    "two devices, one id",
    "sessions at once",
    "partition paused",
    "backfill by an importer",
    "unset at boot",
    "numbers in blocks",
]


@pytest.mark.parametrize("name", QUICK)
def test_no_sentence_is_false_and_what_there_is_is_found(name):
    outcome = outcome_of(name, [1], read)
    assert outcome.false == []
    for tally in (outcome.outages, outcome.shared, outcome.clocks, outcome.gone):
        assert tally.precision >= BAR
        assert tally.recall >= BAR


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("hourly sawtooth", 17),
        ("slow links", 17),
        ("base delays", 18),
        ("fixed wait", 6),
        ("whole minutes", 1),
    ],
)
def test_clocks_are_not_accused_of_what_chance_or_drift_explains(name, seed):
    assert outcome_of(name, [seed], read).false == []


def test_the_teeth_of_a_clock_that_drifts_and_is_set_hide_no_outage():
    outages = outcome_of("hourly sawtooth", [18], read).outages
    assert outages.recall >= BAR


@pytest.mark.parametrize("name", ["restarted numbering", "two devices, one id"])
def test_nothing_is_told_that_chance_or_another_device_explains(name):
    assert outcome_of(name, [25], read).false == []


def test_the_same_situation_and_seed_give_the_same_topic():
    one, again = (situation("retries", 3) for _ in range(2))
    assert one.records.equals(again.records)
    assert one.truth.as_dict() == again.truth.as_dict()
    assert not one.records.equals(situation("retries", 4).records)
