import json
import re

import numpy as np
import pandas as pd
import pytest

from lib.analysis.analyse import analyse
from lib.analysis.client_clocks import clocks
from lib.analysis.completeness import completeness
from lib.analysis.findings import NOTHING_ELSE, extent_of, findings, outage_sentence
from lib.analysis.impossible import impossible_times
from lib.analysis.outages import outages_and_rhythm
from lib.analysis.sequence_numbers import Numbering, RejectedRecords, sequence_numbers
from lib.analysis.timestamp_quality import assess_timestamps
from lib.core.columns import CLIENT, MISSING_TIME, RECEIVED_TIME_TYPE, SENT_TIME, SESSION
from lib.loading.load import load
from lib.simulate import Outage, Scenario, simulate
from lib.sources.base import Everything
from lib.sources.files.folder import UploadedTopic, samples
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
        "Client 2 was silent for 65.2 s, 11:35:52–11:36:57 UTC, 28 Oct 2018, and then delivered "
        "31 events in a burst."
    )
    assert (finding.events, finding.kind, finding.page) == (31, "outage", "Outages")
    assert finding.clients == (2,)
    assert finding.start_s < 66.237 < 131.311 < finding.end_s


def test_times_are_told_in_the_zone_that_is_asked_for():
    analysis = analyse(load(samples(), "sessions-10", Everything()).events.table)
    [in_berlin], [since_zero] = (analysis.findings_in(zone) for zone in ("Europe/Berlin", None))
    assert ", 12:35:52–12:36:57 Europe/Berlin, 28 Oct 2018, " in in_berlin.sentence
    assert ", 66.1–131.2 s since zero, " in since_zero.sentence


def test_times_that_are_no_dates_are_told_since_zero():
    topic = load(samples(), "sessions-10", Everything()).events.table
    zero = topic["Timestamp"].iloc[0]
    counted = topic.assign(**{name: topic[name] - zero for name in ("Timestamp", "KafkaTimestamp")})
    assert ", 66.1–131.2 s since zero, " in findings_of(counted)[0].sentence


@pytest.mark.parametrize(("wrong", "said"), [([1_000], "An event of"), ([500, 1_000], "2 events")])
def test_an_event_that_is_dated_a_year_after_it_was_received_is_named(wrong, said):
    # Given clients whose clocks are right, and an event or two of the next year
    event = 1_700_000_000_000 + 500 * np.arange(2_000)
    dated = event.copy()
    dated[wrong] += 365 * 86_400_000
    received = event + np.random.default_rng(1).integers(5, 30, 2_000)
    [finding] = findings_of(
        events_table(dated, received, client=[str(n % 10) for n in range(2_000)])
    )
    # Then it is said where it stands, and what it does
    assert finding.sentence.startswith(said)
    assert "client 0 (partition 0, offset 1000)" in finding.sentence.replace("500)", "1000)")
    assert "365 d after" in finding.sentence
    assert finding.sentence.endswith("leaves all others behind.")
    assert (finding.events, finding.clients) == (len(wrong), ("0",))


@pytest.mark.parametrize(("wrong", "said"), [([1_000], "An event of"), ([500, 1_000], "2 events")])
def test_an_event_that_is_dated_a_year_before_it_was_received_is_named(wrong, said):
    # Given clients whose events come at once, but one or two that are dated a year before
    event = 1_700_000_000_000 + 500 * np.arange(2_000)
    dated = event.copy()
    dated[wrong] -= 365 * 86_400_000
    received = event + np.random.default_rng(1).integers(5, 30, 2_000)
    clients = [str(n % 10) for n in range(2_000)]
    [finding] = findings_of(events_table(dated, received, client=clients))
    # Then both that can have made it are said
    assert finding.sentence.startswith(said)
    assert "client 0 (partition 0, offset " in finding.sentence
    assert "365 d before" in finding.sentence
    assert ": the date is wrong, or " in finding.sentence
    assert (finding.events, finding.clients) == (len(wrong), ("0",))


def test_old_events_that_come_together_or_alone_are_no_wrong_dates():
    # Given a client that sends 20 events out of a store before its others, and one event of another
    event = 1_700_000_000_000 + 500 * np.arange(400)
    dated = event - 365 * 86_400_000 * (np.arange(400) < 21)
    received = event + np.random.default_rng(1).integers(5, 30, 400)
    clients = ["once", *["stored"] * 399]
    found = findings_of(events_table(dated, received, client=clients))
    assert "old time" not in [each.kind for each in found]


def test_where_no_client_is_known_no_date_is_held_against_one():
    # Given a block of a cluster whose events all lack their client, one with a date of next year
    event = 1_700_000_000_000 + 500 * np.arange(400)
    dated = event + 365 * 86_400_000 * (np.arange(400) == 200)
    events = events_table(dated, event + 20, client=[None] * 400)
    assert impossible_times(events, clocks(events)).empty


def test_all_events_with_a_date_that_stands_for_none_are_counted():
    # Given clients of which one writes the largest number of seconds for every fifth event,
    # the others for every twentieth
    event = 1_700_000_000_000 + 500 * np.arange(2_000)
    client, number = np.arange(2_000) % 10, np.arange(2_000) // 10
    unknown = number % np.where(client == 3, 5, 20) == 4
    dated = np.where(unknown, (2**31 - 1) * 1_000, event)
    received = event + np.random.default_rng(1).integers(5, 30, 2_000)
    found = findings_of(events_table(dated, received, client=[str(n) for n in client]))
    # Then none of them is left out
    [sentence] = [each.sentence for each in found if each.kind == "impossible time"]
    assert sentence.startswith(f"{unknown.sum():,} events are dated up to ")


def test_a_clock_that_was_years_ahead_for_a_while_is_no_single_event():
    event = 1_700_000_000_000 + 500 * np.arange(2_000)
    client = np.arange(2_000) % 10
    wrong = (client == 3) & (np.arange(2_000) > 1_400)
    received = event + np.random.default_rng(1).integers(5, 30, 2_000)
    found = findings_of(
        events_table(event + wrong * 365 * 86_400_000, received, client=[str(n) for n in client])
    )
    assert "impossible time" not in [each.kind for each in found]


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
    assert finding.sentence.endswith(" and then delivered 1 event.")
    assert finding.clients == ("3",)


def test_a_client_that_was_never_heard_before():
    events = simulated(clients=5, sessions=5, events=500, ramp_s=0, outages=(Outage(3, 0.0, 60.0),))
    (finding,) = findings_of(events)
    assert re.match(
        r"Client 3 was not heard until \d\d:\d\d:\d\d UTC, .* \d{4}, and then delivered ",
        finding.sentence,
    )
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
    assert finding.sentence.startswith("4 clients were silent together for 50 s, ")
    assert sorted(finding.clients) == ["1", "2", "3", "4"]


def two_seconds_apart(clients, *, lost_from=None, slower=0):
    """Half an hour of clients with an event every two seconds, give or take, received by 200 ms.

    From a moment on, for a minute, they are lost; from the middle on, they take longer and longer.
    """
    rng = np.random.default_rng(clients + slower)
    rows = []
    for client in range(clients):
        times = (np.cumsum(rng.uniform(1_600, 2_400, 1_000)) + rng.uniform(0, 2_000)).astype(int)
        times = times[times < 1_800_000]
        took = 50 + rng.integers(0, 150, len(times))
        took += np.maximum(0, times - 900_000) * slower // 100
        rows += [
            (time + late, time, f"c{client}", number)
            for number, (time, late) in enumerate(zip(times, took, strict=True))
            if lost_from is None or not lost_from <= time < lost_from + 60_000
        ]
    received, happened, client, number = zip(*sorted(rows), strict=True)
    return events_table(happened, received, client=client, session=client, sequence=number)


@pytest.mark.parametrize("clients", [8, 20])
def test_clients_cut_off_together_that_lost_all_were_silent_as_long_as_they_were(clients):
    outage, lost = findings_of(two_seconds_apart(clients, lost_from=600_000))

    said = (
        rf"{clients} clients were silent together for (59|60)(\.\d)? s, .*; (\d+) events of that "
    )
    told = re.match(said, outage.sentence)
    assert told is not None
    assert (lost.kind, lost.events) == ("lost", int(told[3]))


@pytest.mark.parametrize("slower", [5, 33])
def test_what_falls_behind_more_and_more_sets_no_clock(slower):
    assert findings_of(two_seconds_apart(12, slower=slower)) == []


@pytest.mark.parametrize("seed", range(4))
def test_what_falls_behind_while_nothing_is_heard_sets_no_clock(seed):
    # Given clients that send now and then, and a queue that grows by 10 s a minute
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(30):
        times = np.cumsum(rng.exponential(4_000, 700))
        took = rng.lognormal(np.log(150), 0.5, 700) + times / 6
        rows += [(time + late, time, f"c{client}") for time, late in zip(times, took, strict=True)]
    received, happened, client = zip(*sorted(rows), strict=True)
    # Then no clock was set, however long one of them was silent
    found = findings_of(events_table([*map(int, happened)], [*map(int, received)], client=client))
    assert [each.sentence for each in found if each.kind == "clock"] == []


def test_a_clock_that_is_ahead():
    right = simulated(clients=5, sessions=5, events=1_000)
    ahead = right["Timestamp"].where(right[CLIENT] != "4", right["Timestamp"] + 3_200)
    (finding,) = findings_of(right.assign(Timestamp=ahead))
    assert finding.sentence.startswith("Client 4's clock is 3.2 s ahead of the others': ")
    assert finding.events == (right[CLIENT] == "4").sum()
    assert finding.page == "Delay"


@pytest.mark.parametrize(("gains", "said"), [(12e-6, "lose 12"), (-12e-6, "gain 12")])
def test_a_clock_of_received_times_that_drifts_is_one_finding_and_not_one_of_each_client(
    gains, said
):
    # Given six clients whose clocks are right, and received times by one that drifts
    happened = np.sort(np.random.default_rng(1).integers(0, 86_400_000, 6_000))
    delay = np.random.default_rng(2).integers(100, 300, 6_000)
    received = happened + delay + np.rint((happened - 43_200_000) * gains).astype(np.int64)
    [finding] = findings_of(
        events_table(happened, received, client=[str(n % 6) for n in range(6_000)])
    )
    assert finding.sentence.startswith(f"The clocks of 6 of 6 clients {said} ppm against ")
    assert len(finding.clients) == 6


@pytest.mark.parametrize(
    ("drift_ppm", "said"),
    [(0.0, "the others'."), (0.4, "the others'."), (41.2, "the others' and gains 41 ppm.")],
)
def test_drift_is_said_where_it_rounds_to_something(drift_ppm, said):
    events = simulated(clients=3, sessions=3, events=300)
    table = clocks(events).assign(Offset=2_000.0, Drift=drift_ppm, Wrong=[True, False, False])
    verdict = assess_timestamps(events)
    nothing = outages_and_rhythm(events)[0].head(0)
    (finding,) = findings(extent_of(events), verdict, nothing, table.assign(Future=0), None)
    assert finding.sentence == f"Client 1's clock is 2 s ahead of {said}"


@pytest.mark.parametrize("later", [False, True])
def test_a_brokers_clock_is_told_as_such(later):
    # Given a partition in three whose broker's clock is behind by 5 s, always or later on
    events = simulated(clients=18, sessions=18, events=18_000)
    number = events[CLIENT].cat.codes % 3
    half = events["KafkaTimestamp"].median()
    off = 5_000 * ((number == 1) & (~np.bool_(later) | (events["KafkaTimestamp"] > half)))
    behind = events.assign(
        KafkaPartition=number.astype(np.int32),
        KafkaTimestamp=events["KafkaTimestamp"] - off,
        ReceivedTimestamp0=events["ReceivedTimestamp0"] - off / 1000,
        KafkaTimestampType=np.int8(1),
    )
    # Then that is the one sentence on clocks
    (finding,) = (f for f in findings_of(behind) if f.kind == "clock")
    said = "was set back by 5 s about" if later else "is 5 s behind the others': the times of 6"
    assert finding.sentence.startswith(f"The clock of partition 1's broker {said}")
    assert len(finding.clients) == 6


def test_summer_time_of_a_partitions_clients_is_not_its_brokers():
    # Given a partition in three whose clients write local times, and set their clocks back by 1 h
    events = simulated(clients=18, sessions=18, events=18_000)
    number = events[CLIENT].cat.codes % 3
    late = (number == 1) & (events["Timestamp"] > events["Timestamp"].median())
    local = events.assign(
        Timestamp=events["Timestamp"] - 3_600_000 * late,
        KafkaPartition=number.astype(np.int32),
        KafkaTimestampType=np.int8(1),
    )
    # Then their clocks come first, and that of the broker as what it may be
    (finding,) = (f for f in findings_of(local) if f.kind == "clock")
    assert finding.sentence.startswith("The times of 6 clients were set back by 1 h about ")
    assert finding.sentence.endswith(
        "by whole quarter hours: their time zone or summer time may have changed; or the clock of "
        "partition 1's broker was set."
    )


def test_a_clock_that_is_ahead_at_times_is_told_by_what_is_seen():
    # Given a client of which a sixth of the events have local time
    events = simulated(clients=5, sessions=5, events=5_000)
    own = events[CLIENT] == "2"
    local = own & (own.cumsum() % 6 == 0)
    mixed = events.assign(Timestamp=events["Timestamp"] + 3_600_000 * local)
    # Then the sentence says how many, not that its clock is an hour ahead
    (finding,) = (f for f in findings_of(mixed) if f.kind == "clock")
    assert finding.sentence == (
        f"Client 2's clock is ahead at times: {local.sum():,} of its {own.sum():,} "
        "events were received before they happened, by up to 1 h."
    )
    assert finding.events == local.sum()


def test_a_clock_that_is_behind_may_be_a_long_way():
    events = simulated(clients=3, sessions=3, events=300)
    table = clocks(events).assign(Offset=-2_000.0, Drift=0.0, Wrong=[True, False, False])
    verdict = assess_timestamps(events)
    nothing = outages_and_rhythm(events)[0].head(0)
    (finding,) = findings(extent_of(events), verdict, nothing, table, None)
    assert finding.sentence.endswith(
        "behind the others', or each of its events takes that long to arrive."
    )


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


def counted_by_the_topic(missing, events=600):
    """Ten clients' events, one a second, numbered as a collector received them."""
    seq = [n for n in range(events) if n not in missing]
    times = [1_735_689_600_000 + 1000 * n for n in seq]
    client = [f"c{n % 10}" for n in seq]
    received = [time + 20 + n % 7 for n, time in zip(seq, times, strict=True)]
    partition = np.array([n % 3 for n in seq])
    return events_table(times, received, client=client, sequence=seq, partition=partition)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (range(300, 350), "all in a row, 00:04:59–00:05:50 UTC"),
        ([50, *range(300, 350)], "50 in a row, 00:04:59–00:05:50 UTC"),
        ([50, 100, 150], "00:00:49–00:02:31 UTC"),
        ([50], "00:00:49.020–00:00:51.022 UTC"),
    ],
)
def test_what_a_counter_of_the_topic_lacks_is_no_clients(missing, said):
    analysis = analyse(counted_by_the_topic(missing))
    (finding,) = analysis.findings
    assert (finding.kind, finding.events, finding.clients) == ("lost", len(missing), ())
    assert "of the topic never arrived: " in finding.sentence
    assert said in finding.sentence
    assert analysis.lost == len(missing)
    assert (analysis.outages["Kind"] == "quiet").all()
    for row in analysis.outages.to_dict("records"):
        sentence = outage_sentence(row, analysis.extent, analysis.told)
        assert sentence.endswith(" is known, and some never arrived that may be anyone's.")


def test_what_is_quiet_beside_other_sessions_of_its_client_is_a_session():
    events = counted_by_the_topic([])
    row = {
        "ClientID": "c1",
        "SessionID": "s7",
        "OfSession": True,
        "Kind": "quiet",
        "LastHeard": 1_735_689_600_000,
        "BackAt": 1_735_689_660_000,
    }
    sentence = outage_sentence(row, extent_of(events), NOTHING_ELSE)
    assert sentence.startswith("Session s7 of client c1 was quiet for ")


def test_what_need_not_be_lost_is_a_finding():
    fast = [(n, 1000 * n) for n in range(1, 400) if n not in (300, 301)]
    rows = sorted(fast + [(n, 7300 * n + 100) for n in range(1, 50)], key=lambda row: row[1])
    times = [time for _, time in rows]
    events = events_table(times, times, client="a", sequence=[n for n, _ in rows])
    analysis = analyse(events)
    assert (analysis.lost, analysis.told.doubtful) == (0, 2)
    assert analysis.of_numbers.endswith(analysis.told.numbers.doubt)
    assert analysis.told.numbers.doubt in [finding.sentence for finding in analysis.findings]


def test_what_is_sent_again_much_later_says_nothing_of_a_clock():
    # Given two clients that lost nothing, and the last events of one that came again after 5 min
    times = [1000 * n + 400 * (n % 2) for n in range(300)]
    received = [time + 60 + 7 * (n % 9) for n, time in enumerate(times)]
    again = [n for n in range(250, 300) if n % 2]
    rows = [*range(300), *again]
    late = [received[n] + 300_000 * (place >= 300) for place, n in enumerate(rows)]
    events = events_table(
        [times[n] for n in rows],
        late,
        client=["ab"[n % 2] for n in rows],
        session=["ab"[n % 2] for n in rows],
        sequence=[n // 2 for n in rows],
    )

    sentences = [finding.sentence for finding in findings_of(events)]

    said = "came again, by number and event time: duplicates, unless other fields differ."
    assert sentences == [f"25 events in 1 session {said}"]
    # nor of outages, where these alone are asked for
    answers = analyse(events)
    outages, rhythm = outages_and_rhythm(events)
    assert outages.equals(answers.outages)
    assert rhythm.equals(answers.rhythm)


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


# Topics without clients, without received times, with rejected records


def without_clients(events, session=None):
    """The events as a topic gives them that has no client field."""
    everyone = pd.Categorical(["all"] * len(events))
    own = events[SESSION] if session is None else pd.Categorical([session] * len(events))
    return events.assign(**{CLIENT: everyone, SESSION: own})


def test_without_a_client_field_sentences_speak_of_the_topic():
    events = simulated(clients=1, sessions=1, events=500, outages=(Outage(1, 205.0, 65.0),))
    (finding,) = findings_of(without_clients(events))
    assert finding.sentence.startswith("The topic was silent for ")
    assert finding.clients == ()


def test_without_a_client_field_sentences_speak_of_sessions_that_are_there_at_once():
    events = simulated(clients=5, sessions=5, events=2_000, outages=(Outage(3, 105.0, 65.0),))
    (session,) = events[events[CLIENT] == "3"][SESSION].unique()
    (finding,) = findings_of(without_clients(events))
    assert finding.sentence.startswith(f"Session {session} was silent for ")


def test_without_a_client_field_nobodys_clock_is_wrong():
    events = simulated(clients=4, sessions=4, events=800, clock_share=1.0, clock_drift_ppm=900.0)
    assert all("all" not in f.sentence.split() for f in findings_of(without_clients(events)))
    assert all(f.kind != "clock" for f in findings_of(without_clients(events)))


def test_a_client_called_all_is_one():
    events = simulated(clients=2, sessions=2, events=800, outages=(Outage(1, 205.0, 65.0),))
    named = events.assign(**{CLIENT: events[CLIENT].cat.rename_categories({"1": "all"})})
    (finding,) = findings_of(named)
    assert finding.sentence.startswith("Client all was silent")


def test_a_missing_client_is_never_written_nan():
    events = simulated(
        clients=4, sessions=8, events=2_000, outages=(Outage(2, 105.0, 65.0),), clock_share=0.5
    )
    nameless = events.assign(**{CLIENT: events[CLIENT].where(events[CLIENT] != "2")})
    found = findings_of(nameless)
    assert found
    assert all("nan" not in finding.sentence for finding in found)
    assert all(not pd.isna(client) for finding in found for client in finding.clients)


def test_numbers_of_rejected_records_are_named_before_the_network():
    events = simulated(clients=5, sessions=5, events=1_000).query("EventID != 7")
    rejected = RejectedRecords(5, np.full(5, 7))
    (finding,) = analyse(events, rejected=rejected).findings
    assert finding.sentence == (
        "Rejected records hold 5 numbers that are missing: nothing lost them on the way."
    )


def test_rejected_records_whose_numbers_are_unknown_may_hold_what_is_missing():
    events = simulated(clients=5, sessions=5, events=1_000).query("EventID != 7")
    (finding,) = analyse(events, rejected=RejectedRecords(9)).findings
    assert finding.sentence == (
        "5 numbers of 5 sessions are missing, which 9 rejected records may hold."
    )


def test_an_outage_does_not_lose_what_may_have_been_rejected():
    events = simulated(
        clients=5, sessions=5, events=1_000, outages=(Outage(2, 60, 60),), unbuffered_share=1.0
    )
    outage, lost = analyse(events, rejected=RejectedRecords(99)).findings
    assert "never arrived" not in outage.sentence + lost.sentence
    assert outage.sentence.startswith("No event of client ")
    assert outage.sentence.endswith("of that time are missing, which 99 rejected records may hold.")


def test_one_number_that_is_missing_beside_what_came_is_one():
    # Given an outage whose events came but for one, and a record that may be it
    events = simulated(clients=5, sessions=5, events=1_000, outages=(Outage(2, 60, 60),))
    late = events[(events["KafkaTimestamp"] - events["Timestamp"] > 30_000)]
    (outage, *_) = analyse(events.drop(late.index[5]), rejected=RejectedRecords(1)).findings
    assert outage.sentence.endswith("; 1 more number is missing, which 1 rejected record may hold.")


@pytest.mark.parametrize(("rejected", "silent"), [(0, 2), (1, 1), (6, 0)])
def test_nobody_is_called_silent_whose_events_may_have_been_rejected(rejected, silent):
    # Given an outage of one client and one of six clients, whose events all came
    cut = (Outage(2, 60, 60), *(Outage(client, 200, 60) for client in range(3, 9)))
    events = simulated(clients=12, sessions=12, events=6_000, outages=cut)
    found = [f.sentence for f in analyse(events, rejected=RejectedRecords(rejected)).findings]
    # Then as many are called silent as rejected records cannot explain
    assert len(found) == 2
    assert sum(" silent " in sentence for sentence in found) == silent
    assert sum(s.startswith("No event of ") and " is known for " in s for s in found) == 2 - silent


def unheard(events, which):
    """The events, some of them without a received time."""
    return events.assign(
        KafkaTimestamp=events["KafkaTimestamp"].where(~which, MISSING_TIME),
        ReceivedTimestamp0=events["ReceivedTimestamp0"].where(~which),
    )


def test_without_any_received_time_only_what_needs_none_is_told():
    events = simulated(clients=5, sessions=5, events=1_000, lost_share=0.01, clock_share=0.5)
    analysis = analyse(unheard(events, events.index >= 0))
    assert analysis.delay.empty
    assert analysis.out_of_orderness.empty
    assert analysis.outages.empty
    assert analysis.clocks.empty
    assert not analysis.timestamps.usable
    (finding,) = analysis.findings
    assert finding.kind == "lost"
    assert finding.start_s < finding.end_s


def test_an_event_without_a_received_time_is_not_lost():
    events = simulated(clients=5, sessions=5, events=1_000)
    analysis = analyse(unheard(events, events.index % 3 == 1))
    assert analysis.findings == []
    assert analysis.delay["Events"].item() == (events.index % 3 != 1).sum()
    assert analysis.sessions["Lost"].sum() == 0


def test_figures_are_those_of_the_events_that_have_a_received_time():
    events = simulated(clients=5, sessions=5, events=1_000, clock_share=0.5)
    which = pd.Series(events.index % 4 == 2)
    one, other = analyse(unheard(events, which)), analyse(events[~which.to_numpy()])
    pd.testing.assert_frame_equal(one.delay, other.delay)
    pd.testing.assert_frame_equal(one.clocks, other.clocks)
    pd.testing.assert_frame_equal(one.out_of_orderness, other.out_of_orderness)


@pytest.mark.parametrize(
    ("keep", "said"),
    [(False, "old when they were sent."), (True, "They had been sent up to ")],
)
def test_an_outage_says_where_its_events_waited(keep, said):
    simulation = simulate(
        Scenario(
            clients=5, sessions=5, events=1_000, interval_s=(1, 2), rhythm="regular",
            outages=(Outage(2, 60, 60),), sent_times=True, retries_keep_sent=keep,
        )
    )  # fmt: skip
    log = simulation.events
    events = events_table(
        log.timestamp,
        log.received,
        client=[str(client) for client in log.client],
        sequence=log.event_id,
        extra={SENT_TIME: log.sent},
    )
    (finding,) = [found for found in findings_of(events) if found.kind == "outage"]
    assert said in finding.sentence


def test_a_device_that_counts_its_own_events_and_is_quiet_loses_nothing():
    source = UploadedTopic("quiet.jsonl", QUIET_DEVICE)
    topic = load(source, "quiet", Everything())
    analysis = analyse(topic.events.table)
    assert analysis.numbering is Numbering.CLIENT
    assert analysis.sessions["Lost"].tolist() == [0, 0, 0]
    assert analysis.findings == []


QUIET_DEVICE = b"\n".join(
    json.dumps(
        {
            "topic": "t",
            "partition": 0,
            "offset": offset,
            "tstype": "logappend",
            "ts": time + 200,
            "key": device,
            "payload": json.dumps({"device_id": device, "seq": number, "ts": time}),
        }
    ).encode()
    for offset, (time, device, number) in enumerate(
        sorted(
            (
                1_704_164_650_000 + 5_000 * number + 65_000 * (device > "dev-0" and number > 3),
                device,
                number,
            )
            for number in range(1, 7)
            for device in ("dev-0", "dev-1")
        )
    )
)
"""Two devices count their own events; one is quiet for 65 s: two sessions by a gap of 30 s."""


def test_a_wrong_clock_that_hundreds_share_is_one_finding():
    client, sent = np.divmod(np.arange(16_000), 20)
    happened = 1_000 * sent + client
    received = happened + 30 + (7 * client + sent) % 5 + 20_000 * (client % 4 == 0)
    order = np.argsort(received)
    events = events_table(happened[order], received[order], client=[str(c) for c in client[order]])
    (shared,) = [finding for finding in findings_of(events) if finding.kind == "clock"]
    assert len(shared.clients) == 200
