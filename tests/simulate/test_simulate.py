"""The simulator: the same bytes again, and a truth that its records bear out."""

from __future__ import annotations

import dataclasses
import gzip
import json
import time
from collections import Counter
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.simulate import Outage, Scenario, simulate
from lib.simulate.__main__ import main
from lib.simulate.samples import SAMPLES, ZERO_MS, sessions_10, sessions_100, write_samples
from lib.sources.base import Everything, TopicInfo
from lib.sources.files.folder import SAMPLES_FOLDER, samples
from lib.sources.files.formats import records_of
from lib.sources.files.input_file import on_disk
from lib.sources.kafka.cluster import KafkaTopics
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME
from tests.support import golden_rows
from tests.support.processes import free_port


def table(simulation) -> pd.DataFrame:
    """The records as the notebook reads them, in arrival order, with their places in the log."""
    rows = simulation.records.to_pylist()
    events = pd.json_normalize([json.loads(row["value"]) for row in rows])
    events.insert(4, "KafkaTimestamp", [row["timestamp"] for row in rows])
    base = events["Timestamp"].iloc[0]
    events["EventTimestamp0"] = (events["Timestamp"] - base) / 1000
    events["ReceivedTimestamp0"] = (events["KafkaTimestamp"] - base) / 1000
    return events.assign(
        Key=[row["key"] for row in rows],
        KafkaPartition=[row["partition"] for row in rows],
        KafkaOffset=[row["offset"] for row in rows],
    )


def ids(events: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(events["SessionID"], events["EventID"], strict=True))


def truth_ids(truth) -> list[tuple[str, int]]:
    return [(row["session"], row["event_id"]) for row in truth.to_pylist()]


shares = st.sampled_from([0.0, 0.1, 0.4])
scenarios = st.builds(
    Scenario,
    seed=st.integers(0, 2**32),
    clients=st.integers(1, 6),
    sessions=st.just(0) | st.integers(6, 12),
    events=st.integers(12, 300),
    session_spread=st.sampled_from([0.0, 0.5, 2.0]),
    concurrent=st.integers(1, 2),
    rhythm=st.sampled_from(["regular", "random", "bursty"]),
    jitter=st.sampled_from(["uniform", "gamma", "lognormal", "pareto"]),
    jitter_ms=st.sampled_from([0.0, 5.0, 200.0]),
    in_order=st.booleans(),
    disorder_share=shares,
    outage_share=shares,
    outage_s=st.just((5.0, 120.0)),
    shared_outages=st.integers(0, 2),
    unbuffered_share=st.sampled_from([0.0, 0.5, 1.0]),
    quiet_share=shares,
    clock_share=st.sampled_from([0.0, 0.5, 1.0]),
    clock_drift_ppm=st.sampled_from([0.0, 100.0]),
    lost_share=shares,
    duplicate_share=shares,
    partitions=st.integers(1, 4),
    keys=st.booleans(),
)
times = st.fixed_dictionaries(
    {
        "sent_times": st.just(True),
        "upload_share": shares,
        "sleep_s": st.sampled_from([0.0, 20.0]),
        "retry_share": shares,
        "retries_keep_sent": st.booleans(),
        "slow_share": shares,
        "step_share": shares,
        "zone_share": shares,
        "collector": st.just(True),
        "stalls": st.integers(0, 2),
    }
)
"""What a scenario adds whose events have a sent time and a collector's."""


@pytest.fixture
def new_name() -> str:
    """The name of a topic that does not exist yet."""
    return f"test-{uuid4()}"


@pytest.fixture
def read_topic(broker):
    """Return the records of a topic of the broker."""
    cluster = KafkaTopics(broker.settings())
    return lambda topic: [
        row
        for batch in cluster.read(cluster.plan(topic, Everything()))
        for row in batch.to_pylist()
    ]


# Reproducibility


@pytest.mark.parametrize("name", SAMPLES)
def test_the_shipped_samples_are_what_the_command_writes(tmp_path, name):
    main(["samples", "--folder", str(tmp_path)])

    # Uncompressed: another zlib may pack the same bytes differently.
    shipped, again = (folder / f"{name}.jsonl.gz" for folder in (SAMPLES_FOLDER, tmp_path))
    assert gzip.decompress(again.read_bytes()) == gzip.decompress(shipped.read_bytes())
    truths = [folder / f"{name}.truth.json" for folder in (SAMPLES_FOLDER, tmp_path)]
    assert truths[0].read_bytes() == truths[1].read_bytes()


def test_the_samples_are_written_byte_for_byte_again(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        write_samples(folder)

    assert {p.name: p.read_bytes() for p in first.iterdir()} == {
        p.name: p.read_bytes() for p in second.iterdir()
    }


@given(scenarios)
@settings(max_examples=20, deadline=None)
def test_the_same_scenario_gives_the_same_topic_and_truth(scenario):
    one, two = simulate(scenario), simulate(scenario)

    assert one.records.equals(two.records)
    assert one.truth == two.truth


def test_another_seed_gives_another_topic():
    assert not simulate(Scenario(seed=1)).records.equals(simulate(Scenario(seed=2)).records)


def test_losses_leave_the_other_events_as_they_were():
    without, with_losses = (table(simulate(Scenario(lost_share=share))) for share in (0.0, 0.1))

    left = without[[event in set(ids(with_losses)) for event in ids(without)]]
    columns = ["SessionID", "EventID", "Timestamp", "KafkaTimestamp", "Data.Values"]
    pd.testing.assert_frame_equal(
        left[columns].reset_index(drop=True), with_losses[columns].reset_index(drop=True)
    )


# The samples


def test_sessions_10_opens_with_the_notebooks_five_rows():
    printed = table(sessions_10())[[*golden_rows.COLUMNS]].head()

    assert printed.astype(object).to_numpy().tolist() == golden_rows.rows_of(*golden_rows.COLUMNS)


def test_sessions_10_has_255_records_of_10_sessions_of_10_clients():
    events = table(sessions_10())

    assert len(events) == 255
    assert events["ClientID"].nunique() == events["SessionID"].nunique() == 10
    assert set(events["Kind"]) == {"m", "d"}


def test_sessions_100_has_2428_records_of_100_sessions_of_10_clients():
    events = table(sessions_100())

    assert len(events) == 2428
    assert events["SessionID"].nunique() == 100
    assert sorted(events["ClientID"].unique()) == list(range(1, 11))


def test_sessions_100_has_a_little_of_everything():
    truth = sessions_100().truth

    assert truth.outages.num_rows == 4
    assert sum(clock["offset_ms"] != 0 for clock in truth.clocks.to_pylist()) == 2
    assert (truth.lost.num_rows, truth.duplicates.num_rows) == (3, 3)


def test_the_samples_ship_as_recorded_topics():
    source = samples()

    assert source.topics() == [
        TopicInfo("sessions-10", 1, 255, "LogAppendTime"),
        TopicInfo("sessions-100", 3, 2428, "LogAppendTime"),
    ]
    plan = source.plan("sessions-100", Everything())
    assert sum(len(batch) for batch in source.read(plan)) == 2428


def test_client_2_is_silent_for_65_s_from_66_s_and_delivers_31_events_at_131_25_s():
    events = table(sessions_10())
    of_client = events[events["ClientID"] == 2]

    received = of_client["ReceivedTimestamp0"].to_numpy()
    silence = np.diff(received)
    last_heard = received[silence.argmax()]
    back_at = received[silence.argmax() + 1]
    held = of_client[(of_client["EventTimestamp0"] < back_at - 0.012)].iloc[silence.argmax() + 1 :]

    assert (round(last_heard), round(silence.max()), round(back_at, 2)) == (66, 65, 131.25)
    assert len(held) == 31
    assert held["ReceivedTimestamp0"].max() - back_at < 0.1


def test_nothing_else_is_wrong_in_sessions_10():
    events = table(sessions_10())
    others = events[events["ClientID"] != 2]

    assert (others["KafkaTimestamp"] - others["Timestamp"]).between(1, 15).all()
    for _, session in events.groupby("SessionID"):
        assert session["EventID"].tolist() == list(range(1, len(session) + 1))
        assert session["Timestamp"].is_monotonic_increasing


def test_the_sample_scenarios_begin_at_the_notebooks_time():
    assert table(sessions_100())["Timestamp"].iloc[0] == ZERO_MS


# The truth, borne out by the records


@given(scenarios)
@settings(deadline=None)
def test_records_are_the_events_without_the_lost_and_with_the_duplicates(scenario):
    simulation = simulate(scenario)
    counts = Counter(ids(table(simulation)))
    lost, duplicates = truth_ids(simulation.truth.lost), truth_ids(simulation.truth.duplicates)

    assert simulation.records.num_rows == scenario.events - len(lost) + len(duplicates)
    assert not counts.keys() & set(lost)
    assert sorted(event for event, count in counts.items() if count == 2) == sorted(duplicates)
    assert set(counts.values()) <= {1, 2}


@given(scenarios)
@settings(deadline=None)
def test_lost_events_are_the_gaps_in_the_numbers_that_arrived(scenario):
    simulation = simulate(scenario)

    missing = [
        (session, number)
        for session, numbers in table(simulation).groupby("SessionID")["EventID"]
        for number in set(range(1, numbers.max() + 1)) - set(numbers)
    ]

    assert sorted(missing) == sorted(truth_ids(simulation.truth.lost))


@given(scenarios)
@settings(deadline=None)
def test_events_of_an_outage_arrive_inside_its_burst_or_never(scenario):
    simulation = simulate(scenario)
    first_copies = table(simulation).drop_duplicates(["SessionID", "EventID"])
    clocks = simulation.truth.clocks.to_pandas().set_index("client")
    since_start = first_copies["Timestamp"] - scenario.start_ms
    offset = first_copies["ClientID"].map(clocks["offset_ms"])
    drift = first_copies["ClientID"].map(clocks["drift_ppm"]) * 1e-6
    happened = scenario.start_ms + (since_start - offset) / (1 + drift)

    for outage in simulation.truth.outages.to_pylist():
        # Two milliseconds inside the outage, where rounding down can move no event.
        during = happened.between(outage["start_ms"] + 2, outage["end_ms"] - 2)
        received = first_copies[(first_copies["SessionID"] == outage["session"]) & during]
        arrived = received["KafkaTimestamp"]
        assert len(received) <= outage["held_back"]
        assert (arrived >= outage["end_ms"]).all()
        if len(received):
            assert arrived.between(outage["burst_start_ms"], outage["burst_end_ms"]).all()


@given(scenarios)
@settings(deadline=None)
def test_no_event_arrives_from_a_client_while_it_is_cut_off(scenario):
    scenario = dataclasses.replace(scenario, jitter_ms=0, disorder_share=0, duplicate_share=0)
    simulation = simulate(scenario)
    events = table(simulation)

    for outage in simulation.truth.outages.to_pylist():
        of_session = events[events["SessionID"] == outage["session"]]
        # What was sent in the last moment may still be queued or under way.
        underway = outage["start_ms"] + scenario.delay_ms + 1000
        arrived = of_session["KafkaTimestamp"].between(underway, outage["end_ms"] - 1)
        assert not arrived.any()


@given(scenarios)
@settings(deadline=None)
def test_a_clock_shows_its_offset_and_drift(scenario):
    scenario = dataclasses.replace(
        scenario, jitter_ms=0, disorder_share=0, duplicate_share=0, outage_share=0, shared_outages=0
    )
    simulation = simulate(scenario)

    delays = table(simulation).assign(Delay=lambda e: e["KafkaTimestamp"] - e["Timestamp"])
    for clock in simulation.truth.clocks.to_pylist():
        of_client = delays[delays["ClientID"] == clock["client"]]
        since_start = of_client["KafkaTimestamp"] - scenario.start_ms
        ahead = clock["offset_ms"] + clock["drift_ppm"] * 1e-6 * since_start
        # Only the send queue, and rounding, come on top of the minimum delay.
        assert (of_client["Delay"] + ahead >= scenario.delay_ms - 2).all()


def test_quiet_spells_are_the_longest_silences_of_their_sessions():
    simulation = simulate(Scenario(sessions=20, quiet_share=0.5, quiet_s=(600, 900)))
    sessions = dict(list(table(simulation).groupby("SessionID")))

    assert simulation.truth.quiet.num_rows == 10
    for spell in simulation.truth.quiet.to_pylist():
        happened = sessions[spell["session"]]["Timestamp"].to_numpy()
        longest = np.diff(happened).argmax()
        assert happened[longest : longest + 2].tolist() == [spell["start_ms"], spell["end_ms"]]


def test_an_explicit_outage_strikes_its_client_when_it_says():
    outage = Outage(client=2, start_s=30, length_s=65)
    simulation = simulate(Scenario(clients=3, sessions=3, outages=(outage,), interval_s=(1, 1)))

    (row,) = simulation.truth.outages.to_pylist()
    start_ms = simulation.scenario.start_ms
    assert (row["client"], row["kind"], row["shared_outage"]) == (2, "buffered", None)
    assert (row["start_ms"], row["end_ms"]) == (start_ms + 30_000, start_ms + 95_000)


def test_a_shared_outage_strikes_several_clients_at_once():
    scenario = Scenario(
        events=5_000,
        session_spread=0,
        interval_s=(2, 2),
        shared_outages=1,
        shared_outage_clients=0.5,
    )
    simulation = simulate(scenario)

    struck = simulation.truth.outages.to_pandas()
    assert struck["client"].nunique() == 5
    assert struck["start_ms"].nunique() == struck["end_ms"].nunique() == 1
    assert (struck["shared_outage"] == 1).all()


def test_a_burst_is_no_faster_than_the_flush_rate():
    outage = Outage(client=1, start_s=10, length_s=600)
    scenario = Scenario(
        clients=1, sessions=1, interval_s=(1, 1), outages=(outage,), flush_rate=20, jitter_ms=0
    )

    (row,) = simulate(scenario).truth.outages.to_pylist()

    burst_s = (row["burst_end_ms"] - row["burst_start_ms"]) / 1000
    assert burst_s == pytest.approx((row["held_back"] - 1) / 20, abs=0.002)


# Sent times and collectors


def timed(scenario, added):
    """The records of a scenario with the further times, each event once, and their truth."""
    simulation = simulate(dataclasses.replace(scenario, **added))
    events = table(simulation).drop_duplicates(["SessionID", "EventID"])
    ways = simulation.truth.ways.to_pandas()
    names = {"session": "SessionID", "event_id": "EventID"}
    return simulation, events.merge(ways.rename(columns=names), on=["SessionID", "EventID"])


@given(scenarios, times)
@settings(max_examples=30)
def test_further_times_leave_what_happened_and_who_was_heard_as_it_was(scenario, added):
    without = table(simulate(scenario)).drop_duplicates(["SessionID", "EventID"])
    _, events = timed(scenario, {**added, "step_share": 0.0})
    both = without.merge(events, on=["SessionID", "EventID"], suffixes=("", "_timed"))
    assert len(both) == len(without) == len(events)
    assert (both["Timestamp"] == both["Timestamp_timed"]).all()


@given(scenarios, times)
@settings(max_examples=30)
def test_an_event_is_sent_after_it_happened_then_collected_then_appended(scenario, added):
    _, events = timed(scenario, added)
    assert (events["buffering_ms"] >= 0).all()
    assert (events["transit_ms"] >= scenario.delay_ms - 1e-6).all()
    assert (events["KafkaTimestamp"] >= events["ReceivedAt"]).all()


@given(scenarios, times)
@settings(max_examples=30)
def test_the_records_bear_the_parts_out(scenario, added):
    drawn = {**added, "step_share": 0.0}
    simulation, events = timed(dataclasses.replace(scenario, clock_drift_ppm=0.0), drawn)
    offset = events["client"].map(
        simulation.truth.clocks.to_pandas().set_index("client")["offset_ms"]
    )
    assert ((events["SentAt"] - events["Timestamp"]) - events["buffering_ms"]).abs().max() <= 1
    transit = events["ReceivedAt"] - events["SentAt"] + offset
    assert (transit - events["transit_ms"]).abs().max() <= 1


def test_an_upload_is_sent_as_a_whole_at_its_clients_interval():
    topic = Scenario(clients=2, events=500, upload_share=1, upload_s=(30, 30), sent_times=True)
    _, events = timed(topic, {})
    ticks = np.diff(np.unique(events.query("ClientID == 1")["SentAt"]))
    assert (np.abs(ticks % 30_000 - 15_000) >= 14_999).all()
    received = events.groupby("SentAt")["KafkaTimestamp"]
    assert (received.min() == received.max()).all()


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_sent_again_keeps_its_first_sent_time_if_it_is_to(keep):
    outage = Outage(client=1, start_s=60, length_s=60)
    topic = Scenario(
        clients=1, events=200, interval_s=(1, 1), outages=(outage,), retries_keep_sent=keep,
        sent_times=True,
    )  # fmt: skip
    _, events = timed(topic, {})
    longest = events["transit_ms" if keep else "buffering_ms"].max()
    assert 50_000 < longest < 61_000


def test_a_device_that_sleeps_sends_what_it_did_last_when_it_wakes():
    topic = Scenario(
        clients=1, events=100, quiet_share=1, sleep_s=30, interval_s=(5, 5), sent_times=True
    )
    simulation, events = timed(topic, {})
    (spell,) = simulation.truth.quiet.to_pylist()
    slept = events[events["buffering_ms"] > 1_000]
    assert len(slept) >= 1
    assert slept["Timestamp"].between(spell["start_ms"] - 30_000, spell["start_ms"]).all()


def test_a_clock_that_is_set_shows_it_from_then_on():
    topic = Scenario(clients=3, events=600, step_share=1, zone_share=1, sent_times=True)
    simulation, events = timed(topic, {})
    steps = simulation.truth.steps.to_pandas().set_index("client")
    assert set(steps["size_ms"].abs()) == {3_600_000.0}
    after = events["happened_ms"] > events["client"].map(steps["at_ms"]) + 1
    shown = events["Timestamp"] - events["happened_ms"]
    assert (shown[after] - events["client"].map(steps["size_ms"])[after]).abs().max() <= 1
    assert shown[~after].abs().max() <= 1


def test_nothing_is_appended_during_a_stall_and_the_collectors_order_is_kept():
    topic = Scenario(events=2_000, collector=True, stalls=2, partitions=3)
    simulation, events = timed(topic, {})
    for stall in simulation.truth.stalls.to_pylist():
        during = events["KafkaTimestamp"].between(stall["start_ms"] + 1, stall["end_ms"] - 1)
        assert not during.any()
    assert events["ReceivedAt"].is_monotonic_increasing


# Clients and sessions


@given(scenarios)
@settings(deadline=None)
def test_every_client_has_a_session(scenario):
    events = table(simulate(dataclasses.replace(scenario, lost_share=0, unbuffered_share=0)))

    assert sorted(events["ClientID"].unique()) == list(range(1, scenario.clients + 1))
    assert events["SessionID"].nunique() == scenario.sessions


def test_more_clients_have_more_sessions_where_no_number_is_given(tmp_path):
    topic = tmp_path / "traffic.jsonl"

    main(["--clients", "50", "--events", "2000", "--outage-share", "0.2", "--out", str(topic)])

    records = [row for batch in records_of(on_disk(topic)) for row in batch.to_pylist()]
    events = [json.loads(record["value"]) for record in records]
    assert len({event["ClientID"] for event in events}) == 50
    assert len({event["SessionID"] for event in events}) == 50


# The log


@given(scenarios)
@settings(deadline=None)
def test_offsets_are_contiguous_and_received_order_in_each_partition(scenario):
    events = table(simulate(scenario))

    assert events["KafkaTimestamp"].is_monotonic_increasing
    for _, log in events.groupby("KafkaPartition"):
        assert log["KafkaOffset"].tolist() == list(range(len(log)))


@given(scenarios)
@settings(deadline=None)
def test_a_keyed_client_has_one_partition(scenario):
    events = table(simulate(dataclasses.replace(scenario, keys=True)))

    assert (events["Key"] == events["ClientID"].astype(str).str.encode("ascii")).all()
    partitions = events.groupby("ClientID")["KafkaPartition"].agg(["min", "max"])
    assert (partitions["min"] == partitions["max"]).all()


def test_without_keys_a_client_is_in_several_partitions():
    events = table(simulate(Scenario(keys=False, partitions=3)))

    assert events["Key"].isna().all()
    partitions = events.groupby("ClientID")["KafkaPartition"].agg(["min", "max"])
    assert (partitions["min"] < partitions["max"]).any()


@pytest.mark.parametrize(
    ("timestamps", "kind", "column"),
    [
        ("logappend", LOG_APPEND_TIME, "received"),
        ("gateway", CREATE_TIME, "received"),
        ("create", CREATE_TIME, "timestamp"),
    ],
)
def test_record_timestamps_are_of_the_kind_asked_for(timestamps, kind, column):
    simulation = simulate(Scenario(timestamps=timestamps))

    assert set(simulation.records["timestamp_type"].to_pylist()) == {kind}
    assert (simulation.records["timestamp"].to_numpy() == getattr(simulation.events, column)).all()


def test_blocks_of_any_size_make_the_same_topic():
    simulation = simulate(Scenario(partitions=3))

    small = [row for batch in simulation.batches(rows=7) for row in batch.to_pylist()]

    assert small == simulation.records.to_pylist()


# Parameters


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"clients": 0}, "clients must be positive"),
        ({"clients": 50, "sessions": 49}, "sessions must be at least one a client"),
        ({"lost_share": 1.1}, "lost_share must be from 0 to 1"),
        ({"delay_ms": -1}, "delay_ms must not be negative"),
        ({"outage_s": (60, 5)}, "outage_s must be positive, its smaller end first"),
        ({"sessions": 20, "events": 10}, "events must be at least one a session"),
        ({"outage_share": 0.6, "quiet_share": 0.6}, "must not exceed 1 together"),
        ({"outages": (Outage(11, 1, 1),)}, "there is no client 11"),
        ({"outages": (Outage(1, 0, 10), Outage(1, 5, 10))}, "two outages of client 1 overlap"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        Scenario(**parameters)


def test_an_outage_must_have_a_length():
    with pytest.raises(ValueError, match="an outage must have a length"):
        Outage(client=1, start_s=0, length_s=0)


# The command line


def test_the_command_writes_a_topic_and_its_truth(tmp_path):
    topic, truth = tmp_path / "mine.jsonl.gz", tmp_path / "mine.truth.json"
    scenario = Scenario(events=300, seed=7, outages=(Outage(2, 30, 65),), keys=False)

    parameters = ["--events", "300", "--seed", "7", "--outage", "2", "30", "65", "--no-keys"]
    main([*parameters, "--out", str(topic), "--truth", str(truth)])

    expected = simulate(scenario)
    assert [row for batch in records_of(on_disk(topic)) for row in batch.to_pylist()] == (
        expected.records.to_pylist()
    )
    assert json.loads(truth.read_text()) == json.loads(json.dumps(expected.truth.as_dict()))


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("", "say where the topic goes"),
        ("--out topic.txt", "--out must end in .jsonl"),
        ("--out t.jsonl --real-time", "--real-time goes with --produce"),
        ("--out t.jsonl --events 3", "events must be at least one a session"),
        ("--out t.jsonl --outage 1 -5 3", "must not begin before the scenario"),
    ],
)
def test_a_command_that_cannot_be_says_why(capsys, command, sentence):
    with pytest.raises(SystemExit):
        main(command.split())

    assert sentence in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("lib.simulate.produce.BOOTSTRAP_TIMEOUT_MS", 500)
    nobody = f"127.0.0.1:{free_port()}"

    with pytest.raises(SystemExit, match=f"sessions-10 at {nobody}"):
        main(["sessions-10", "--produce", nobody])


# A real broker


def test_a_sample_is_produced_to_a_broker_as_it_was_recorded(broker, new_name, read_topic):
    main(["sessions-100", "--produce", broker.bootstrap_servers, "--topic", new_name])

    def log(rows):
        return sorted(
            (r["partition"], r["offset"], r["timestamp"], r["key"], r["value"]) for r in rows
        )

    assert log(read_topic(new_name)) == log(sessions_100().records.to_pylist())


def test_a_topic_with_too_few_partitions_is_refused(broker, make_topic):
    topic = make_topic(partitions=1)

    with pytest.raises(SystemExit, match="has 1 partitions, the scenario 3"):
        main(["sessions-100", "--produce", broker.bootstrap_servers, "--topic", topic])


def test_in_real_time_events_happen_now_and_the_broker_stamps_them(broker, new_name, read_topic):
    began_ms = time.time() * 1000
    parameters = ["--events", "20", "--ramp-s", "1", "--interval-s", "0.1", "0.2"]
    target = ["--produce", broker.bootstrap_servers, "--topic", new_name]

    main([*parameters, *target, "--real-time"])

    rows = read_topic(new_name)
    assert len(rows) == 20
    assert {row["timestamp_type"] for row in rows} == {LOG_APPEND_TIME}
    happened = [json.loads(row["value"])["Timestamp"] for row in rows]
    assert began_ms - 1 <= min(happened) <= max(happened) <= time.time() * 1000
