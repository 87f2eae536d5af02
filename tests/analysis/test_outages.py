import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from lib.analysis.outages import SHORTEST_MS, outages_and_rhythm
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    MISSING_TIME,
    RECEIVED_TIME,
    RECEIVED_TIME_0,
    SESSION,
)
from lib.sources.records import NO_TIMESTAMP
from tests.support.tables import events_table

SECOND = 1000


def stream(
    client="1", *, events=300, interval=SECOND, seed=1, begin=0, offset=0, session=None, jitter=None
):
    """Events of one client, one every `interval` ms, each 5 ms and a little under way."""
    rng = np.random.default_rng(seed)
    time = begin + np.arange(events) * interval
    late = 5 + (rng.exponential(3, events) if jitter is None else jitter(rng, events))
    return pd.DataFrame(
        {
            "happened": time,
            "arrived": time + np.rint(late).astype(np.int64),
            "offset": offset,
            "client": client,
            "session": session or f"s{client}",
            "number": np.arange(1, events + 1),
        }
    )


def cut_off(events, start, end, *, buffered=True):
    """The same without network from `start` to `end`: events wait, or are lost."""
    inside = (events["happened"] >= start) & (events["happened"] < end)
    if not buffered:
        return events[~inside]
    flushed = end + 10 + 2 * inside.cumsum()
    arrived = events["arrived"].where(~inside, flushed)
    return events.assign(arrived=arrived.cummax())


def topic(*streams, numbered=True):
    table = pd.concat(streams).sort_values("arrived", kind="stable")
    return events_table(
        list(table["happened"] + table["offset"]),
        list(table["arrived"]),
        client=list(table["client"]),
        session=list(table["session"]),
        sequence=list(table["number"]) if numbered else None,
    )


def outages(events, **parameters):
    return outages_and_rhythm(events, **parameters)[0]


def rhythm(events):
    return outages_and_rhythm(events)[1]


def others(count=4, **more):
    return [stream(f"other {n}", seed=100 + n, begin=300 * n, **more) for n in range(count)]


def test_a_buffered_outage_is_found_with_its_burst():
    one = cut_off(stream(), 60_000, 124_500)
    table = outages(topic(one, *others()))
    assert table["ClientID"].tolist() == ["1"]
    row = table.iloc[0]
    assert row["Kind"] == "buffered"
    assert row["LastHeard"] == one["arrived"].iloc[59]
    assert row["BackAt"] == 124_512
    assert row["Silence"] == 124_512 - row["LastHeard"]
    assert 59_000 <= row["Start"] <= 60_005
    assert row["HeldBack"] == 65
    assert row["LargestDelay"] == 64_512
    assert (row["BurstEnd"], row["BurstLength"]) == (124_640, 128)
    assert row["BurstRate"] == pytest.approx(500)
    assert row["Lost"] == 0


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(30, 200), st.integers(0, 4))
def test_an_outage_is_found_whatever_of_its_burst_had_been_overtaken(under_way, seconds, apart):
    # Given an outage, at whose start older events were under way; they come first in its burst
    end = 59_500 + 1000 * seconds
    one = cut_off(stream(), 60_000, end)
    late = one["happened"].between(59_000 - 1000 * under_way, 58_999)
    place = np.arange(under_way) - under_way
    one.loc[late, "arrived"] = end + 12 + apart * place
    # Then the outage ends with the first of them, and all that waited was held back
    (row,) = outages(topic(one, *others())).to_dict("records")
    assert row["LastHeard"] == one["arrived"].iloc[59]
    assert row["BackAt"] == one.loc[late, "arrived"].min()
    assert row["HeldBack"] == under_way + seconds
    assert row["LastHeard"] <= row["Start"] <= 60_020


@pytest.mark.parametrize("until", [5, 20, 55])
def test_an_outage_is_found_though_what_is_new_comes_before_what_waited(until):
    # Given a client that sends what happens since it is back at once, and later what waited
    one, end = stream(events=1_200), 700_000
    waits = one["happened"].between(100_000, end - 1)
    one["arrived"] = one["arrived"].where(~waits, end + until * SECOND + 2 * waits.cumsum())
    [found] = outages(topic(one, *others(events=1_200))).to_dict("records")
    assert found["LastHeard"] == one["arrived"].iloc[99]
    assert found["BackAt"] == one["arrived"].iloc[700]
    assert 600 <= found["HeldBack"] <= 601
    assert found["BurstEnd"] == one.loc[waits, "arrived"].max()


def test_a_queue_of_its_own_hides_no_outage():
    # Given clients that send a tenth of their events at once and gather the others for a minute
    rng = np.random.default_rng(1)
    clients = []
    for n in range(8):
        one = stream(f"{n}", events=1_200, seed=n, begin=120 * n)
        sent = uploads(one, 60 * SECOND, 2)
        at_once = rng.random(len(one)) < 0.1
        clients.append(sent.assign(arrived=sent["arrived"].where(~at_once, one["arrived"])))
    # When one of them is cut off for ten minutes
    cut, begin, end = clients[3], 300_000, 890_000
    waits = cut["arrived"].between(begin, end)
    cut["arrived"] = cut["arrived"].where(~waits, end + 4 * waits.cumsum())
    # Then that is the one outage, with what it gathered, and the next upload at most
    (row,) = outages(topic(*clients)).query("Kind != 'quiet'").to_dict("records")
    assert (row["ClientID"], row["BackAt"]) == ("3", end + 4)
    assert waits.sum() <= row["HeldBack"] < waits.sum() + 60
    assert row["LastHeard"] == cut["arrived"][cut["arrived"] < begin].max()


def test_a_client_is_heard_when_an_event_comes_again_before_the_first_is_due():
    one = cut_off(stream(), 60_000, 124_500)
    again = one.iloc[[20]].assign(arrived=59_900)
    assert outages(topic(one, again, *others())).iloc[0]["LastHeard"] == 59_900


def without_received(events, which):
    missing = events.assign(**{RECEIVED_TIME: events[RECEIVED_TIME].where(~which, MISSING_TIME)})
    return missing.assign(**{RECEIVED_TIME_0: events[RECEIVED_TIME_0].where(~which)})


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 50), st.integers(10, 60))
def test_a_silence_is_no_longer_than_since_what_has_no_received_time(unknown, seconds):
    # Given an outage, before which some events in a row have no received time
    end = 99_500 + 1000 * seconds
    events = topic(cut_off(stream(), 100_000, end), *others())
    happened = events[EVENT_TIME]
    which = (events[CLIENT] == "1") & happened.between(100_000 - 1000 * unknown, 99_999)
    # Then the silence is as long as if they had come when they were due
    (whole,) = outages(events).to_dict("records")
    (row,) = outages(without_received(events, which)).to_dict("records")
    assert 99_005 <= row["LastHeard"] <= whole["LastHeard"]
    assert (row["BackAt"], row["HeldBack"]) == (whole["BackAt"], whole["HeldBack"])


@pytest.mark.parametrize("every", [2, 3])
def test_clients_are_not_silent_while_events_come_without_a_received_time(every):
    events = topic(stream(), *others())
    assert outages(without_received(events, events.index % every > 0)).empty
    gap = (events[CLIENT] == "1") & events[EVENT_TIME].between(60_000, 180_000)
    assert outages(without_received(events, gap)).empty


def test_times_without_seconds_hide_no_outage_of_many_minutes():
    streams = [cut_off(stream(events=2_000), 400_000, 900_000), *others(events=2_000)]
    events = topic(*streams)
    whole = events.assign(Timestamp=events["Timestamp"] // 60_000 * 60_000)
    (row,) = outages(whole).query("Kind != 'quiet'").to_dict("records")
    assert (row["ClientID"], row["BackAt"]) == ("1", 900_012)


def test_what_comes_out_of_a_store_is_no_outage_before_its_client_was_heard():
    old = stream(events=100).assign(arrived=200_000 + np.arange(100), session="old")
    old["happened"] -= 10**9
    assert outages(topic(stream(), old, *others())).query("Kind != 'quiet'").empty


YEAR = 365 * 86_400 * SECOND


@pytest.mark.parametrize("dated", [[20, 41], [5, 20, 41, 50]])
def test_dates_that_cannot_be_make_no_outage_and_hide_none(dated):
    # Given a client of sixty events, a few of them dated a year ahead, with an outage and without
    def with_dates(events):
        rows = events["number"].isin(dated)
        return events.assign(happened=events["happened"] + YEAR * rows)

    steady = stream(events=60)
    cut = cut_off(steady, 30_500, 39_500)

    # Then it is told as if they were right
    assert outages(topic(with_dates(steady), *others())).query("Kind != 'quiet'").empty
    found = outages(topic(with_dates(cut), *others())).query("Kind != 'quiet'")
    assert found["HeldBack"].tolist() == [9]


def test_a_topic_without_outages_has_none():
    assert outages(topic(*others(8))).empty


@pytest.mark.parametrize(("further", "kind"), [(65, "lost"), (10**12, "quiet")])
def test_a_jump_of_the_numbers_is_a_loss_unless_no_client_makes_so_many(further, kind):
    one = cut_off(stream(), 60_000, 124_500, buffered=False)
    number = one["number"].where(one["happened"] < 60_000, one["number"] + further)
    row = outages(topic(one.assign(number=number), *others())).iloc[0]
    assert (row["Kind"], row["Lost"]) == (kind, further + 65 if kind == "lost" else 0)


def test_a_network_with_a_heavy_tail_has_no_outages():
    def pareto(rng, n):
        return rng.pareto(2.5, n) * 20

    assert outages(topic(*others(8, events=2000, jitter=pareto))).empty


def test_an_outage_of_five_seconds_of_a_quiet_client_is_found():
    quiet = cut_off(stream(interval=30_000, events=50, begin=1000), 300_000, 305_500)
    table = outages(topic(quiet, *others(events=1500)))
    assert table[["ClientID", "HeldBack"]].to_numpy().tolist() == [["1", 1]]


def test_an_outage_in_which_nothing_happened_cannot_be_found():
    quiet = cut_off(stream(interval=30_000, events=50), 302_000, 307_000)
    assert outages(topic(quiet, *others(events=1500))).empty


def test_an_outage_of_half_an_hour_is_found():
    one = cut_off(stream(events=4000), 600_000, 2_399_500)
    table = outages(topic(one, *others(events=4000)))
    assert table["HeldBack"].tolist() == [1800]


def test_a_clock_that_is_wrong_does_not_matter():
    right = [cut_off(stream(), 60_000, 124_500), *others()]
    wrong = [cut_off(stream(offset=-90_000), 60_000, 124_500), *others()]
    columns = ["ClientID", "Kind", "LastHeard", "BackAt", "Start", "HeldBack"]
    assert_frame_equal(outages(topic(*right))[columns], outages(topic(*wrong))[columns])


def test_events_that_never_come_are_a_lost_outage():
    one = cut_off(stream(), 60_000, 124_500, buffered=False)
    row = outages(topic(one, *others())).iloc[0]
    assert row["Kind"] == "lost"
    assert (row["Lost"], row["HeldBack"]) == (65, 0)
    assert row["BackAt"] == one["arrived"].iloc[60]


def test_a_buffer_that_overflowed_is_a_lost_outage_with_events_held_back():
    one = cut_off(stream(), 60_000, 124_500)
    one = one[(one["number"] <= 61) | (one["number"] > 121)]
    row = outages(topic(one, *others())).iloc[0]
    assert row["Kind"] == "lost"
    assert (row["Lost"], row["HeldBack"]) == (60, 5)


def test_single_lost_events_are_no_outage():
    one = stream()
    assert outages(topic(one[~one["number"].isin([50, 120, 200])], *others())).empty


def test_a_pause_in_which_nothing_happened_is_quiet():
    before, after = stream(events=100), stream(events=100, begin=400_000)
    table = outages(topic(before, after.assign(number=after["number"] + 100), *others()))
    assert table[["ClientID", "Kind", "HeldBack"]].to_numpy().tolist() == [["1", "quiet", 0]]
    assert table["Silence"].item() == pytest.approx(301_000, abs=20)


def test_time_between_sessions_is_not_quiet():
    first, second = stream(events=100), stream(events=100, begin=400_000, session="next")
    assert outages(topic(first, second, *others())).empty


def test_without_numbers_an_outage_that_lost_events_looks_quiet():
    one = cut_off(stream(), 60_000, 124_500, buffered=False)
    assert outages(topic(one, *others(), numbered=False))["Kind"].tolist() == ["quiet"]


def test_a_session_that_was_never_heard_before_has_no_silence():
    table = outages(topic(cut_off(stream(events=100), 0, 49_500), *others()))
    assert table["LastHeard"].isna().tolist() == [True]
    assert table["Silence"].isna().tolist() == [True]
    assert table["HeldBack"].tolist() == [50]


@pytest.mark.parametrize("around", ["all", "gateway"])  # where no field names the devices
def test_of_sessions_at_once_each_has_a_clock_of_its_own(around):
    # Given visits on twenty devices, one after another on each, of which one's clock is ahead
    visits = [
        stream(around, session=f"v{device}-{n}", events=90, interval=10 * SECOND,
               seed=10 * device + n, begin=370 * device + 950 * SECOND * n,
               offset=90 * SECOND * (device == 9))
        for device in range(20) for n in range(4)
    ]  # fmt: skip
    # Then none was silent, and where one is cut off it alone was
    assert outages(topic(*visits)).empty
    visits[6] = cut_off(visits[6], 2_100 * SECOND, 2_290 * SECOND)
    (row,) = outages(topic(*visits)).to_dict("records")
    assert (row[SESSION], row["Kind"], row["HeldBack"]) == ("v1-2", "buffered", 19)


def test_a_client_with_two_sessions_at_once_is_looked_at_by_session():
    stuck = cut_off(stream(session="stuck"), 60_000, 124_500)
    table = outages(topic(stuck, stream(session="fine", begin=500, seed=2), *others()))
    assert table[["ClientID", "SessionID"]].to_numpy().tolist() == [["1", "stuck"]]


def test_a_repeat_that_comes_late_is_no_outage():
    one = stream()
    repeat = one.iloc[[100]].assign(arrived=one["arrived"].iloc[100] + 60_500)
    assert outages(topic(one, repeat, *others())).empty


def test_an_event_that_newer_ones_overtook_is_no_outage():
    one = stream()
    one.loc[100, "arrived"] += 60_500
    assert outages(topic(one, *others())).empty


def uploads(events, every, spread):
    """The same, gathered and sent every `every` ms, one event after the other `spread` ms apart."""
    upload = events["happened"] // every
    place = events.groupby(upload).cumcount()
    return events.assign(arrived=(upload + 1) * every + 20 + place * spread)


@pytest.mark.parametrize("every", [30 * SECOND, 300 * SECOND])
@pytest.mark.parametrize("spread", [0, 1, 20])
def test_uploads_in_a_rhythm_are_no_outages(every, spread):
    # Given a few clients that upload a dozen times, beside many that send at once
    gathering = [uploads(stream(f"{n}", events=12 * every // SECOND), every, spread) for n in "ab"]
    events = topic(*gathering, *others(events=12 * every // SECOND))
    # Then none of it is an outage
    assert outages(events).empty


def test_an_outage_of_a_client_that_uploads_in_a_rhythm_is_found():
    # Given a client that uploads every minute, and could not for five
    one = stream(events=1_200)
    sent = uploads(one, 60 * SECOND, 1)
    late = sent["arrived"].between(600_000, 900_000)
    sent["arrived"] = sent["arrived"].where(~late, 900_020 + late.cumsum())
    # Then that is the one outage, and holds back what it had gathered, and the next upload at most
    [found] = outages(topic(sent, *others(events=1_200))).to_dict("records")
    assert found["ClientID"] == "1"
    assert late.sum() <= found["HeldBack"] < late.sum() + 60


def test_clients_cut_off_together_have_a_shared_outage():
    cut = [cut_off(stream(f"{n}", seed=n, begin=70 * n), 60_000, 124_500) for n in range(6)]
    own = cut_off(stream("own"), 200_000, 220_000)
    table = outages(topic(*cut, own, *others(events=2000))).set_index("ClientID")["SharedOutage"]
    assert table.drop("own").tolist() == [1] * 6
    assert table.isna()["own"]


def test_clients_cut_off_together_share_it_whatever_was_under_way():
    # Given events that are under way for up to 4 s, and overtake one another
    def long_way(rng, events):
        return rng.uniform(20, 4_000, events)

    clients = [stream(f"{n}", events=600, seed=n, begin=70 * n, jitter=long_way) for n in range(12)]
    # When none of them arrives for a minute
    for each in clients:
        waits = each["arrived"].between(60_000, 120_000)
        each["arrived"] = each["arrived"].where(~waits, 120_010 + 2 * waits.cumsum())
    # Then all have one outage
    table = outages(topic(*clients))
    assert set(table["ClientID"]) == {f"{n}" for n in range(12)}
    assert table["SharedOutage"].tolist() == [1] * 12
    assert table["Start"].between(55_000, 61_000).all()


@pytest.mark.parametrize("seed", range(3))
def test_clients_cut_off_together_share_it_whatever_they_lost_first(seed):
    # Given clients that are cut off for twenty minutes, and keep their last hundred events
    rng = np.random.default_rng(seed)
    clients, start, end = [], 1_800_000, 3_000_000
    for n in range(40):
        one = stream(f"{n}", events=700)
        one["happened"] = np.cumsum(rng.gamma(2, 4_000, 700)).astype(np.int64)
        one["arrived"] = one["happened"] + rng.integers(50, 200, 700)
        waits = one["arrived"].between(start, end)
        back = end + rng.integers(0, 4_000) + 3 * waits.cumsum()
        one["arrived"] = one["arrived"].where(~waits, back)
        clients.append(one[~waits | (one["number"] > one["number"][waits].max() - 100)])
    # Then that is one outage of all
    table = outages(topic(*clients))
    assert table["Lost"].sum() > 1_000
    assert table["SharedOutage"].tolist() == [1] * 40


def visits(*, events, apart, clients=2_000):
    """Clients of a few events each, one every 2 s; what comes within four minutes waits."""
    start, end = 2_000 * SECOND, 2_240 * SECOND
    streams = [
        stream(f"{n}", events=events, interval=apart, seed=n, begin=2 * SECOND * n)
        for n in range(clients)
    ]
    table = pd.concat(streams)
    waits = table["arrived"].between(start, end)
    back = end + np.random.default_rng(1).integers(0, 3_000, len(table))
    return topic(table.assign(arrived=table["arrived"].where(~waits, back)), numbered=False)


@pytest.mark.parametrize("apart", [5 * SECOND, 30 * SECOND])
def test_clients_of_a_few_events_share_an_outage_that_many_of_them_begin_in(apart):
    # Given an outage before which none or some of its clients had been heard
    table = outages(visits(events=3, apart=apart))
    cut = table[table["BackAt"].between(2_240 * SECOND, 2_243 * SECOND)]
    # Then it is one, from when the first event was due
    assert len(cut) > 20
    assert cut["SharedOutage"].tolist() == [1] * len(cut)
    assert cut["Start"].between(1_990 * SECOND, 2_005 * SECOND).all()


def test_clients_that_were_never_heard_before_share_nothing_if_they_are_back_at_other_times():
    new = [
        cut_off(stream(f"{n}", seed=n, begin=n * 900_000), n * 900_000, n * 900_000 + 60_500)
        for n in range(1, 9)
    ]
    found = outages(topic(*new, *others(events=9_000)))
    assert found["LastHeard"].isna().all()
    assert len(found) == 8
    assert found["SharedOutage"].isna().all()


def test_outages_one_after_another_share_nothing():
    one = cut_off(stream("a"), 60_000, 100_000)
    two = cut_off(stream("b"), 110_000, 150_000)
    assert outages(topic(one, two, *others()))["SharedOutage"].isna().all()


def test_sensitivity_raises_the_limit():
    events = topic(cut_off(stream(), 60_000, 63_500), *others())
    assert len(outages(events)) == 1
    assert outages(events, sensitivity=1000).empty


@pytest.mark.parametrize(("wait_ms", "rows"), [(SHORTEST_MS - 100, 0), (SHORTEST_MS + 100, 1)])
def test_waits_shorter_than_worth_a_row_are_left_out(wait_ms, rows):
    events = topic(cut_off(stream(), 60_000, 60_000 + wait_ms - 10), *others())
    assert len(outages(events, sensitivity=0.1)) == rows


def test_rhythm_is_each_clients_own():
    table = rhythm(topic(stream("slow", interval=20_000), *others())).set_index("ClientID")
    assert table.loc["slow", "TypicalInterval"] == pytest.approx(20_000, rel=0.1)
    assert table.loc["other 1", "TypicalInterval"] == pytest.approx(1_000)
    assert table["TypicalWait"].between(1, 5).all()


def test_rhythm_gives_the_limit_that_outages_use():
    events = topic(cut_off(stream(), 60_000, 124_500), *others())
    limits = rhythm(events).set_index("ClientID")["Limit"]
    assert outages(events)["Limit"].tolist() == [limits["1"]]


def test_an_empty_topic_has_no_outages():
    assert outages(events_table([], [])).empty
    assert rhythm(events_table([], [])).empty


def test_one_event_is_no_outage():
    assert outages(events_table([0], [9])).empty


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(5, 60), st.integers(-(10**12), 10**12))
def test_shifting_all_times_moves_only_the_times(seed, seconds, shift):
    one = cut_off(stream(seed=seed), 60_000, 60_000 + 1000 * seconds)
    events = topic(one, *others())
    assume((events[RECEIVED_TIME] + shift != NO_TIMESTAMP).all())
    shifted = events.assign(
        **{EVENT_TIME: events[EVENT_TIME] + shift, RECEIVED_TIME: events[RECEIVED_TIME] + shift}
    )
    table, moved = outages(events), outages(shifted)
    for column in ("LastHeard", "BackAt", "Start", "BurstEnd"):
        moved[column] -= shift
    assert (table.pop("Start") - moved.pop("Start")).abs().max() <= 1  # half a millisecond
    assert_frame_equal(table, moved)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(5, 60))
def test_another_client_does_not_change_an_outage(seed, seconds):
    alone = [cut_off(stream(seed=seed), 60_000, 60_000 + 1000 * seconds), *others()]
    more = [*alone, stream("new", seed=seed + 1, interval=700)]
    columns = ["LastHeard", "BackAt", "Silence", "HeldBack", "BurstEnd", "Lost"]
    assert_frame_equal(outages(topic(*alone))[columns], outages(topic(*more))[columns])


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(-5000, 495_000), st.sampled_from("ab"),
                  st.sampled_from("xyz"), st.none() | st.integers(1, 9)),
        max_size=40,
    )
)  # fmt: skip
def test_whatever_comes_an_outage_ends_after_it_was_last_heard(rows):
    rows = sorted(rows, key=lambda row: row[0] + row[1])
    events = events_table(
        [row[0] for row in rows],
        [row[0] + row[1] for row in rows],
        client=[row[2] for row in rows],
        session=[row[3] for row in rows],
        sequence=[row[4] for row in rows],
    )
    table = outages(events, sensitivity=1e-9)
    assert (table["Silence"].dropna() >= 0).all()
    assert (table["BurstEnd"] >= table["BackAt"]).all()
    assert table["HeldBack"].sum() <= len(events)
    assert set(table[CLIENT]) <= set(events[CLIENT])
    assert set(table[SESSION]) <= set(events[SESSION])
