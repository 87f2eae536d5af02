"""What becomes of the time window when the topic grows, or is another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ui.inputs.time_window import HeldWindow, next_window

TOPIC, OTHER = ("kafka:a", "trips"), ("kafka:a", "rides")
SAME_NAME = ("kafka:b", "trips")
ALL, GROWN = (0.0, 100.0), (0.0, 250.0)
PART = (20.0, 60.0)

WHOLE, SOME = HeldWindow(TOPIC, ALL, ALL), HeldWindow(TOPIC, ALL, PART)


@pytest.mark.parametrize(
    ("held", "topic", "domain", "wanted", "shown"),
    [
        # The first run: the slider takes the link's value, or its default.
        pytest.param(None, TOPIC, ALL, None, None, id="nothing chosen"),
        # The viewer moved it, or a brush, a finding or an outage did.
        pytest.param(WHOLE, TOPIC, ALL, PART, PART, id="part chosen"),
        pytest.param(SOME, TOPIC, ALL, ALL, ALL, id="all chosen"),
        pytest.param(SOME, TOPIC, ALL, (30, 70), (30, 70), id="another part chosen"),
        pytest.param(None, TOPIC, ALL, (60, 20), PART, id="link with ends swapped"),
        pytest.param(WHOLE, TOPIC, ALL, (-5, 60), (0, 60), id="one end outside"),
        # The topic grew.
        pytest.param(WHOLE, TOPIC, GROWN, ALL, GROWN, id="topic grows, all chosen"),
        pytest.param(SOME, TOPIC, GROWN, PART, PART, id="topic grows, part chosen"),
        pytest.param(SOME, TOPIC, GROWN, (30, 70), (30, 70), id="topic grows as one chooses"),
        # A shorter range of it is read.
        pytest.param(SOME, TOPIC, (40.0, 100.0), PART, (40, 60), id="window half outside"),
        pytest.param(SOME, TOPIC, (70.0, 100.0), PART, (70, 100), id="window outside"),
        # Another topic is chosen.
        pytest.param(WHOLE, OTHER, (5.0, 7.0), ALL, (5, 7), id="topic changes, all chosen"),
        pytest.param(SOME, OTHER, GROWN, PART, PART, id="topic changes, part chosen"),
        pytest.param(SOME, OTHER, (500.0, 600.0), PART, (500, 600), id="topic changes, none left"),
        # The slider was not there in the last run: a load showed its progress.
        pytest.param(WHOLE, TOPIC, GROWN, None, None, id="drawn again, all chosen"),
        pytest.param(SOME, TOPIC, GROWN, None, PART, id="drawn again, part chosen"),
        pytest.param(SOME, OTHER, GROWN, None, None, id="drawn again for another topic"),
        pytest.param(SOME, SAME_NAME, GROWN, None, None, id="drawn again for another source"),
    ],
)
def test_next_window(held, topic, domain, wanted, shown):
    assert next_window(held, topic, domain, wanted) == shown


ends = st.floats(-1e6, 1e6)
stretches = st.tuples(ends, ends)
domains = st.tuples(ends, st.floats(0.001, 1e6)).map(lambda both: (both[0], both[0] + both[1]))
helds = st.none() | st.builds(HeldWindow, st.sampled_from([TOPIC, OTHER]), domains, stretches)


@given(held=helds, domain=domains, wanted=st.none() | stretches)
def test_the_window_is_always_inside_the_slider(held, domain, wanted):
    shown = next_window(held, TOPIC, domain, wanted)
    assert shown is None or domain[0] <= shown[0] <= shown[1] <= domain[1]
