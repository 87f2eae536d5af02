"""The filter on the pages: what is shown is said, what is left out is not taken for missing."""

import numpy as np
import pytest

from lib.core.columns import CLIENT, PARTITION
from lib.events.fields import Fields
from lib.events.filters import filtered
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from tests.support.opened import (
    COMPARISON,
    LIVE,
    OUTAGES,
    OVERVIEW,
    SESSIONS,
    TWO_TOPICS,
    captions,
    chart,
    each_page,
    metrics,
    open_app,
    settled,
)

pytestmark = pytest.mark.usefixtures("viewer")
TOPIC = "sessions-100"


@pytest.fixture(scope="module")
def events():
    return load(samples(), TOPIC, Everything()).events.table


def test_every_page_says_by_what_it_is_filtered_or_that_no_filter_holds_there(events):
    left = int((events[PARTITION] == 0).sum())
    for page, at in each_page(topic=TOPIC, where=["partition = 0", "Errors >= 0"]):
        said = captions(at)
        if page in (LIVE, TWO_TOPICS):
            assert "window and filters the sidebar has" in said, page
            assert "Shown: " not in said, page
        else:
            of_all = f"Shown: {left:,} of 2,428 events, where “partition = 0” and “Errors"
            assert of_all in said, page
            assert "what the filter leaves out does not count as missing" in said, page


def test_figures_and_charts_are_of_what_is_left(events):
    conditions = ["client IN (1, 2)", "delay_ms > 20"]
    left = events[filtered(events, conditions, Fields())]
    assert 0 < len(left) < 300
    at = open_app(topic=TOPIC, where=conditions)
    assert metrics(at)["Events"] == f"{len(left)}"
    [points] = [
        p
        for p in chart(open_app(COMPARISON, topic=TOPIC, where=conditions))[1].values()
        if "event" in p
    ]
    assert len(points) == len(left)


def test_removing_a_condition_brings_its_events_back():
    at = open_app(topic=TOPIC, where=["partition = 0", "delay_ms > 20"])
    few = metrics(at)["Events"]
    at = settled(at.multiselect(key="where").set_value(["partition = 0"]).run())
    assert metrics(at)["Events"] != few
    at = settled(at.multiselect(key="where").set_value([]).run())
    assert metrics(at)["Events"] == "2,428"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("Erors > 3", "There is no field “Erors”."),
        ("<b>*x*</b>", "“<b>*x*</b>” is no condition."),
    ],
)
def test_what_is_no_condition_shows_why_and_no_event(condition, said):
    at = open_app(topic=TOPIC, where=["partition = 0", condition])
    [error] = at.error
    assert error.proto.title.replace("\\", "") == said
    assert not metrics(at)
    assert any(said in caption.value.replace("\\", "") for caption in at.sidebar.caption)


def test_a_filter_that_no_event_fulfils_says_so():
    at = open_app(topic=TOPIC, where="client = 3 AND client = 4")
    [info] = at.info
    assert info.proto.title == "No event is left by the filter."
    assert info.value == "In the sidebar, remove a condition."


def test_a_filter_inside_clients_makes_no_outage_and_no_loss(events):
    """Every second event is left out; silences and losses stay those of all events."""
    where = "offset IN ({})".format(", ".join(map(str, range(0, 160, 2))))
    left = events[filtered(events, [where], Fields())]
    whole, cut = (open_app(OUTAGES, topic=TOPIC, **link) for link in ({}, {"where": where}))
    before, after = (at.dataframe[0].value for at in (whole, cut))
    shown = before["Client"].isin(left[CLIENT].astype(str))
    assert before[shown].reset_index(drop=True).equals(after.reset_index(drop=True))
    lost = open_app(SESSIONS, topic=TOPIC, where=where).dataframe[0].value
    of_all = open_app(SESSIONS, topic=TOPIC).dataframe[0].value.set_index("Session")
    assert np.array_equal(lost["Lost"], of_all.loc[lost["Session"], "Lost"])
    [told] = [
        c
        for c in captions(open_app(SESSIONS, topic=TOPIC, where=where)).splitlines()
        if c.startswith("Session ")
    ]
    assert " events shown, " in told


def test_findings_are_those_of_the_whole_topic():
    findings = {
        tuple(
            m.value for m in open_app(OVERVIEW, topic=TOPIC, **link).markdown if "client" in m.value
        )
        for link in ({}, {"where": "partition = 0"})
    }
    assert len(findings) == 1
