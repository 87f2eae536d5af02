"""Several functions at once, and what comes of it."""

import threading

import pytest

from lib.core.parallel import in_parallel

A_LONG_TIME_S = 60


def test_results_have_the_names_and_the_order_of_the_work():
    work = {name: name.upper for name in ("b", "a", "c")}

    for worth_while in (True, False):
        results = in_parallel(work, worth_while=worth_while)
        assert list(results.items()) == [("b", "B"), ("a", "A"), ("c", "C")]


def test_work_that_is_worth_while_is_done_at_the_same_time():
    # Given work that ends only when all of it has begun
    all_have_begun = threading.Barrier(4, timeout=A_LONG_TIME_S)

    results = in_parallel(dict.fromkeys("abcd", all_have_begun.wait))

    assert sorted(results.values()) == [0, 1, 2, 3]


def test_work_that_is_not_worth_while_is_done_here_one_after_another():
    done = []

    def note(name):
        done.append((name, threading.current_thread()))

    in_parallel({name: lambda name=name: note(name) for name in "ab"}, worth_while=False)

    assert done == [("a", threading.current_thread()), ("b", threading.current_thread())]


def test_of_several_failures_the_first_in_the_order_of_the_work_is_raised():
    # Given a first failure that waits for the second
    second_failed = threading.Event()

    def first():
        assert second_failed.wait(A_LONG_TIME_S)
        raise KeyError("first")

    def second():
        second_failed.set()
        raise ValueError("second")

    with pytest.raises(KeyError, match="first"):
        in_parallel({"first": first, "second": second})


@pytest.mark.parametrize("worth_while", [True, False])
def test_a_failure_is_not_lost(worth_while):
    with pytest.raises(ZeroDivisionError):
        in_parallel({"fine": int, "not": lambda: 1 / 0}, worth_while=worth_while)
