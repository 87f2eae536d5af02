"""The sequences of events that every engine is asked about, and the settings it is asked with.

A case is a plain dictionary, as the engines' programs read it from JSON: `name`, `engine`,
`setting`, and in arrival order `event_time`, `key`, `partition`, `received`.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict

import numpy as np

from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting, micro_batches
from lib.replay.input import replay_input
from lib.replay.windows import WINDOW_KINDS, HoppingWindow, SessionWindow, TumblingWindow
from lib.sources.files.folder import SAMPLES_FOLDER

ENGINES = {
    "flink": FlinkSetting,
    "kafka_streams": KafkaStreamsSetting,
    "spark": SparkSetting,
    "beam": BeamSetting,
    "beam_python": BeamSetting,
}
KINDS = {kind.kind.lower(): kind for kind in WINDOW_KINDS}
FIXED_SEED = 20_181_028
EPOCH = 1_540_726_486_041  # when the notebook's topic begins
SEGMENT_END = 59_970  # shortly before a store of Kafka Streams begins a new segment
GAP, DELAY, LATENESS = 30_000, 5_000, 2_000


def input_of_case(case):
    """The events of a case, for `lib.replay`."""
    return replay_input(
        *(np.array(case[c]) for c in ("event_time", "key", "partition", "received"))
    )


def setting_of(case):
    """The setting of a case, for `lib.replay`."""
    fields = dict(case["setting"])
    kind, *sizes = fields.pop("window")
    window = KINDS[kind](*sizes)
    if "batch_ends" in fields:
        fields["batch_ends"] = tuple(fields["batch_ends"])
    return ENGINES[case["engine"]](window=window, **fields)


def case(name, engine, setting, event_time, key=None, partition=None, received=None):
    event_time = [int(t) for t in event_time]
    zeros = [0] * len(event_time)
    fields = asdict(setting)
    fields["window"] = [type(setting.window).kind.lower(), *fields["window"].values()]
    if received is None:
        received = np.maximum.accumulate(event_time)
    if getattr(setting, "api", None) == "sql":
        partition = None  # the oracle's source has no partitions
    asked = {
        "name": name,
        "engine": engine,
        "setting": fields,
        "event_time": event_time,
        "key": zeros if key is None else [int(k) for k in key],
        "partition": zeros if partition is None else [int(p) for p in partition],
        "received": [int(r) for r in received],
    }
    return asked | ({"batches": batches_of(asked)} if engine == "spark" else {})


def batches_of(asked):
    """Events, whether it rested before, and how many events had arrived, of each micro-batch."""
    cut = micro_batches(input_of_case(asked), setting_of(asked))
    return [
        [np.flatnonzero(cut.of_event == number).tolist(), bool(rested), int(arrived)]
        for number, (rested, arrived) in enumerate(zip(cut.rested, cut.arrived, strict=True))
    ]


def fixed(engine):
    """The cases whose answers are kept as golden data."""
    return [
        *thresholds(engine),
        *((*stores(), *since_1970()) if engine == "kafka_streams" else ()),
        *(idles() if engine == "flink" else ()),
        *samples(engine),
        *generated(engine, FIXED_SEED, 100),
    ]


def samples(engine):
    """The sample topics that come with Skewline."""
    if engine == "beam_python":
        return  # takes minutes
    names = ("sessions-10",) if engine == "spark" else ("sessions-10", "sessions-100")
    for name in names:
        path = SAMPLES_FOLDER / f"{name}.jsonl.gz"
        with gzip.open(path, "rt") as lines:
            records = sorted(map(json.loads, lines), key=lambda record: record["ts"])
        events = [json.loads(record["payload"]) for record in records]
        for n, setting in enumerate(_sample_settings(engine)):
            yield case(
                f"{name}-{n}",
                engine,
                setting,
                [event["Timestamp"] for event in events],
                [event["ClientID"] for event in events],
                [record["partition"] for record in records],
                [record["ts"] for record in records],
            )


def _sample_settings(engine):
    session = SessionWindow(GAP)
    match engine:
        case "flink":
            yield FlinkSetting(session, DELAY, emission_ms=0, api="sql")
            yield FlinkSetting(session, DELAY)
            yield FlinkSetting(session, DELAY, idle_ms=GAP)
            yield FlinkSetting(session, DELAY, per_partition=False)
        case "kafka_streams":
            yield streams(session, DELAY)
            yield streams(session, DELAY, caching=False)
        case "spark":
            yield SparkSetting(session, DELAY, waiting=True, batch_records=20)
            yield SparkSetting(session, DELAY, trigger_ms=5_000)
        case _:
            yield BeamSetting(session, DELAY, per_partition=False)


def streams(window, grace_ms, *, caching=True):
    """Without what the test driver has not: partitions of its own, commits by time, a broker."""
    return KafkaStreamsSetting(
        window, grace_ms, caching, commit_ms=0, repartitioned=False, most_ahead_ms=None
    )


def stores():
    """Both stores of Kafka Streams, without a cache, where they forget what closed."""
    for named in thresholds("kafka_streams"):
        if not named["setting"]["caching"]:
            yield named | {"name": f"in-memory-{named['name']}", "store": "in_memory"}
    for grace_ms in (DELAY, 3 * GAP + 1):
        setting = streams(SessionWindow(GAP), grace_ms, caching=False)
        segment_ms = max((GAP + grace_ms) // 2, 60_000)
        for end in (segment_ms - 1, segment_ms, segment_ms + 1):
            for oldest in (segment_ms - 1, segment_ms, 2 * segment_ms - 1, 2 * segment_ms):
                newest = oldest + GAP + grace_ms
                yield case(
                    f"segment-{grace_ms}-{end}-{oldest}",
                    "kafka_streams",
                    setting,
                    [end, newest, end + GAP, newest, end + GAP + 1, oldest, oldest + GAP],
                    key=[0, 1, 0, 1, 0, 0, 0],
                )


def since_1970():
    """Events so early that windows around them would have begun before 1970."""
    for caching in (True, False):
        for parts in (2, 3):
            window = HoppingWindow(GAP * parts, parts)
            for oldest in (0, 1, GAP - 1, GAP, GAP + 1, 2 * GAP):
                newest = oldest + GAP * parts + DELAY
                yield case(
                    f"since-1970-{caching}-{parts}-{oldest}",
                    "kafka_streams",
                    streams(window, DELAY, caching=caching),
                    [oldest, newest - 1, oldest, newest, oldest, oldest + GAP, newest + GAP],
                )


def idles():
    """All of three partitions fall silent, at once or one after the other; then one sends again."""
    setting = FlinkSetting(TumblingWindow(10_000), DELAY, emission_ms=1_000, idle_ms=3_500)
    for apart in (0, 900, 2_500):
        for silence in (3_000, 6_000, 30_000):
            for again in (0, 1, 2):
                arrived = [0, apart, 2 * apart, 2 * apart + silence, 2 * apart + silence + 2_000]
                yield case(
                    f"idle-{apart}-{silence}-{again}",
                    "flink",
                    setting,
                    [EPOCH, EPOCH + 60_000, EPOCH + 30_000, EPOCH + 45_000, EPOCH + 99_000],
                    partition=[0, 1, 2, again, again],
                    received=[EPOCH + ms for ms in arrived],
                )


def thresholds(engine):
    """Each distance at which an engine changes its mind, and 1 ms either side."""
    for n, setting in enumerate(_threshold_settings(engine)):
        length = setting.window.length_ms
        slack = sum(
            getattr(setting, name, 0) for name in ("delay_ms", "allowed_lateness_ms", "grace_ms")
        )
        for about in sorted({length, length + slack, slack, length * 2 + slack}):
            for distance in (about - 1, about, about + 1):
                old = EPOCH + 1_000_000
                new = old + distance
                name = f"threshold-{n}-{distance}"
                # The old event comes after the new one; joins an open session; bridges; is
                # followed by one that would reopen what closed.
                yield case(f"{name}-alone", engine, setting, [new, old, new])
                yield case(f"{name}-apart", engine, setting, [old, new, new + 3 * length])
                yield case(
                    f"{name}-other-key",
                    engine,
                    setting,
                    [old, new, old + 1, old + length, old + length + 1, new + 9 * length],
                    key=[0, 1, 0, 0, 0, 1],
                )
                yield case(
                    f"{name}-bridge",
                    engine,
                    setting,
                    [old, old + 2 * length, new, old + length, new + length, new + 9 * length],
                    key=[0, 0, 1, 0, 0, 1],
                )


def _threshold_settings(engine):
    session, tumbling, hopping = SessionWindow(GAP), TumblingWindow(GAP), HoppingWindow(GAP, 3)
    match engine:
        case "flink":
            for window in (session, tumbling, hopping):
                yield FlinkSetting(window, DELAY, LATENESS, emission_ms=0)
                yield FlinkSetting(window, DELAY, emission_ms=0, api="sql")
            yield FlinkSetting(session, DELAY, emission_ms=0)
        case "kafka_streams":
            for window in (session, tumbling, hopping):
                yield streams(window, DELAY)
                yield streams(window, 0)
            yield streams(session, DELAY, caching=False)
        case "spark":
            yield SparkSetting(session, DELAY)
            yield SparkSetting(session, DELAY, waiting=True, batch_records=1)
            yield SparkSetting(tumbling, DELAY)
            yield SparkSetting(hopping, DELAY)
        case "beam":
            for window in (session, tumbling, hopping):
                yield BeamSetting(window, DELAY, per_partition=False)
                yield BeamSetting(window, DELAY, LATENESS, per_partition=False)
        case "beam_python":
            yield BeamSetting(session, DELAY, LATENESS, False, "python")
            yield BeamSetting(tumbling, DELAY, 0, False, "python")
            yield BeamSetting(hopping, DELAY, 0, False, "python")


def generated(engine, seed, count):
    """Sequences drawn at random: dense small times, and topics of bursts and wrong clocks."""
    rng = np.random.default_rng([seed, *engine.encode()])
    for n in range(count):
        draw, base = (_dense, SEGMENT_END) if n % 2 else (_clients, EPOCH)
        event_time, key, partition, received, scale = draw(rng)
        yield case(
            f"generated-{seed}-{n}",
            engine,
            _drawn_setting(engine, rng, scale, received),
            event_time + base,
            key,
            partition,
            received + base,
        )


def _dense(rng):
    """Times so close that equal ones, exact distances, merges and bridges are common."""
    events = int(rng.integers(1, 40))
    span = int(rng.integers(10, 80))
    drift = np.arange(events) * span // events
    event_time = np.maximum(drift + rng.integers(-25, 10, events), 0)
    if rng.random() < 0.2:
        event_time[rng.integers(0, events)] += 40
    keys, partitions = rng.integers(1, 4, 2)
    received = np.cumsum(rng.integers(0, 5, events))
    return (
        event_time,
        rng.integers(0, keys, events),
        rng.integers(0, partitions, events),
        received,
        1,
    )


def _clients(rng):
    """Clients with delays, an outage that ends in a burst, and sometimes a clock in the future."""
    clients, each = int(rng.integers(1, 5)), int(rng.integers(3, 14))
    client = np.repeat(np.arange(clients), each)
    happened = np.cumsum(rng.choice([200, 3_000, 10_000, 30_000], clients * each), axis=0)
    happened = (happened - happened[(client * each)]).astype(np.int64)
    happened += rng.integers(0, 20_000, clients)[client]
    received = happened + rng.integers(5, 400, len(client))
    outage = (client == rng.integers(0, clients)) & (happened > 15_000) & (happened < 70_000)
    received[outage] = 70_000 + np.arange(outage.sum())
    if rng.random() < 0.2:
        happened[client == 0] += int(rng.choice([500, 60_000]))
    order = np.argsort(received, kind="stable")
    partitions = int(rng.integers(1, 4))
    spread = rng.random() < 0.2  # a key on several partitions
    partition = rng.integers(0, partitions, len(client)) if spread else client % partitions
    return happened[order], client[order], partition[order], received[order], 1_000


def _drawn_setting(engine, rng, scale, received):
    length = int(rng.integers(1, 12)) * scale * int(rng.choice([1, 3]))
    kind = rng.choice(list(KINDS), p=[0.6, 0.2, 0.2])
    parts = int(rng.integers(2, 5))
    window = HoppingWindow(length * parts, parts) if kind == "hopping" else KINDS[kind](length)
    slack, more = (int(rng.integers(0, 12)) * scale for _ in range(2))
    match engine:
        case "flink":
            kind = rng.choice(["sql", "event", "lateness", "periodic", "partitions", "idle"])
            return _flink_setting(str(kind), window, slack, more, rng, scale)
        case "kafka_streams":
            return streams(window, slack, caching=bool(rng.random() < 0.5))
        case "spark":
            kind = str(rng.choice(["ends", "live", "count"]))
            return _spark_setting(kind, window, slack, rng, received)
        case _:
            lateness_ms = int(rng.choice([0, more]))
            runner = "python" if engine == "beam_python" else "java"
            return BeamSetting(window, slack, lateness_ms, False, runner)


def _spark_setting(kind, window, slack, rng, received):
    match kind:
        case "ends":
            ends = np.unique(rng.integers(1, max(len(received), 2), int(rng.integers(1, 6))))
            ends = tuple(int(end) for end in ends)
            return SparkSetting(window, slack, waiting=bool(rng.random() < 0.5), batch_ends=ends)
        case "live":
            trigger_ms = int(np.ptp(received)) // int(rng.integers(2, 12)) + 1
            most = None if rng.random() < 0.5 else int(rng.integers(1, 8))
            return SparkSetting(window, slack, trigger_ms=trigger_ms, batch_records=most)
        case _:
            return SparkSetting(window, slack, waiting=True, batch_records=int(rng.integers(4, 12)))


def _flink_setting(kind, window, delay_ms, more, rng, scale):
    emission_ms = int(rng.integers(1, 6)) * scale
    match kind:
        case "sql":
            return FlinkSetting(window, delay_ms, emission_ms=0, api="sql")
        case "event":
            return FlinkSetting(window, delay_ms, emission_ms=0, per_partition=False)
        case "lateness":
            return FlinkSetting(window, delay_ms, more, emission_ms=0)
        case "periodic":
            return FlinkSetting(
                window, delay_ms, more, emission_ms=emission_ms, per_partition=False
            )
        case "partitions":
            return FlinkSetting(window, delay_ms, emission_ms=int(rng.choice([0, emission_ms])))
        case _:
            return FlinkSetting(window, delay_ms, emission_ms=emission_ms, idle_ms=more + 1)
