import pytest

from lib.core.formatting import counted, duration, size


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (12, "12 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (65_162, "65.2 s"),
        (119_999, "120 s"),
        (120_000, "2 min"),
        (12_240_000, "3.4 h"),
        (172_800_000, "2 d"),
        (-57_345, "-57.3 s"),
    ],
)
def test_a_duration_is_in_the_unit_that_suits_it(ms, text):
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 events"), (1, "1 event"), (2_428, "2,428 events")]
)
def test_a_number_agrees_with_its_noun(number, text):
    assert counted(number, "event") == text


@pytest.mark.parametrize(
    ("of_bytes", "text"), [(999, "999 B"), (35_000, "35 kB"), (1_240_000_000, "1.24 GB")]
)
def test_a_size_is_in_the_unit_that_suits_it(of_bytes, text):
    assert size(of_bytes) == text
