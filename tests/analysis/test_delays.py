from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from lib.analysis.delays import (
    delay_distribution,
    delay_quantiles,
    find_over_time,
    out_of_orderness_quantiles,
    quantile_name,
)
from lib.core.blockwise import alone
from lib.core.columns import CLIENT, EVENT_TIME, PARTITION, RECEIVED_TIME
from tests.support.tables import events_table

records = st.lists(
    st.tuples(st.integers(1_000, 11_000), st.integers(-500, 5_000), st.sampled_from("abc"),
              st.integers(0, 2)),
    min_size=1, max_size=40,
)  # fmt: skip


def table_of(rows):
    times, delays, clients, partitions = zip(*rows, strict=True)
    received = [time + late for time, late in zip(times, delays, strict=True)]
    return events_table(times, received, client=list(clients), partition=list(partitions))


def test_delay_is_received_minus_event_time():
    table = delay_quantiles(events_table([1000, 2000], [1012, 2009]), [0, 1])
    assert table[["min", "max"]].to_numpy().tolist() == [[9, 12]]


def test_delay_is_negative_where_the_clients_clock_runs_ahead():
    table = delay_quantiles(events_table([5000, 0], [4000, 0]), [0])
    assert table[["Negative", "min"]].to_numpy().tolist() == [[1, -1000]]


def test_quantiles_of_the_topic():
    events = events_table([0] * 10, range(10, 110, 10))
    table = delay_quantiles(events, [0, 0.5, 0.9, 1])
    assert table.to_dict("records") == [
        {"Events": 10, "Negative": 0, "min": 10, "p50": 50, "p90": 90, "max": 100}
    ]


def test_quantile_of_seven_percent_of_a_hundred_is_the_seventh():
    events = events_table([0] * 100, range(1, 101))
    assert delay_quantiles(events, [0.07])["p7"].item() == 7


def test_quantiles_of_an_empty_topic_are_an_empty_table():
    empty = events_table([], [])
    assert delay_quantiles(empty).empty


def test_quantile_names():
    assert [quantile_name(q) for q in (0, 0.5, 0.999, 1)] == ["min", "p50", "p99.9", "max"]


def test_delay_over_time_has_one_row_a_stretch_and_nothing_where_nothing_happened():
    events = events_table([0, 10, 290], [5, 17, 291])
    table = alone(find_over_time(events, [0.5, 1], bins=3))
    assert table["From"].tolist() == [0, 97, 194]
    assert table["To"].tolist() == [97, 194, 291]
    assert table["Events"].tolist() == [2, 0, 1]
    assert table["p50"].isna().tolist() == [False, True, False]
    assert table["max"].dropna().tolist() == [7, 1]


def test_delay_over_time_of_an_empty_topic_is_an_empty_table():
    assert alone(find_over_time(events_table([], []))).empty


def test_distribution_puts_a_delay_on_a_limit_into_the_bin_that_ends_there():
    table = delay_distribution(events_table([0, 0, 0], [10, 100, 101]), per_decade=1)
    assert table["From"].tolist() == [0, 1, 10, 100]
    assert table["To"].tolist() == [1, 10, 100, 1000]
    assert table["Events"].tolist() == [0, 1, 1, 1]


def test_first_bin_of_the_distribution_takes_negative_delays():
    table = delay_distribution(events_table([50, 0], [0, 10]), per_decade=1)
    assert table["Events"].tolist() == [1, 1]


def test_survival_is_the_share_of_events_with_a_longer_delay():
    table = delay_distribution(events_table([0] * 4, [1, 5, 50, 60]), per_decade=1)
    assert table["Longer"].tolist() == [0.75, 0.5, 0.0]


def test_distribution_of_each_client_has_the_same_bins():
    events = events_table([0, 0], [5, 500], client=["a", "b"])
    table = delay_distribution(events, by=CLIENT, per_decade=1)
    assert table.groupby(CLIENT, observed=True)["To"].apply(list).tolist() == [
        [1, 10, 100, 1000],
        [1, 10, 100, 1000],
    ]
    assert table.groupby(CLIENT, observed=True)["Share"].sum().tolist() == [1.0, 1.0]


def test_out_of_orderness_is_the_distance_to_the_largest_event_time_before():
    events = events_table([0, 5000, 3000, 4000, 6000], [1, 2, 3, 4, 5])
    table = out_of_orderness_quantiles(events, [0.6, 0.8, 1])
    assert table[["p60", "p80", "max"]].iloc[0].tolist() == [0, 1000, 2000]


def test_an_outage_of_all_clients_gives_delay_but_no_out_of_orderness():
    events = events_table([1000, 2000, 3000], [60_000, 60_001, 60_002])
    assert delay_quantiles(events, [0])["min"].item() == 57_002
    assert out_of_orderness_quantiles(events, [1])["max"].max() == 0


def test_quantiles_of_out_of_orderness_by_scope():
    events = events_table([9000, 1000, 8000, 2000], [1, 2, 3, 4], partition=[0, 1, 0, 1])
    table = out_of_orderness_quantiles(events, [0.5, 1])
    assert table["Scope"].tolist() == ["topic", "partitions", "partition 0", "partition 1"]
    assert table["OutOfOrder"].tolist() == [3, 1, 1, 0]
    assert table["max"].tolist() == [8000, 1000, 1000, 0]


@settings(deadline=None)
@given(records)
def test_the_largest_out_of_orderness_is_how_far_an_event_is_behind_the_newest(rows):
    events = table_of(rows)
    times, of_partition = events[EVENT_TIME], events.groupby(PARTITION)[EVENT_TIME]
    largest = out_of_orderness_quantiles(events, [1])["max"].tolist()
    assert largest[0] == (times.cummax() - times).max()
    assert largest[1] == (of_partition.cummax() - times).max() <= largest[0]


@settings(deadline=None)
@given(records, st.integers(0, 10**12))  # a received time of −1 is none
def test_shifting_all_times_changes_no_quantile(rows, shift):
    events = table_of(rows)
    shifted = events.assign(
        **{EVENT_TIME: events[EVENT_TIME] + shift, RECEIVED_TIME: events[RECEIVED_TIME] + shift}
    )
    assert_frame_equal(delay_quantiles(events), delay_quantiles(shifted))
    assert_frame_equal(out_of_orderness_quantiles(events), out_of_orderness_quantiles(shifted))


@settings(deadline=None)
@given(records)
def test_the_distribution_has_every_event_once(rows):
    events = table_of(rows)
    assert delay_distribution(events, by=CLIENT)["Events"].sum() == len(events)
