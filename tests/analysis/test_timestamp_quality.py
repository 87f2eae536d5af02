import pytest

from lib.analysis.timestamp_quality import Stamp, Trust, assess_timestamps, measure_timestamps
from lib.core.columns import MISSING_TIME, RECEIVED_TIME, RECEIVED_TIME_TYPE, RECORD_TIME
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, NO_TIMESTAMP
from tests.support.tables import events_table


def stamped(event_time, received, kind, **more):
    kinds = kind if isinstance(kind, list) else [kind] * len(event_time)
    return events_table(event_time, received, extra={RECEIVED_TIME_TYPE: kinds}, **more)


def test_log_append_time_is_received_time():
    events = stamped([0, 1000], [7, 1003], LOG_APPEND_TIME)
    assert assess_timestamps(events).trust is Trust.RECEIVED
    counts = measure_timestamps(events)
    assert (counts.log_append_time, counts.create_time) == (2, 0)


def test_create_time_that_varies_is_what_producers_stated():
    verdict = assess_timestamps(stamped([0, 1000, 2000], [7, 1003, 2012], CREATE_TIME))
    assert verdict.trust is Trust.STATED
    assert verdict.sentence.startswith("Producers stated the received time (CreateTime)")


def test_the_kind_may_be_unknown():
    verdict = assess_timestamps(events_table([0, 1000, 2000], [7, 1003, 2012]))
    assert verdict.trust is Trust.STATED
    assert verdict.sentence.startswith("Who stamped is unknown")


def test_topics_with_both_kinds_are_said_to_have_both():
    verdict = assess_timestamps(stamped([0, 1000], [7, 1003], [LOG_APPEND_TIME, CREATE_TIME]))
    assert verdict.trust is Trust.STATED
    assert verdict.sentence.startswith("The broker stamped 1 records, producers the others")


@pytest.mark.parametrize("late", [0, 40])
def test_a_constant_delay_of_producers_means_little(late):
    events = stamped([0, 1000, 2000], [late, 1000 + late, 2000 + late], CREATE_TIME)
    assert assess_timestamps(events).trust is Trust.LITTLE
    counts = measure_timestamps(events)
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


def test_timestamps_that_run_backwards_are_counted_inside_their_partition():
    events = stamped([0, 0, 0, 0], [500, 100, 450, 200], CREATE_TIME, partition=[0, 1, 0, 1])
    counts = measure_timestamps(events)
    assert (counts.backwards, counts.furthest_back) == (1, 50)


def test_timestamps_that_are_as_wrong_as_delays_are_long_mean_little():
    events = stamped([9000, 1000, 8000, 2000], [9003, 1004, 8001, 2002], CREATE_TIME)
    verdict = assess_timestamps(events)
    assert verdict.trust is Trust.LITTLE
    assert "3 of 4 record timestamps run backwards" in verdict.sentence


def test_an_empty_topic_is_not_judged():
    assert assess_timestamps(events_table([], [])).events == 0
