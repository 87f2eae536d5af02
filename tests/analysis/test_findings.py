import numpy as np
import pandas as pd
import pytest

from lib.analysis.analyse import analyse
from lib.analysis.client_clocks import clocks
from lib.analysis.completeness import completeness
from lib.analysis.findings import extent_of, findings
from lib.analysis.outages import outages_and_rhythm
from lib.analysis.sequence_numbers import sequence_numbers
from lib.analysis.timestamp_quality import assess_timestamps
from lib.core.columns import CLIENT, RECEIVED_TIME_TYPE, SESSION
from lib.loading.load import load
from lib.simulate import Outage, Scenario, simulate
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from lib.sources.records import CREATE_TIME
from tests.support.tables import events_table


def simulated(**parameters):
    """The events table of a simulated topic."""
    simulation = simulate(Scenario(**({"rhythm": "regular", "interval_s": (1, 2)} | parameters)))
    log = simulation.events
    return events_table(
        log.timestamp,
        log.received,
        client=[str(client) for client in log.client],
        session=[simulation.session_ids[session] for session in log.session],
        sequence=log.event_id,
        partition=log.partition,
    )


def findings_of(events):
    return analyse(events).findings


def test_the_notebooks_outage_in_the_notebooks_topic():
    topic = load(samples(), "sessions-10", Everything())
    finding = findings_of(topic.events.table)[0]
    assert finding.sentence == (
        "Client 2 was silent for 65 s from 66 s and delivered 31 events in a burst at 131.25 s."
    )
    assert (finding.events, finding.kind, finding.page) == (31, "outage", "Outages")
    assert finding.clients == (2,)
    assert finding.start_s < 66.237 < 131.311 < finding.end_s


@pytest.mark.parametrize("jitter", ["uniform", "gamma", "lognormal", "pareto"])
def test_nothing_stands_out_on_a_clean_topic(jitter):
    events = simulated(clients=20, sessions=60, events=6_000, jitter=jitter, jitter_ms=40)
    assert findings_of(events) == []


def test_nothing_stands_out_on_an_empty_topic():
    assert findings_of(events_table([], [])) == []


def test_one_event_held_back_is_no_burst():
    events = simulated(
        clients=5, sessions=5, events=500, interval_s=(20, 20), outages=(Outage(3, 205.0, 25.0),)
    )
    (finding,) = findings_of(events)
    assert "delivered 1 event at" in finding.sentence
    assert finding.clients == ("3",)


def test_a_client_that_was_never_heard_before():
    events = simulated(clients=5, sessions=5, events=500, ramp_s=0, outages=(Outage(3, 0.0, 60.0),))
    (finding,) = findings_of(events)
    assert finding.sentence.startswith("Client 3 was not heard until 60 s and delivered ")
    assert finding.start_s < 10 < 60 < finding.end_s


def test_an_outage_that_lost_its_events():
    events = simulated(
        clients=5, sessions=5, events=1_000, outages=(Outage(2, 60, 60),), unbuffered_share=1.0
    )
    outage, lost = findings_of(events)
    assert outage.kind == "lost outage"
    assert outage.sentence.endswith(f"; {outage.events} events of that time never arrived.")
    assert lost.sentence == (
        f"{outage.events} events of 1 session never arrived: their numbers are missing."
    )


def test_clients_cut_off_together_are_one_finding():
    together = tuple(Outage(client, 100.0, 50.0) for client in (1, 2, 3, 4))
    (finding,) = findings_of(simulated(clients=10, sessions=10, events=3_000, outages=together))
    assert finding.kind == "shared outage"
    assert finding.sentence.startswith("4 clients were silent together for 50 s from ")
    assert sorted(finding.clients) == ["1", "2", "3", "4"]


def test_a_clock_that_is_ahead():
    right = simulated(clients=5, sessions=5, events=1_000)
    ahead = right["Timestamp"].where(right[CLIENT] != "4", right["Timestamp"] + 3_200)
    (finding,) = findings_of(right.assign(Timestamp=ahead))
    assert finding.sentence.startswith("Client 4's clock is 3.2 s ahead of the others': ")
    assert finding.events == (right[CLIENT] == "4").sum()
    assert finding.page == "Delay"


@pytest.mark.parametrize(
    ("drift_ppm", "said"),
    [(0.0, "the others'."), (0.4, "the others'."), (41.2, "the others' and gains 41 ppm.")],
)
def test_drift_is_said_where_it_rounds_to_something(drift_ppm, said):
    events = simulated(clients=3, sessions=3, events=300)
    table = clocks(events).assign(Offset=-2_000.0, Drift=drift_ppm, Wrong=[True, False, False])
    verdict = assess_timestamps(events)
    nothing = outages_and_rhythm(events)[0].head(0)
    (finding,) = findings(extent_of(events), verdict, nothing, table.assign(Future=0), None)
    assert finding.sentence == f"Client 1's clock is 2.0 s behind {said}"


NAME = "![x](http://host/y.png) *a* _b_ `c` <d>"


def test_no_sentence_has_markup_of_its_own():
    events = simulated(
        clients=20, sessions=60, events=9_000, outage_share=0.3, lost_share=0.01, clock_share=0.2,
        duplicate_share=0.01, unbuffered_share=0.3, shared_outages=1, clock_drift_ppm=90.0,
    )  # fmt: skip
    named = events.assign(**{CLIENT: events[CLIENT].cat.rename_categories(lambda c: NAME + c)})
    found = findings_of(named)
    assert {finding.kind for finding in found} >= {"outage", "clock", "lost", "duplicates"}
    for finding in found:
        assert not set("*_`<>[]()!#|\\~$\n") & set(finding.sentence.replace(NAME, ""))


def test_lost_and_duplicate_events():
    events = simulated(clients=5, sessions=5, events=1_000, lost_share=0.01, duplicate_share=0.02)
    duplicates, lost = findings_of(events)
    assert (duplicates.kind, duplicates.events) == ("duplicates", 20)
    assert (lost.kind, lost.events) == ("lost", 10)


def test_received_time_that_means_little_comes_first():
    events = simulated(clients=5, sessions=5, events=1_000, timestamps="create", lost_share=0.01)
    events = events.assign(KafkaTimestamp=events["Timestamp"]).assign(
        **{RECEIVED_TIME_TYPE: CREATE_TIME}
    )
    first = findings_of(events)[0]
    assert first.kind == "timestamps"
    assert first.sentence.startswith("Received time means little here")


def test_findings_are_ranked_by_the_events_they_touch():
    events = simulated(
        clients=20, sessions=60, events=9_000, outage_share=0.3, lost_share=0.01, clock_share=0.2
    )
    touched = [finding.events for finding in findings_of(events)]
    assert touched == sorted(touched, reverse=True)
    assert len(touched) > 5


def test_an_analysis_has_what_each_question_answers():
    events = simulated(clients=10, sessions=20, events=2_000, outage_share=0.2, clock_share=0.2)
    analysis = analyse(events)
    assert analysis.timestamps == assess_timestamps(events)
    outages, rhythm = outages_and_rhythm(events)
    pd.testing.assert_frame_equal(analysis.outages, outages)
    pd.testing.assert_frame_equal(analysis.rhythm, rhythm)
    pd.testing.assert_frame_equal(analysis.clocks, clocks(events))
    sessions = completeness(events, sequence_numbers(events).steps)
    pd.testing.assert_frame_equal(analysis.sessions, sessions)


def test_without_sequence_numbers_nothing_is_said_of_sessions():
    events = simulated(clients=5, sessions=5, events=500).drop(columns="EventID")
    assert analyse(events).sessions is None


def test_an_analysis_leaves_the_events_alone():
    events = simulated(clients=5, sessions=5, events=500)
    before = events.copy()
    analyse(events)
    pd.testing.assert_frame_equal(events, before)


def test_categories_without_events_do_not_matter():
    events = simulated(clients=8, sessions=16, events=2_000, outage_share=0.3)
    chosen = events[events[CLIENT].isin(["1", "2", "3"])]
    tidy = chosen.assign(
        **{name: chosen[name].cat.remove_unused_categories() for name in (CLIENT, SESSION)}
    )
    assert [f.sentence for f in findings_of(chosen)] == [f.sentence for f in findings_of(tidy)]


def test_events_without_a_client_are_a_client_of_their_own():
    events = simulated(clients=4, sessions=4, events=400)
    nameless = events.assign(**{CLIENT: events[CLIENT].where(events[CLIENT] != "2")})
    table = analyse(nameless).clocks
    assert table[CLIENT].isna().sum() == 1
    assert table["Events"].sum() == len(events)
    assert np.isfinite(table["Offset"]).all()
