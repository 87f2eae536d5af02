import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.analysis.timestamp_quality import (
    NO_OWN,
    Stamp,
    Trust,
    assess_timestamps,
    order_question,
)
from lib.core.blockwise import answered
from lib.core.columns import MISSING_TIME, RECEIVED_TIME, RECEIVED_TIME_TYPE, RECORD_TIME
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, NO_TIMESTAMP, NO_TIMESTAMP_TYPE
from tests.support.rounds import answered_in_blocks
from tests.support.tables import events_table


def stamped(event_time, received, kind, **more):
    kinds = kind if isinstance(kind, list) else [kind] * len(event_time)
    return events_table(event_time, received, extra={RECEIVED_TIME_TYPE: kinds}, **more)


def counted(events):
    return answered(order_question(events)).counts(NO_OWN, 0)


def test_log_append_time_is_received_time():
    events = stamped([0, 1000], [7, 1003], LOG_APPEND_TIME)
    assert assess_timestamps(events).trust is Trust.RECEIVED
    counts = counted(events)
    assert (counts.log_append_time, counts.create_time) == (2, 0)


def test_create_time_that_varies_is_what_producers_stated():
    verdict = assess_timestamps(stamped([0, 1000, 2000], [7, 1003, 2012], CREATE_TIME))
    assert verdict.trust is Trust.STATED
    assert verdict.sentence.startswith("Producers stated the received time (CreateTime)")


def test_the_kind_may_be_unknown():
    verdict = assess_timestamps(events_table([0, 1000, 2000], [7, 1003, 2012]))
    assert verdict.trust is Trust.STATED
    assert verdict.sentence.startswith("Who stamped the received time is unknown; ")


def test_topics_with_both_kinds_are_said_to_have_both():
    verdict = assess_timestamps(stamped([0, 1000], [7, 1003], [LOG_APPEND_TIME, CREATE_TIME]))
    assert verdict.trust is Trust.STATED
    assert verdict.sentence.startswith("The broker stamped 1 records, producers the others")


@pytest.mark.parametrize("late", [0, 40])
def test_a_constant_delay_of_producers_means_little(late):
    events = stamped([0, 1000, 2000], [late, 1000 + late, 2000 + late], CREATE_TIME)
    assert assess_timestamps(events).trust is Trust.LITTLE
    counts = counted(events)
    assert (counts.commonest_delay, counts.commonest_share) == (late, 1.0)


def test_a_constant_delay_of_the_broker_is_believed():
    verdict = assess_timestamps(stamped([0, 1000], [1, 1001], LOG_APPEND_TIME))
    assert verdict.trust is Trust.RECEIVED


def test_one_event_alone_is_no_constant_delay():
    assert assess_timestamps(stamped([0], [0], CREATE_TIME)).trust is Trust.STATED


@pytest.mark.parametrize(("others", "trust"), [(1, Trust.LITTLE), (2, Trust.STATED)])
def test_a_delay_is_constant_if_nine_in_ten_records_have_it(others, trust):
    times = list(range(0, 10_000, 1000))
    received = [time + (9 * (n + 1) if n < others else 0) for n, time in enumerate(times)]
    assert assess_timestamps(stamped(times, received, CREATE_TIME)).trust is trust


OF_2024 = 1_704_164_650_000


@pytest.mark.parametrize("kind", [CREATE_TIME, LOG_APPEND_TIME])
@pytest.mark.parametrize(
    "received",
    [
        pytest.param(lambda n: n, id="a counter"),
        pytest.param(lambda n: (OF_2024 + 1000 * n) // 1000 + n % 3, id="seconds"),
        pytest.param(lambda n: 315_532_800_000 + 997 * n, id="a clock that was not set"),
        pytest.param(lambda n: OF_2024 * 30 + 997 * n, id="centuries ahead"),
    ],
)
def test_received_times_of_another_age_than_the_events_mean_little(received, kind):
    times = [OF_2024 + 1000 * n for n in range(20)]
    verdict = assess_timestamps(stamped(times, [received(n) for n in range(20)], kind))
    assert (verdict.trust, verdict.usable) == (Trust.LITTLE, False)
    assert "event times are dates of our age" in verdict.sentence


def test_a_topic_whose_both_clocks_count_from_zero_is_judged_as_any_other():
    verdict = assess_timestamps(stamped([0, 1000, 2000], [7, 1003, 2012], CREATE_TIME))
    assert verdict.usable


def test_one_received_time_for_all_means_little_where_events_go_on_behind_it():
    times = [OF_2024 + 1000 * n for n in range(20)]
    verdict = assess_timestamps(stamped(times, [OF_2024 + 4500] * 20, CREATE_TIME))
    assert (verdict.trust, verdict.usable) == (Trust.LITTLE, False)
    assert verdict.sentence == (
        "Received time means little here: all 20 records have the same, 2024-01-02 03:04:14.500 "
        "UTC, and 15 of the events happened after it."
    )


def test_a_batch_that_was_received_at_one_time_after_its_events_is_believed():
    times = [OF_2024 + 1000 * n for n in range(20)]
    assert assess_timestamps(stamped(times, [OF_2024 + 60_000] * 20, CREATE_TIME)).usable


@pytest.mark.parametrize("missing", [NO_TIMESTAMP, MISSING_TIME])
def test_records_without_received_time_are_left_out_and_counted(missing):
    verdict = assess_timestamps(events_table([0, 1000, 2000], [missing, 1003, 2007]))
    assert (verdict.trust, verdict.usable, verdict.missing) == (Trust.STATED, True, 1)
    assert verdict.sentence.endswith("1 of 3 events has no received time and is left out.")


def test_without_any_received_time_nothing_can_be_told():
    verdict = assess_timestamps(events_table([0, 1000], [MISSING_TIME] * 2))
    assert (verdict.trust, verdict.usable) == (Trust.NONE, False)
    assert verdict.sentence.startswith("No event has a received time")


def test_a_gateways_time_is_usable_and_the_sentence_says_where_delay_ends():
    verdict = assess_timestamps(stamped([0, 1000, 2000], [7, 1003, 2012], CREATE_TIME))
    assert (verdict.stamp, verdict.usable) == (Stamp.PRODUCER, True)
    assert "Where a gateway stamped it" in verdict.sentence


def test_a_copy_of_the_event_time_is_not_usable():
    verdict = assess_timestamps(stamped([0, 1000, 2000], [0, 1000, 2000], CREATE_TIME))
    assert (verdict.stamp, verdict.usable) == (Stamp.COPY, False)


def mirrored(batch=10, clients="abcd"):
    """Two source partitions, each rising, written in batches into one: clients a, b and c, d."""
    rows = [
        (1000 * n, 1000 * n + 50 + n % 7, clients[2 * source + n % 2])
        for first in range(0, 60, batch)
        for source in (0, 1)
        for n in range(first, first + batch)
    ]
    event_time, received, client = zip(*rows, strict=True)
    return stamped(event_time, received, CREATE_TIME, client=client)


def test_a_mirror_that_carried_timestamps_over_has_delays_but_no_order():
    verdict = assess_timestamps(mirrored())
    assert (verdict.stamp, verdict.usable, verdict.in_order) == (Stamp.MIRROR, True, False)
    assert "a mirror wrote batches of several partitions" in verdict.sentence


def test_times_that_run_backwards_for_a_client_are_no_mirrors():
    verdict = assess_timestamps(mirrored(clients="aaaa"))
    assert (verdict.stamp, verdict.usable) == (Stamp.PRODUCER, False)


def test_a_field_that_a_collector_wrote_is_judged_like_what_producers_stated():
    events = stamped([0, 1000, 2000], [7, 1003, 2012], LOG_APPEND_TIME)
    chosen = events.assign(**{RECORD_TIME: [20, 1020, 2020]})
    verdict = assess_timestamps(chosen)
    assert (verdict.trust, verdict.stamp) == (Trust.STATED, Stamp.FIELD)
    assert verdict.sentence.startswith("Received time is a field; ")
    copied = chosen.assign(**{RECEIVED_TIME: [0, 1000, 2000]})
    assert not assess_timestamps(copied).usable


@pytest.mark.parametrize(
    ("kind", "said"), [(CREATE_TIME, "the producer copied it"), (NO_TIMESTAMP_TYPE, "it is a copy")]
)
def test_who_copied_the_event_time_is_said_only_where_it_is_known(kind, said):
    verdict = assess_timestamps(stamped([0, 1000, 2000], [9, 1009, 2009], kind))

    assert f"so {said} and no delay can be seen" in verdict.sentence


def test_timestamps_that_run_backwards_are_counted_inside_their_partition():
    events = stamped([0, 0, 0, 0], [500, 100, 450, 200], CREATE_TIME, partition=[0, 1, 0, 1])
    counts = counted(events)
    assert (counts.backwards, counts.furthest_back) == (1, 50)


def test_timestamps_that_are_as_wrong_as_delays_are_long_mean_little():
    events = stamped([9000, 1000, 8000, 2000], [9003, 1004, 8001, 2002], CREATE_TIME)
    verdict = assess_timestamps(events)
    assert verdict.trust is Trust.LITTLE
    assert "3 of 4 record timestamps run backwards" in verdict.sentence


EVENT = 1_000 * np.arange(40)
DELAY = np.where(EVENT == 14_000, 4_500, 1_000 + EVENT // 1_000 * 7 % 300)
ARRIVAL = np.argsort(EVENT + DELAY, kind="stable")
CLIENT_OF = np.array([f"dev-{n % 4}" for n in range(40)])


def rows_of_a_file(order, kind=NO_TIMESTAMP_TYPE):
    """Return events of four clients in an order, which is not that of receipt."""
    event, received = EVENT[order], (EVENT + DELAY)[order]
    return stamped(event.tolist(), received.tolist(), kind, client=CLIENT_OF[order].tolist())


def test_rows_of_a_file_in_any_order_are_said_to_be_in_another_than_that_of_receipt():
    shuffled = np.random.default_rng(3).permutation(40)

    of_file = assess_timestamps(rows_of_a_file(shuffled))
    of_kafka = assess_timestamps(rows_of_a_file(shuffled, CREATE_TIME))

    assert of_file.trust is of_kafka.trust is Trust.LITTLE
    assert of_file.sentence.startswith("Received time means little in this order: ")
    assert of_file.sentence.endswith("as those of a query need not be, sort them by it.")
    assert of_kafka.sentence.startswith("Received time means little here: ")
    assert "sort" not in of_kafka.sentence


def test_rows_of_a_file_that_are_sorted_by_client_are_no_mirrors():
    by_client = np.lexsort((EVENT + DELAY, CLIENT_OF))

    of_file = assess_timestamps(rows_of_a_file(by_client))
    of_kafka = assess_timestamps(rows_of_a_file(by_client, CREATE_TIME))

    assert of_file.usable
    assert not of_file.in_order
    assert "never for a client: the rows are sorted by client, or " in of_file.sentence
    assert "never for a client: a mirror wrote batches" in of_kafka.sentence


def test_rows_of_a_file_that_are_sorted_by_event_time_are_said_to_be():
    sorted_ = assess_timestamps(rows_of_a_file(np.arange(40)))
    arrived = assess_timestamps(rows_of_a_file(ARRIVAL))

    assert sorted_.sentence.startswith("The rows are sorted by event time: ")
    assert (sorted_.usable, sorted_.in_order) == (True, False)
    assert (arrived.usable, arrived.in_order) == (True, True)
    assert assess_timestamps(rows_of_a_file(np.arange(40), CREATE_TIME)).in_order


times = st.integers(-50, 50)


@settings(deadline=None)
@given(st.lists(st.tuples(times, times, st.integers(0, 2)), min_size=1, max_size=40), times)
def test_what_runs_backwards_in_partitions_is_counted_in_blocks_as_in_one(rows, cut):
    event_time, received, partition = np.array(rows).T
    events = events_table(event_time, received, partition=partition)

    found = answered_in_blocks(
        [order_question(block) for block in (events[: abs(cut)], events[abs(cut) :])]
    )

    of_partition = pd.Series(received).groupby(partition)
    back = of_partition.cummax() - received
    late = pd.Series(event_time).groupby(partition).cummax() > event_time
    assert found.backwards == (back > 0).sum()
    assert (found.furthest_back, found.back) == (back.max(), back.sum())
    assert found.falls == (of_partition.diff() < 0).sum()
    assert found.out_of_order_events == late.sum()


def test_an_empty_topic_is_not_judged():
    assert assess_timestamps(events_table([], [])).events == 0
