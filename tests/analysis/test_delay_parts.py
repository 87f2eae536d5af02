"""What delay is made of: each part by the times that it needs, and no more than they tell."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.analysis.analyse import analyse
from lib.analysis.client_clocks import client_times, lower_envelopes, sent_times
from lib.analysis.clock_steps import between_steps, clock_offsets, clock_steps
from lib.analysis.delay_parts import (
    PART,
    DelayPart,
    delay_parts,
    take_apart,
    uploads,
)
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    MISSING_TIME,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    RECORD_TIME,
    SENT_TIME,
)
from tests.support.tables import events_table

HOUR = 3_600_000


def topic(event_time, sent, received, recorded=None, *, client="a", **more):
    """An events table with the times that are given; None where an event has none."""
    extra = {}
    for name, times in ((SENT_TIME, sent), (RECORD_TIME, recorded)):
        if times is not None:
            extra[name] = np.array([MISSING_TIME if t is None else t for t in times], np.int64)
    heard = [MISSING_TIME if t is None else t for t in received]
    events = events_table(event_time, heard, client=client, extra=extra, **more)
    return events.assign(
        **{RECEIVED_TIME_0: events[RECEIVED_TIME_0].where(events[RECEIVED_TIME] != MISSING_TIME)}
    )


def fleet(clients="abcde", events=120, *, ahead=None, step=None, buffering=None, slow=None, seed=1):
    """Clients of an event every 10 s or so, sent at once and received 20 ms later or a bit more.

    `ahead` is by how much clocks are ahead, `step` what they are set forward by in the middle,
    `buffering` how long events wait, `slow` the mean of what the network adds; by client, in ms.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for name in clients:
        happened = np.sort(rng.uniform(0, events * 10_000, events))
        sent = happened + (buffering or {}).get(name, 0)
        received = sent + 20 + rng.exponential(5, events)
        received += rng.exponential((slow or {}).get(name, 1e-9), events)
        shown = np.where(sent >= events * 5_000, (step or {}).get(name, 0), 0)
        shown = shown + (ahead or {}).get(name, 0)
        rows.append(
            pd.DataFrame({"e": happened + shown, "s": sent + shown, "r": received, "c": name})
        )
    table = pd.concat(rows).sort_values("r")
    e, s, r = (table[name].astype("int64").tolist() for name in "esr")
    return topic([*e], s, r, [t + 3 for t in r], client=list(table["c"]))


def parts_of(events):
    return delay_parts(events, take_apart(events))


def part_of(events, client, part, name="p50"):
    table = parts_of(events).by_client
    return table[(table[CLIENT] == client) & (table["Part"] == part)][name].item()


def sentences(events, kind):
    return [finding.sentence for finding in analyse(events).findings if finding.kind == kind]


def gathering(clients=20, *, every=600_000, hours=24, ahead=0):
    """Clients that gather events and upload them; the clock of the first is `ahead`, ms.

    An upload's events come some ms one after another, after what the network took: up to seconds.
    """
    rng = np.random.default_rng(3)
    rows = []
    for client in range(clients):
        happened = np.sort(rng.uniform(0, hours * HOUR, hours * 60))
        sends = np.cumsum(rng.weibull(1.5, hours * HOUR // every * 2) * every)
        way = 150 + rng.gamma(1.5, 400, len(sends))
        of = np.searchsorted(sends, happened)
        place = np.arange(len(of)) - np.searchsorted(of, of)
        shown = ahead if client == 0 else 0
        received = sends[of] + way[of] + place
        columns = {"e": happened + shown, "s": sends[of] + shown, "r": received, "c": str(client)}
        rows.append(pd.DataFrame(columns))
    table = pd.concat(rows).sort_values("r", kind="stable")
    e, s, r = (table[name].astype("int64").tolist() for name in "esr")
    return topic(e, s, r, client=list(table["c"]))


def test_the_events_of_an_upload_say_once_what_the_clock_showed():
    # Given uploads whose events come one after another, and a clock that is ahead
    said = sentences(gathering(ahead=45_000), "clock")
    # Then no clock was set, and that one is told
    (sentence,) = said
    assert sentence.startswith("Client 0's clock is 45 s ahead of the others'")


def test_a_clock_without_seconds_that_was_set_is_told():
    # Given a clock of whole minutes, of many events each, that is set in the middle
    rng = np.random.default_rng(4)
    happened = np.sort(rng.integers(0, 3 * HOUR, (2, 6_000)), axis=1)
    minutes = (happened[0] + HOUR * (happened[0] > HOUR)) // 60_000 * 60_000
    rows = [*zip(happened[0] + 50, minutes, "a" * 6_000, strict=True)]
    rows += zip(happened[1] + 50, happened[1], "b" * 6_000, strict=True)
    received, shown, client = zip(*sorted(rows), strict=True)
    # Then it was set then, and is not ahead of the others' all along
    said = sentences(events_table(shown, received, client=client), "clock")
    (sentence,) = said
    assert sentence.startswith("Client a's clock was set forward by 1 h at ")


# Which parts can be told


def test_with_all_times_there_are_all_parts():
    parts = parts_of(topic([0, 10], [5, 12], [30, 40], [31, 44]))
    assert parts.of_topic[PART].tolist() == list(DelayPart)
    assert parts.missing == ""


@pytest.mark.parametrize(
    ("sent", "received", "recorded", "parts", "missing"),
    [
        ([5], [30], None, {"buffering", "network", "clock"}, "Received time is the record's"),
        ([5], [None], None, {"buffering"}, "Only how old events were when they were sent"),
        (None, [30], [34], {"pipeline"}, "Without a sent time, buffering, network"),
        (None, [30], None, None, "Without a sent time, buffering, network"),
        (None, [None], None, None, "There is no received time."),
    ],
)
def test_each_missing_time_is_said(sent, received, recorded, parts, missing):
    events = topic([0], sent, received, recorded)
    found = parts_of(events)
    assert (None if found is None else set(found.of_topic[PART])) == parts
    assert take_apart(events).missing.startswith(missing)


def test_a_part_is_that_of_the_events_which_have_its_times():
    events = topic([0, 10, 20], [5, None, 27], [30, 40, None], [31, 44, None])
    table = parts_of(events).by_client.set_index("Part")["Events"]
    assert table.to_dict() == {"buffering": 2, "network": 1, "clock": 1, "pipeline": 2}


def test_an_empty_topic_has_no_parts():
    assert parts_of(events_table([], [])) is None


times = st.integers(0, 10**6)
ways = st.lists(
    st.tuples(times, times, times, times, st.sampled_from("abc")), min_size=1, max_size=40
)


@given(ways)
def test_the_parts_of_an_event_add_up_to_its_delay(rows):
    e, s, r, k, client = zip(*rows, strict=True)
    found = take_apart(topic([*e], s, r, k, client=list(client)))
    assert (sum(found.ms.values()) == np.array(k) - np.array(e)).all()
    assert (found.ms[DelayPart.NETWORK] >= 0).all()


@given(ways, st.integers(-(10**9), 10**9))
def test_turning_a_clock_moves_only_its_own_part(rows, ahead):
    e, s, r, k, client = zip(*rows, strict=True)
    own = np.array(client) == "a"
    right = take_apart(topic([*e], s, r, k, client=list(client)))
    e, s = (np.array(times) + own * ahead for times in (e, s))
    turned = take_apart(topic(e.tolist(), s, r, k, client=list(client)))
    for part in (DelayPart.BUFFERING, DelayPart.PIPELINE):
        assert (turned.ms[part] == right.ms[part]).all()
    if right.steps.empty and turned.steps.empty:
        assert np.abs(turned.ms[DelayPart.NETWORK] - right.ms[DelayPart.NETWORK]).max() <= 1
    assert (turned.ms[DelayPart.CLOCK] - right.ms[DelayPart.CLOCK])[~own].max(initial=0) <= 1


@given(ways)
def test_tables_count_every_event_once_a_part(rows):
    e, s, r, k, client = zip(*rows, strict=True)
    parts = parts_of(topic([*e], s, r, k, client=list(client)))
    for table in (parts.by_client, parts.over_time, parts.of_topic):
        counts = table.groupby("Part", observed=True)["Events"].sum()
        assert counts.to_dict() == dict.fromkeys(map(str, DelayPart), len(rows))
    assert len(parts.over_time) <= 200 * len(DelayPart)


# Whose part it was


def test_a_client_that_sends_late_is_said_to():
    events = fleet(buffering={"c": 41_000})
    assert part_of(events, "c", DelayPart.BUFFERING) == pytest.approx(41_000, abs=2)
    assert part_of(events, "c", DelayPart.NETWORK) < 100
    assert sentences(events, "buffering") == [
        "Half of client c's events were at least 41 s old when it sent them."
    ]
    assert sentences(events, "clock") == sentences(events, "network") == []


def test_a_slow_network_is_said_to_be_one_and_no_clock():
    events = fleet(slow={"c": 20_000}, events=400)
    (sentence,) = sentences(events, "network")
    assert sentence.startswith("Half of client c's events took at least 1")
    assert "longer than its fastest from being sent to being received" in sentence
    assert sentences(events, "clock") == sentences(events, "buffering") == []


def test_a_clock_that_is_ahead_is_said_to_be_one_whatever_is_buffered():
    events = fleet(ahead={"c": 3_200}, buffering={"c": 41_000})
    (sentence,) = sentences(events, "clock")
    assert sentence.startswith("Client c's clock is 3.2 s ahead of the others'")


def test_what_is_long_between_collector_and_broker_is_the_pipelines():
    events = fleet()
    late = events.assign(**{RECORD_TIME: events[RECORD_TIME] + 5_000})
    (sentence,) = sentences(late, "pipeline")
    assert "had a record timestamp at least 5 s after they were received" in sentence


def test_nothing_stands_out_in_a_clean_fleet():
    assert analyse(fleet()).findings == []


# Uploads


def test_an_upload_is_what_shares_a_sent_time():
    events = topic([0, 10, 20, 60, 70], [30, 30, 30, 90, 90], [40, 40, 40, 100, 100])
    (row,) = uploads(events).to_dict("records")
    assert (row["Sends"], row["PerSend"], row["SendInterval"]) == (2, 2.0, 60.0)


def test_one_upload_has_no_interval():
    assert np.isnan(uploads(topic([0], [30], [40]))["SendInterval"].item())


def test_a_device_that_slept_made_nothing_until_it_sent():
    slept = topic([0, 1_000, 60_000], [60_000, 60_000, 60_000], [60_020] * 3)
    assert uploads(slept)["Asleep"].item() == 0  # the last event woke it: it was no upload's
    apart = topic([0, 1_000, 60_000], [59_900, 59_900, 60_000], [60_020] * 3)
    assert uploads(apart)["Asleep"].item() == 2


def test_a_device_that_was_cut_off_went_on_and_did_not_sleep():
    happened = list(range(0, 60_000, 1_000))
    sent = [59_500 + n for n in range(60)]
    assert uploads(topic(happened, sent, [t + 20 for t in sent]))["Asleep"].item() == 0


def test_events_that_were_sent_before_they_happened_are_counted():
    assert uploads(topic([5_000, 6_000], [2_000, 6_010], [7_000, 7_000]))["SentBefore"].item() == 1


# Clocks


def test_the_interval_of_a_right_clock_contains_zero():
    clocks = parts_of(fleet()).clocks
    assert (clocks["Low"] <= 0).all()
    assert (clocks["High"] >= 0).all()
    assert ((clocks["High"] - clocks["Low"]) < 60).all()


@pytest.mark.parametrize("ahead", [-7_000, 3_200])
def test_the_interval_contains_what_is_to_be_added_to_the_clock(ahead):
    clocks = parts_of(fleet(ahead={"c": ahead})).clocks.set_index(CLIENT)
    assert clocks.loc["c", "Low"] <= -ahead <= clocks.loc["c", "High"]


def test_without_a_client_that_is_not_ahead_the_interval_is_open():
    clocks = parts_of(fleet("a", ahead={"a": 5_000})).clocks
    assert clocks["Low"].item() == -np.inf
    assert clocks["High"].item() == pytest.approx(-4_980, abs=10)


@pytest.mark.parametrize("step", [-HOUR, 41_000])
def test_a_clock_that_is_set_is_found_when_it_was(step):
    events = fleet(step={"c": step})
    (row,) = parts_of(events).steps.to_dict("records")
    assert row[CLIENT] == "c"
    assert row["Size"] == pytest.approx(step, abs=30)
    assert row["Zone"] == (abs(step) == HOUR)
    assert abs(row["At"] - 600_000) < 60_000
    clocks = parts_of(events).clocks
    low, high = (clocks[clocks[CLIENT] == "c"][name].tolist() for name in ("Low", "High"))
    assert low[0] <= 0 <= high[0]
    assert low[1] <= -step <= high[1]


def test_a_step_is_said_as_one_and_no_wrong_clock_or_network():
    events = fleet(step={"c": -HOUR})
    (sentence,) = sentences(events, "clock")
    assert sentence.startswith("Client c's clock was set back by 1 h at 60")
    assert "its time zone may have changed" in sentence
    assert sentences(events, "network") == []


@pytest.mark.parametrize("days", [2, 365])
def test_a_clock_of_the_far_future_that_is_set_right_is_no_time_zone_and_no_longer_way(days):
    day = 24 * HOUR
    events = fleet(ahead={"c": days * day}, step={"c": -days * day})
    (sentence,) = (each for each in sentences(events, "clock") if "was set" in each)
    assert re.fullmatch(rf"Client c's clock was set back by {days} d at [\d.,]+ s\.", sentence)


def test_of_servers_whose_clock_is_behind_a_longer_way_may_still_be_one():
    # Given servers whose clock is 5 s behind, and a way that takes 6 s more from the middle on
    everybody = dict.fromkeys("abcde", 5_000)
    (sentence,) = (
        each
        for each in sentences(fleet(ahead=everybody, step={"c": -6_000}), "clock")
        if "was set" in each
    )
    assert sentence.endswith(", or its events were under way for so much longer from then on.")


def test_events_that_an_outage_held_back_after_they_were_sent_are_no_step():
    events = fleet()
    held = (events[CLIENT] == "c") & (events[EVENT_TIME] > 900_000)
    late = events[RECEIVED_TIME].where(~held, events[RECEIVED_TIME].max() + 1_000)
    late = events.assign(**{RECEIVED_TIME: late}).sort_values(RECEIVED_TIME, ignore_index=True)
    assert parts_of(late).steps.empty


def test_a_network_that_is_slow_for_a_while_sets_no_clock():
    events = fleet()
    slow = (events[CLIENT] == "c") & events[EVENT_TIME].between(400_000, 700_000)
    late = events[RECEIVED_TIME] + 30_000 * slow
    late = events.assign(**{RECEIVED_TIME: late}).sort_values(RECEIVED_TIME, ignore_index=True)
    assert parts_of(late).steps.empty


@given(st.lists(st.tuples(times, times, st.sampled_from("abc")), min_size=1, max_size=60))
def test_stretches_between_steps_are_the_events_of_their_clients(rows):
    s, r, client = zip(*rows, strict=True)
    events = topic([*s], s, r, client=list(client))
    all_times = sent_times(events)
    stretches = between_steps(all_times, clock_steps(all_times))
    own = all_times.clients.labels[all_times.clients.codes]
    assert list(stretches.clients.labels[stretches.clients.codes]) == list(own)
    offsets = clock_offsets(stretches, lower_envelopes(stretches))
    assert offsets["Events"].sum() == len(events)
    assert (offsets["Low"] <= offsets["High"]).all()


def test_an_event_without_a_sent_time_leaves_the_lower_envelope():
    events = fleet()
    some = events.assign(**{SENT_TIME: events[SENT_TIME].where(events.index % 3 > 0, MISSING_TIME)})
    times = sent_times(some)
    missing = (some[SENT_TIME] == MISSING_TIME).to_numpy()
    assert (times.shown[missing] == client_times(some).event_time[missing]).all()


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_last_events_of_a_slower_way_set_no_clock(share):
    # Given a client of whose events some take 2 min more than those that go on beside them
    rng = np.random.default_rng(1)
    happened = np.arange(0, 600_000, 1_000)
    received = happened + 100 + 120_000 * (rng.random(len(happened)) < share)
    order = np.argsort(received, kind="stable")
    # When it stops, and those are left to come
    assert sentences(events_table(happened[order], received[order]), "clock") == []


def test_a_clock_that_was_set_back_just_before_the_end_is_told():
    # Given a clock that was set back by 2 min a minute before its client's last event
    true = np.arange(0, 3_600_000, 1_000)
    happened = true - 120_000 * (true >= 3_540_000)
    received = true + np.random.default_rng(1).integers(50, 150, len(true))
    (sentence,) = sentences(events_table(happened, received), "clock")
    assert "was set back by 120 s" in sentence


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_connection_that_takes_long_to_open_sets_no_clock(seed):
    # Given clients of which an event takes 6 s more if their last was minutes ago, as most are
    rng = np.random.default_rng(seed)
    rows = []
    for client in range(20):
        apart = rng.integers(10_000, 480_000, 80)
        happened = np.cumsum(apart)
        received = happened + rng.integers(50, 150, 80) + 6_000 * (apart > 240_000)
        rows.append(pd.DataFrame({"e": happened, "r": received, "c": f"{client}"}))
    table = pd.concat(rows).sort_values("r", ignore_index=True)
    found = events_table(table["e"].to_numpy(), table["r"].to_numpy(), client=list(table["c"]))
    # However many of those follow one another at its beginning or end
    assert clock_steps(client_times(found)).at.tolist() == []
