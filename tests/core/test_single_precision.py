"""Floats of 32 bits become the numbers that were written."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lib.core.single_precision import as_written, one_as_written

SINGLES = st.floats(width=32)


@given(st.lists(SINGLES, min_size=1))
def test_the_float_is_the_same_and_its_decimal_the_shortest(numbers):
    floats = np.array(numbers, np.float32)
    found = as_written(floats)
    assert np.array_equal(found.astype(np.float32), floats, equal_nan=True)
    for one, shortest in zip(found, map(one_as_written, floats.tolist()), strict=True):
        assert one == shortest or np.isnan(one)


@given(st.decimals(-1000, 1000, places=3))
def test_what_was_written_with_few_digits_is_found_again(number):
    assert as_written(np.array([number], np.float32)).tolist() == [float(number)]
    assert one_as_written(float(np.float32(number))) == float(number)


def test_whole_numbers_stay_what_they_are():
    assert as_written(np.array([16_777_217, 123_456_789, 3e38], np.float32)).tolist() == [
        16_777_216, 123_456_792, float(np.float32(3e38)),
    ]  # fmt: skip
