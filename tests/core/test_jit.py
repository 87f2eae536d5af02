"""Compiled loops: the same results, machine code kept on disk, other threads not held up."""

import importlib.util

import numpy as np
import pytest

MODULE = """
from lib.core.jit import compiled, inlined

@inlined
def square(x):
    return x * x

@compiled
def sum_of_squares(values):
    total = 0
    for value in values:
        total += square(value)
    return total
"""


@pytest.fixture
def imported(tmp_path):
    """Import a module with compiled loops from the test's folder, as a new process would."""
    file = tmp_path / "loops.py"
    file.write_text(MODULE)

    def again():
        spec = importlib.util.spec_from_file_location("loops", file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return again


def test_a_compiled_loop_gives_what_python_gives(imported):
    loops, values = imported(), np.array([3, -4, 12])

    assert loops.sum_of_squares(values) == sum(int(v) ** 2 for v in values) == 169
    assert loops.sum_of_squares.nopython_signatures


def test_machine_code_is_kept_on_disk(imported):
    # Given a loop that has been compiled
    first, values = imported().sum_of_squares, np.array([1, 2])
    first(values)
    assert (sum(first.stats.cache_hits.values()), sum(first.stats.cache_misses.values())) == (0, 1)

    # When the module is imported anew
    second = imported().sum_of_squares
    second(values)

    # Then nothing is compiled
    assert (sum(second.stats.cache_hits.values()), sum(second.stats.cache_misses.values())) == (
        1,
        0,
    )


def test_a_compiled_loop_lets_other_threads_run(imported):
    # A test that watches threads would depend on timing, or hang where it should fail.
    assert imported().sum_of_squares.targetoptions["nogil"]
