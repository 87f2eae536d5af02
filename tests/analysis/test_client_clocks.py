import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lib.analysis.client_clocks import (
    TypicalClock,
    client_times,
    clocks,
    clocks_against,
    correct,
    effect,
    lower_envelopes,
    network_of,
    typical_clock,
)
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENT_TIME_0,
    MISSING_TIME,
    PARTITION,
    RECEIVED_TIME,
    RECEIVED_TIME_TYPE,
    SENT_TIME,
)
from tests.support.tables import events_table

HOUR = 3_600_000


def topic(offsets_ms, drift_ppm=None, events=200, network_ms=20, jitter_ms=10, seed=1):
    """Clients of one event a second or so, whose clocks are ahead by `offsets_ms`."""
    rng = np.random.default_rng(seed)
    drift = dict.fromkeys(offsets_ms, 0.0) | (drift_ppm or {})
    rows = []
    for name, offset in offsets_ms.items():
        time = np.sort(rng.uniform(0, HOUR, events))
        arrival = time + network_ms + rng.exponential(jitter_ms, events)
        clock = time + offset + drift[name] * 1e-6 * time
        rows.append(pd.DataFrame({"t": clock, "r": arrival, "client": name}))
    table = pd.concat(rows).sort_values("r")
    return events_table(
        table["t"].round().astype(int), table["r"].round().astype(int), client=list(table["client"])
    )


def lag(events):
    """Each event's delay above the lower envelope of its client."""
    times = client_times(events)
    lags = lower_envelopes(times).lags(times.clients.codes, times.event_time, times.received)
    return pd.Series(lags, index=events.index)


def clock_of(events, client):
    table = clocks(events)
    return table[table[CLIENT] == client].iloc[0]


def test_a_clock_that_is_ahead_has_a_positive_offset():
    clock = clock_of(topic({"a": 0, "b": 0, "c": 5000}), "c")
    assert clock["Offset"] == pytest.approx(5000, abs=5)
    assert clock["Wrong"]


def test_a_clock_that_is_behind_has_a_negative_offset():
    clock = clock_of(topic({"a": 0, "b": 0, "c": -3000}), "c")
    assert clock["Offset"] == pytest.approx(-3000, abs=5)
    assert clock["Wrong"]


def visitors(behind=0, events=3, apart=1_000):
    """2,000 clients of so many events each; every hundredth has a clock that is `behind`, ms."""
    rng = np.random.default_rng(1)
    begins = np.repeat(np.arange(2_000) * 10_000, events)
    happened = begins + np.tile(np.arange(events) * apart, 2_000)
    arrived = happened + 60 + rng.exponential(60, len(happened))
    client = np.repeat(np.arange(2_000), events)
    shown = happened - np.where(client % 100 == 7, behind, 0)
    table = pd.DataFrame({"t": shown, "r": arrived.astype(int), "client": client.astype(str)})
    return table.sort_values("r")


def wrong_of(table):
    found = clocks(events_table(table["t"], table["r"], client=list(table["client"])))
    return set(found.loc[found["Wrong"], CLIENT].astype(int))


@pytest.mark.parametrize("events", [1, 2, 3])
def test_no_clock_is_behind_whose_events_all_waited_for_the_end_of_an_outage(events):
    # Given visitors of a few seconds, of whom nothing arrives for five minutes
    table = visitors(events=events)
    start, end = 5_000_000, 5_300_000
    waits = table["r"].between(start, end)
    back = end + np.random.default_rng(2).integers(0, 3_000, len(table))
    # Then their events were long under way, and nothing says that it was their clocks
    assert waits.sum() >= 29 * events
    assert wrong_of(table.assign(r=table["r"].where(~waits, back)).sort_values("r")) == set()


@pytest.mark.parametrize(("events", "apart"), [(3, 30_000), (6, 1_000)])
def test_a_clock_is_behind_if_events_came_for_a_minute_or_as_they_happened(events, apart):
    assert wrong_of(visitors(HOUR, events, apart)) == set(range(7, 2_000, 100))


def test_right_clocks_are_not_wrong():
    table = clocks(topic(dict.fromkeys("abcdefgh", 0)))
    assert not table["Wrong"].any()
    assert (table["Drift"] == 0).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 8), st.integers(1, 12), st.integers(3, 7_200))
def test_clocks_that_are_ahead_are_wrong_however_many_they_are(right, ahead, seconds):
    # Given clients whose clocks are ahead, of which at least one in four others is right
    assume(ahead <= 3 * right)
    offsets = {f"r{n}": 0 for n in range(right)} | {f"a{n}": 1_000 * seconds for n in range(ahead)}
    table = clocks(topic(offsets, events=60)).set_index("ClientID")
    # Then those are wrong, and by as much
    assert table["Wrong"].tolist() == [name[0] == "a" for name in table.index]
    off = table.loc[table["Wrong"], "Offset"]
    assert off.to_numpy() == pytest.approx(1_000 * seconds, abs=60)


@pytest.mark.parametrize("ms", [3_000, 60_000])
@pytest.mark.parametrize(
    "share", [lambda t: np.sin(t / 9e5), lambda t: t < HOUR / 3, lambda t: t.astype(int) % 5 == 0]
)
def test_a_clock_that_is_ahead_at_times_has_no_one_offset(ms, share):
    # Given a clock that is ahead for a while, more and less, or in a fifth of the events
    right = topic(dict.fromkeys("abcd", 0))
    more = np.where(right[CLIENT] == "d", ms * share(right[RECEIVED_TIME]), 0).astype(int)
    table = clocks(right.assign(**{EVENT_TIME: right[EVENT_TIME] + more})).set_index("ClientID")
    # Then it is unsteady, and there is nothing to correct
    assert table["Unsteady"].to_dict() == {"a": False, "b": False, "c": False, "d": True}
    assert not table["Wrong"].any()


def test_what_an_outage_held_back_makes_no_clock_unsteady():
    # Given a clock that is ahead, of a client of which most events waited for an hour's end
    events = topic({"a": 0, "b": 0, "c": 5_000})
    waited = (events[CLIENT] == "c") & events[RECEIVED_TIME].between(HOUR // 4, HOUR - 60_000)
    arrived = np.where(waited, HOUR - 60_000 + waited.cumsum(), events[RECEIVED_TIME])
    clock = clock_of(events.assign(**{RECEIVED_TIME: arrived}), "c")
    assert (clock["Wrong"], clock["Unsteady"]) == (True, False)
    assert clock["Offset"] == pytest.approx(5_000, abs=5)


@pytest.mark.parametrize(
    ("stamped_by", "off", "own_clocks_wrong"),
    [("LogAppendTime", 6, False), ("LogAppendTime", 5, True), ("CreateTime", 6, True)],
)
def test_a_brokers_clock_is_not_that_of_its_clients(stamped_by, off, own_clocks_wrong):
    # Given three partitions of six clients, of one of which some are ahead by five seconds
    partition = {f"{n}": n % 3 for n in range(18)}
    ahead = [name for name, number in partition.items() if number == 1][:off]
    events = topic({name: 5_000 * (name in ahead) for name in partition}, events=60)
    events[PARTITION] = events[CLIENT].astype(str).map(partition).astype(np.int32)
    events[RECEIVED_TIME_TYPE] = np.int8(stamped_by == "LogAppendTime")
    # Then it is the clock of the partition's broker where all of its clients are
    table = clocks(events).set_index("ClientID")
    named = "Wrong" if own_clocks_wrong else "Broker"
    assert sorted(table.index[table[named]]) == sorted(ahead)
    assert not table["Broker" if own_clocks_wrong else "Wrong"].any()


def test_events_with_a_negative_delay_are_from_the_future():
    events = events_table([1000, 2000, 9000], [1010, 2010, 3000], client=list("aab"))
    assert clocks(events)["Future"].tolist() == [0, 1]


def test_smallest_delay_is_that_of_the_client():
    events = events_table([0, 0, 0, 0], [9, 12, 30, 12], client=list("aabb"))
    assert clocks(events)["SmallestDelay"].tolist() == [9, 12]


def test_drift_is_the_slope_of_the_smallest_delays():
    clock = clock_of(topic({"a": 0, "b": 0, "c": 0}, {"c": 80}), "c")
    assert clock["Drift"] == pytest.approx(80, abs=5)


@pytest.mark.parametrize("jitter_ms", [0, 0.3, 10])
def test_clocks_that_do_not_drift_have_a_drift_of_exactly_zero(jitter_ms):
    events = topic(dict.fromkeys("abcd", 0), events=2_000, jitter_ms=jitter_ms, network_ms=20.4)
    assert clocks(events)["Drift"].tolist() == [0.0] * 4


def test_a_drift_that_adds_up_to_less_than_times_resolve_is_none():
    drift = {"a": 0.4, "b": -0.4}  # 1.4 ms in an hour
    events = topic(dict.fromkeys("ab", 0), drift, events=2_000, jitter_ms=0)
    assert clocks(events)["Drift"].tolist() == [0.0, 0.0]


def test_without_jitter_a_small_drift_is_found():
    events = topic(dict.fromkeys("abc", 0), {"c": 5}, events=2_000, jitter_ms=0)
    assert clocks(events)["Drift"].tolist() == pytest.approx([0, 0, 5], abs=0.5)


def test_the_offset_of_a_drifting_clock_is_that_of_the_middle_of_its_events():
    clock = clock_of(topic({"a": 0, "b": 0, "c": 1000}, {"c": 80}), "c")
    assert clock["Offset"] == pytest.approx(1000 + 80e-6 * clock["At"], abs=5)


def test_the_fan_of_a_flushed_buffer_is_no_drift():
    held = list(range(0, 60_000, 1000))
    events = events_table([*held, 70_000], [60_000] * 60 + [70_010])
    assert clocks(events)["Drift"].tolist() == [0.0]


def test_one_wild_time_is_no_wrong_clock():
    events = topic({"a": 0, "b": 0, "c": 0})
    wild = events[EVENT_TIME].copy()
    wild.iloc[300] += 86_400_000
    table = clocks(events.assign(**{EVENT_TIME: wild}))
    assert not table["Wrong"].any()
    assert table["Offset"].abs().max() < 5
    assert table["Future"].sum() == 1


def test_a_clock_is_judged_by_what_is_usual_of_the_typical_one():
    events = topic({"a": 0, "b": 0, "c": 200})
    times = client_times(events)
    envelopes = lower_envelopes(times)
    network = network_of(times, envelopes)
    typical = typical_clock(envelopes.height, network)
    lax = TypicalClock(typical.smallest_delay, usual=300.0)
    assert clocks_against(typical, network, times, envelopes)["Wrong"].tolist() == [0, 0, 1]
    assert clocks_against(lax, network, times, envelopes)["Wrong"].tolist() == [0, 0, 0]


def test_one_client_alone_has_nothing_to_be_compared_with():
    clock = clock_of(topic({"a": 7000}), "a")
    assert (clock["Offset"], clock["Wrong"]) == (0, False)


def test_the_events_of_a_burst_are_heard_once():
    events = events_table([0, 1000, 2000, 3000, 4000], [10, 3010, 3011, 3012, 4010])
    assert lower_envelopes(client_times(events)).heard.tolist() == [3]


def test_lag_is_free_of_offset_and_drift():
    right = lag(topic({"a": 0, "b": 0}))
    wrong = lag(topic({"a": 0, "b": 60_000}, {"b": 90}))
    assert np.quantile(np.abs(right.to_numpy() - wrong.to_numpy()), 0.99) < 3


def test_correcting_moves_event_times_to_the_right_clock():
    right, wrong = topic({"a": 0, "b": 0, "c": 0}), topic({"a": 0, "b": 0, "c": 5000}, {"c": 80})
    corrected = correct(wrong, clocks(wrong).query("Wrong"))
    assert (corrected[EVENT_TIME] - right[EVENT_TIME]).abs().max() < 10


def test_correcting_leaves_other_clients_and_zero_alone():
    events = topic({"a": 0, "b": 0, "c": 5000})
    corrected = correct(events, clocks(events).query("Wrong"))
    others = events[CLIENT] != "c"
    assert corrected.loc[others].equals(events.loc[others])
    moved = corrected[EVENT_TIME] - events[EVENT_TIME]
    moved_seconds = corrected[EVENT_TIME_0] - events[EVENT_TIME_0]
    assert np.allclose(moved_seconds * 1000, moved)


def test_correcting_moves_when_events_were_sent_with_when_they_happened():
    # Given events of which all but one tell when they were sent, a while after they happened
    events = topic({"a": 0, "b": 0, "c": 5000})
    sent = events[EVENT_TIME] + 7
    sent.iloc[3] = MISSING_TIME
    events = events.assign(**{SENT_TIME: sent})
    corrected = correct(events, clocks(events).query("Wrong"))
    # Then they were sent as long after, by the right clock, too
    assert (corrected[EVENT_TIME] != events[EVENT_TIME]).any()
    buffered = (corrected[SENT_TIME] - corrected[EVENT_TIME]).drop(events.index[3])
    assert set(buffered) == {7}
    assert corrected[SENT_TIME].iloc[3] == MISSING_TIME
    assert not clocks(corrected)["Wrong"].any()


def test_correcting_does_not_touch_the_table_it_is_given():
    events = topic({"a": 0, "b": 0, "c": 5000})
    before = events.copy()
    correct(events, clocks(events))
    assert events.equals(before)


def test_a_clock_in_the_future_makes_everybody_else_late():
    events = topic({"a": 0, "b": 0, "c": 5000}, events=4000)
    table = effect(events, clocks(events), "c", [0.5]).set_index("Case")["p50"]
    assert table["as it is"] > 3000
    assert table["without the client"] < 10
    assert table["with its clock corrected"] < 10


def test_the_only_client_of_a_topic_cannot_be_left_out():
    events = topic({"a": 5000})
    table = effect(events, clocks(events), "a")
    assert table["Case"].tolist() == ["as it is", "with its clock corrected"]


def test_an_empty_topic_has_no_clocks():
    assert clocks(events_table([], [])).empty
    assert lag(events_table([], [])).empty


records = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 5_000), st.sampled_from("abc")),
    min_size=1, max_size=30,
)  # fmt: skip


def table_of(rows):
    rows = sorted(rows, key=lambda row: row[0] + row[1])
    times, received = [row[0] for row in rows], [row[0] + row[1] for row in rows]
    return events_table(times, received, client=[row[2] for row in rows])


@settings(deadline=None)
@given(records, st.integers(-(10**9), 10**9))
def test_shifting_all_times_changes_no_clock(rows, shift):
    events = table_of(rows)
    shifted = events.assign(
        **{EVENT_TIME: events[EVENT_TIME] + shift, RECEIVED_TIME: events[RECEIVED_TIME] + shift}
    )
    columns = ["Events", "SmallestDelay", "Future", "Wrong"]
    one, other = clocks(events), clocks(shifted)
    assert one[columns].equals(other[columns])
    assert np.allclose(one[["Offset", "Drift"]], other[["Offset", "Drift"]], atol=1e-3)


@settings(deadline=None)
@given(records)
def test_lag_is_at_least_zero_and_touches_it(rows):
    events = table_of(rows)
    lags = lag(events)
    assert (lags >= 0).all()
    assert np.allclose(lags.groupby(events[CLIENT], observed=True).min(), 0, atol=1e-6)


@settings(deadline=None)
@given(records, st.integers(-(10**6), 10**6))
def test_turning_one_clock_turns_its_delays_but_no_lag(rows, offset):
    events = table_of(rows)
    turned = events[EVENT_TIME].where(events[CLIENT] != "a", events[EVENT_TIME] + offset)
    other = events.assign(**{EVENT_TIME: turned})
    own = events[CLIENT] == "a"
    delay, turned_delay = (table[RECEIVED_TIME] - table[EVENT_TIME] for table in (events, other))
    assert ((delay - turned_delay)[own] == offset).all()
    assert np.allclose(lag(events), lag(other), atol=1e-3)
