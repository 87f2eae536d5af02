"""The simulators against what the real engines answered, which `make golden` wrote down."""

from __future__ import annotations

import pytest

from tests.oracles import golden
from tests.oracles.answers import differs
from tests.oracles.cases import ENGINES

engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture(scope="module")
def kept():
    return {engine: golden.read(engine) for engine in ENGINES}


@engines
def test_every_answer_is_the_engines_own(kept, engine):
    answered = zip(kept[engine]["cases"], kept[engine]["answers"], strict=True)

    assert [case["name"] for case, answer in answered if differs(case, answer)] == []


@engines
def test_the_engine_answered_nearly_every_case(kept, engine):
    answers = kept[engine]["answers"]

    assert len(answers) >= 190
    assert sum(answer is None for answer in answers) <= 0.1 * len(answers)


@engines
def test_a_golden_file_is_as_it_was_written(kept, engine):
    content = {name: value for name, value in kept[engine].items() if name != "digest"}

    assert golden.digest(content) == kept[engine]["digest"], "edited by hand? run make golden"


@engines
def test_a_golden_file_is_of_this_engine_program_and_cases(kept, engine):
    assert kept[engine]["origin"] == golden.origin_of(engine), "stale: run make golden"


def test_an_answer_changed_by_hand_is_noticed(kept):
    content = {name: value for name, value in kept["flink"].items() if name != "digest"}
    changed = content | {"answers": [*content["answers"][1:], content["answers"][0]]}

    assert golden.digest(changed) != kept["flink"]["digest"]
