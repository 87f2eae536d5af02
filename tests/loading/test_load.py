"""Loading and reloading: on topics in memory, and on a real broker what only a broker does."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaAdminClient

from lib.core.columns import OFFSET
from lib.core.errors import FieldsError
from lib.decoding.json import JSON
from lib.events.fields import IDENTITY_ROLES
from lib.loading.estimate import estimate
from lib.loading.load import Progress, Watch, load, reload
from lib.sources.base import Between, Everything, Latest
from lib.sources.kafka import KafkaTopics
from tests.support.broker import Record, create_topic
from tests.support.memory import MemoryTopic

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from lib.decoding.base import Decoded
    from lib.loading.load import LoadedTopic
    from tests.support.broker import Broker

BASE_MS = 1_545_230_000_000
BAD = b"not JSON"


def event(number: int) -> bytes:
    time_ms = BASE_MS + number
    return b'{"Timestamp":%d,"ClientID":1,"SessionID":"a","EventID":%d}' % (time_ms, number)


def events(*numbers: int) -> list[bytes]:
    return [event(number) for number in numbers]


def numbers_of(loaded: LoadedTopic) -> list[int]:
    return loaded.events.table["EventID"].tolist()


def stop_after(blocks: int) -> Watch:
    """Return a watch that stops a load after so many blocks."""
    asked = iter(range(1, 1_000))
    return Watch(should_stop=lambda: next(asked) >= blocks)


@pytest.fixture
def topic() -> MemoryTopic:
    """Return a topic of ten events, in blocks of two."""
    topic = MemoryTopic()
    topic.write(*events(*range(10)))
    return topic


def test_progress_is_told_after_every_block(topic: MemoryTopic) -> None:
    told: list[Progress] = []

    load(topic, "topic", Everything(), watch=Watch(on_progress=told.append))

    assert [progress.records for progress in told] == [2, 4, 6, 8, 10]
    assert [progress.expected for progress in told] == [10] * 5
    assert told[-1].bytes == sum(map(len, events(*range(10))))
    assert told[-1].share == 1.0


def test_stopped_load_keeps_what_came_and_reload_goes_on_from_there(topic: MemoryTopic) -> None:
    stopped = load(topic, "topic", Everything(), watch=stop_after(2))
    assert (numbers_of(stopped), stopped.report.stopped) == ([0, 1, 2, 3], True)

    rest = reload(topic, stopped)

    assert (numbers_of(rest), rest.report.stopped) == (list(range(10)), False)
    assert rest.report.read.records == 6


@pytest.mark.parametrize("wanted", [Everything(), Latest(8), Between(0, 100_000)])
def test_cap_keeps_the_newest_and_says_so(
    topic: MemoryTopic, wanted: Everything | Latest | Between
) -> None:
    loaded = load(topic, "topic", wanted, cap=4)

    assert (numbers_of(loaded), loaded.report.capped) == ([6, 7, 8, 9], True)
    assert loaded.report.read.records == 4


@pytest.mark.parametrize("wanted", [Everything(), Latest(10), Between(0, 100_000)])
def test_cap_that_keeps_nothing_out_is_not_announced(
    topic: MemoryTopic, wanted: Everything | Latest | Between
) -> None:
    loaded = load(topic, "topic", wanted, cap=10)

    assert (len(numbers_of(loaded)), loaded.report.capped) == (10, False)


def test_fewer_latest_than_there_are_is_no_cap(topic: MemoryTopic) -> None:
    loaded = load(topic, "topic", Latest(4), cap=4)

    assert (numbers_of(loaded), loaded.report.capped) == ([6, 7, 8, 9], False)


def test_growing_beyond_the_cap_drops_the_oldest_and_says_so(topic: MemoryTopic) -> None:
    before = load(topic, "topic", Everything(), cap=10)
    topic.write(*events(10, 11))

    after = reload(topic, before, cap=10)

    assert (numbers_of(after), after.report.capped) == (list(range(2, 12)), True)


def test_latest_looks_further_back_where_offsets_hold_no_record() -> None:
    # Given events behind which stand three offsets without a record, as a compacted log has them
    topic = MemoryTopic()
    topic.write(*events(*range(20)))
    topic.write_markers(3)

    loaded = load(topic, "topic", Latest(3))

    assert numbers_of(loaded) == [17, 18, 19]


def test_latest_looks_back_to_the_beginning_if_need_be() -> None:
    topic = MemoryTopic()
    topic.write(*events(0, 1))
    topic.write_markers(1_000)

    assert numbers_of(load(topic, "topic", Latest(2))) == [0, 1]


def test_looking_further_back_reads_nothing_twice() -> None:
    topic = MemoryTopic(partitions=2)
    for partition in range(2):
        topic.write(*events(*range(10)), partition=partition)
        topic.write_markers(2, partition=partition)

    load(topic, "topic", Latest(5))

    assert len(topic.read_offsets) == len(set(topic.read_offsets))


def test_load_stopped_while_looking_further_back_has_no_gap() -> None:
    topic = MemoryTopic()
    topic.write(*events(*range(20)))
    topic.write_markers(4)
    topic.write(*events(20, 21))

    loaded = load(topic, "topic", Latest(6), watch=stop_after(2))

    assert (numbers_of(loaded), loaded.report.stopped) == ([20, 21], True)
    assert loaded.report.total_records == 2


def test_reload_reads_only_what_is_new(topic: MemoryTopic) -> None:
    before = load(topic, "topic", Everything())
    topic.read_offsets.clear()
    topic.write(*events(10, 11, 12))

    after = reload(topic, before)

    assert topic.read_offsets == [(0, 10), (0, 11), (0, 12)]
    assert after.report.read.records == 3
    assert numbers_of(after) == list(range(13))


def test_reload_with_nothing_new_reads_nothing(topic: MemoryTopic) -> None:
    before = load(topic, "topic", Everything())
    topic.read_offsets.clear()

    after = reload(topic, before)

    assert topic.read_offsets == []
    assert after.version == before.version


@pytest.mark.parametrize("new", [event(10), BAD])
def test_reload_that_brought_something_is_another_version(topic: MemoryTopic, new: bytes) -> None:
    before = load(topic, "topic", Everything())
    topic.write(new)

    assert reload(topic, before).version != before.version


def test_two_loads_of_one_topic_are_two_versions(topic: MemoryTopic) -> None:
    assert load(topic, "topic", Everything()).version != load(topic, "topic", Everything()).version


@dataclass
class Listening:
    """A decoder that remembers which blocks it was given."""

    blocks: list[pa.RecordBatch]
    name: str = "JSON, listened to"

    def decode(self, records: pa.RecordBatch, **options: Any) -> Decoded:
        self.blocks.append(records)
        return JSON.decode(records, **options)


def test_the_decoder_is_chosen_by_the_first_block_and_kept(
    topic: MemoryTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = Listening([])
    asked: list[pa.RecordBatch] = []
    monkeypatch.setattr(
        "lib.loading.reading.decoder_for", lambda block, *_: asked.append(block) or decoder
    )
    before = load(topic, "topic", Everything())
    topic.write(*events(10, 11))
    decoder.blocks.clear()

    after = reload(topic, before)

    assert [block.num_rows for block in asked] == [2]
    assert [block.num_rows for block in decoder.blocks] == [2]
    assert before.decoder is after.decoder is decoder


def test_an_empty_topic_has_no_decoder() -> None:
    assert load(MemoryTopic(), "topic", Everything()).decoder is None


def without_columns(loaded: LoadedTopic) -> LoadedTopic:
    """Break a topic in memory, as no code of ours should."""
    return replace(loaded, events=replace(loaded.events, table=loaded.events.table[["EventID"]]))


def test_a_topic_that_nothing_can_be_appended_to_is_read_anew(
    topic: MemoryTopic, caplog: pytest.LogCaptureFixture
) -> None:
    broken = without_columns(load(topic, "topic", Everything()))
    topic.write(*events(10))

    after = reload(topic, broken)

    assert numbers_of(after) == list(range(11))
    assert "read anew after KeyError" in caplog.text


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_load_is_one_line_in_the_log(
    topic: MemoryTopic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "lib.loading")
    topic.write(BAD)

    loaded = load(topic, "topic", Everything())

    size, seconds = loaded.report.read.bytes, loaded.report.read.seconds
    assert logged(caplog) == [
        (
            "INFO",
            (
                f"memory, topic 'topic': 11 records, {size} bytes in {seconds:.2f} s; "
                "10 events, 1 rejected"
            ),
        )
    ]


def test_a_load_that_fails_is_one_line_in_the_log(
    topic: MemoryTopic, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(FieldsError):
        load(topic, "topic", Everything(), chosen=(("client", "who\nis it"),))

    [(level, line)] = logged(caplog)
    assert level == "WARNING"
    assert line.startswith("memory, topic 'topic': FieldsError: 'No record has")
    assert "\n" not in line


def test_the_log_has_no_value_of_a_record(
    topic: MemoryTopic, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(block: pa.RecordBatch, *_: object) -> None:
        raise ValueError(block.column("value")[0].as_py())

    monkeypatch.setattr("lib.loading.reading.decoder_for", fail)

    with pytest.raises(ValueError, match="Timestamp"):
        load(topic, "topic", Everything())

    [(level, line)] = logged(caplog)
    assert level == "ERROR"
    assert re.fullmatch(r"memory, topic 'topic': ValueError at test_load.py:\d+", line)


def test_reload_of_latest_has_no_gap_where_more_came_than_it_keeps(topic: MemoryTopic) -> None:
    # Given the latest four, and then four more behind which offsets hold no record
    before = load(topic, "topic", Latest(4))
    topic.write(*events(10, 11, 12, 13))
    topic.write_markers(2)

    after = reload(topic, before)

    assert numbers_of(after) == [10, 11, 12, 13]


def test_topic_that_was_empty_is_loaded_when_it_has_records() -> None:
    topic = MemoryTopic()
    before = load(topic, "topic", Everything())
    topic.write(*events(0, 1))

    assert numbers_of(reload(topic, before)) == [0, 1]


def test_records_rejected_are_counted_once_over_reloads(topic: MemoryTopic) -> None:
    topic.write(BAD, None)
    loaded = load(topic, "topic", Everything())
    topic.write(BAD, *events(10))
    for _ in range(3):
        loaded = reload(topic, loaded)

    assert loaded.rejected["KafkaOffset"].to_pylist() == [10, 11, 12]
    assert loaded.report.total_records == 14


VALUES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([event(1), event(2), BAD, b"[]", b"{}", None])),
    min_size=1,
    max_size=30,
)


def has_an_event(values: list[tuple[int, bytes | None]]) -> bool:
    return any(value in (event(1), event(2)) for _, value in values)


def filled(values: list[tuple[int, bytes | None]]) -> MemoryTopic:
    topic = MemoryTopic(partitions=3, block_records=3)
    for partition, value in values:
        topic.write(value, partition=partition)
    return topic


@given(values=VALUES.filter(has_an_event))
def test_good_and_rejected_are_together_what_was_read(
    values: list[tuple[int, bytes | None]],
) -> None:
    loaded = load(filled(values), "topic", Everything())

    table = loaded.events.table
    good = list(zip(table["KafkaPartition"], table["KafkaOffset"], strict=True))
    aside = loaded.rejected.select(["KafkaPartition", "KafkaOffset"]).to_pylist()
    places = [*good, *((row["KafkaPartition"], row["KafkaOffset"]) for row in aside)]
    assert len(places) == len(set(places)) == loaded.report.total_records == len(values)


@given(first=VALUES.filter(has_an_event), later=VALUES)
def test_reloading_gives_what_loading_everything_gives(
    first: list[tuple[int, bytes | None]], later: list[tuple[int, bytes | None]]
) -> None:
    topic = filled(first)
    before = load(topic, "topic", Everything())
    for partition, value in later:
        topic.write(value, partition=partition)

    reloaded = reload(topic, before)

    whole = load(topic, "topic", Everything(), chosen=as_chosen(before))
    pd.testing.assert_frame_equal(reloaded.events.table, whole.events.table, check_dtype=False)
    assert reloaded.rejected.num_rows == whole.rejected.num_rows


def as_chosen(loaded: LoadedTopic) -> tuple[tuple[str, object], ...]:
    fields, times = loaded.fields, ("event_time", "sent_time", "received_time")
    sources = [(name, getattr(fields, name).sources) for name in times]
    return (*sources, *((name, getattr(fields, name)) for name in IDENTITY_ROLES))


@given(count=st.integers(1, 30), holes=st.lists(st.booleans(), min_size=1, max_size=30))
def test_latest_gives_as_many_as_there_are(count: int, holes: list[bool]) -> None:
    topic = MemoryTopic()
    written = [number for number, hole in enumerate(holes) if not hole]
    for number, hole in enumerate(holes):
        if hole:
            topic.write_markers(1)
        else:
            topic.write(event(number))

    loaded = load(topic, "topic", Latest(count)).events.table

    assert loaded[OFFSET].tolist() == written[-count:]


def test_estimate_of_a_small_topic_is_what_it_holds(topic: MemoryTopic) -> None:
    told = estimate(topic, "topic", Everything())

    assert (told.records, told.bytes) == (10, sum(map(len, events(*range(10)))))
    assert told.seconds > 0


def test_estimate_of_a_large_topic_reads_a_part_of_it() -> None:
    topic = MemoryTopic(partitions=2, block_records=5_000)
    for partition in range(2):
        topic.write(*events(*range(10_000, 70_000)), partition=partition)

    told = estimate(topic, "topic", Everything())

    assert len(topic.read_offsets) == 50_000
    assert (told.records, told.bytes) == (120_000, 120_000 * len(event(10_000)))


def test_estimate_knows_range_cap_and_holes() -> None:
    topic = MemoryTopic()
    topic.write(*events(*range(100)))
    topic.write_markers(100)

    assert estimate(topic, "topic", Everything()).records == 100
    assert estimate(topic, "topic", Between(0, 10_000)).records == 10
    assert estimate(topic, "topic", Everything(), cap=150).records == 50


def test_estimate_of_an_empty_topic_is_nothing() -> None:
    assert estimate(MemoryTopic(), "topic", Everything()).records == 0


@pytest.fixture(params=["kafka-python", "librdkafka"])
def source(broker: Broker, request: pytest.FixtureRequest) -> KafkaTopics:
    return KafkaTopics(broker.settings(reader=request.param))


def records(*numbers: int, partition: int = 0) -> list[Record]:
    return [
        Record(event(number), partition=partition, timestamp_ms=BASE_MS + 1_000 * number)
        for number in numbers
    ]


def test_reload_from_a_broker_reads_only_what_is_new(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(partitions=2)
    produce(topic, [*records(0, 1, 2), *records(3, 4, partition=1)])
    before = load(source, topic, Everything())
    produce(topic, [*records(5), *records(6, 7, partition=1)])

    after = reload(source, before)

    assert after.report.read.records == 3
    assert numbers_of(after) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_topic_deleted_and_made_anew_is_loaded_whole(
    source: KafkaTopics, broker: Broker, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic()
    produce(topic, records(0, 1, 2))
    before = load(source, topic, Everything())

    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)) as admin:
        admin.delete_topics([topic])
    create_topic(broker.bootstrap_servers, topic)
    produce(topic, records(7, 8))

    assert numbers_of(reload(source, before)) == [7, 8]


def test_latest_behind_transaction_markers(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    # Given a topic whose last three offsets are two aborted records and their marker
    topic = make_topic()
    produce(topic, records(0, 1, 2))
    produce(topic, records(3, 4), transaction="abort")

    assert numbers_of(load(source, topic, Latest(1))) == [2]


def test_cap_inside_a_time_range_of_a_broker(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(partitions=2)
    produce(topic, [*records(*range(0, 20, 2)), *records(*range(1, 20, 2), partition=1)])

    wanted = Between(BASE_MS, BASE_MS + 15_000)
    loaded = load(source, topic, wanted, cap=4)

    assert (numbers_of(loaded), loaded.report.capped) == ([11, 12, 13, 14], True)


def test_estimate_of_a_topic_on_a_broker(
    source: KafkaTopics, make_topic: Callable, produce: Callable
) -> None:
    topic = make_topic(partitions=2)
    produce(topic, [*records(*range(10, 40)), *records(*range(50, 60), partition=1)])

    assert estimate(source, topic, Everything()).records == 40
