"""What an engine answered, and what `lib.replay` answers, in one form that can be compared.

An answer is a dictionary: `windows`, sorted lists of key, start, end, the events' indices, index
of the last event that had arrived when the final result came out and the received time of that
moment (both None where it had not by the end); and `dropped`, the sorted indices of the events
dropped as late. Kafka Streams has `boundary`, the events accepted but not kept by the store.
"""

from __future__ import annotations

import numpy as np

from lib.replay.engine import replay
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.windows import NO_INDEX
from tests.oracles.cases import input_of_case, setting_of


def ours(case):
    """What `lib.replay` answers."""
    events, setting = input_of_case(case), setting_of(case)
    replayed = replay(events, setting)
    members = [[] for _ in replayed.key]
    for index, window in zip(*(numbers.tolist() for numbers in replayed.members), strict=True):
        members[window].append(index)
    columns = (replayed.key, replayed.start, replayed.end, replayed.closed_at, replayed.closed_ms)
    windows = [
        [key, start, end, events_of, *((None, None) if at == NO_INDEX else (at, ms))]
        for key, start, end, at, ms, events_of in zip(
            *(column.tolist() for column in columns), members, strict=True
        )
    ]
    answer = _answer(windows, np.flatnonzero(~replayed.kept).tolist())
    if isinstance(setting, KafkaStreamsSetting):
        answer["boundary"] = np.flatnonzero(replayed.boundary).tolist()
    return answer


def _answer(windows, dropped):
    return {
        "windows": sorted(windows, key=lambda w: (w[0], w[1], w[3])),
        "dropped": sorted(dropped),
    }


def of_firings(case, raw):
    """Flink, Spark, Beam: of a window's firings the last one is final."""
    final = _latest(case, raw["firings"])
    taken = {index for firing in final for index in firing[3]}
    missing = sorted(set(range(len(case["event_time"]))) - taken)
    if "dropped" in raw and sorted(raw["dropped"]) != missing:
        raise AssertionError(f"{case['name']}: dropped {raw['dropped']}, but missing {missing}")
    return _answer(final, missing)


def of_updates(case, raw):
    """Kafka Streams: what `suppress` let through, and what was still waiting in it."""
    waiting = {}
    emitted = {tuple(row[:5]) for row in raw["emissions"]}
    for index, partition, key, start, end, members in raw["updates"]:
        waiting.pop((partition, key, start, end), None)
        if members is not None and (index, partition, key, start, end) not in emitted:
            waiting[partition, key, start, end] = members
    windows = []
    for index, partition, key, start, end, members in raw["emissions"]:
        waiting.pop((partition, key, start, end), None)
        windows.append([key, start, end, members, index, case["received"][index]])
    windows += [
        [key, start, end, members, None, None] for (_, key, start, end), members in waiting.items()
    ]
    # The store in memory counts events of the last millisecond as dropped, after they took part.
    took_part = {index for *_, members in raw["updates"] for index in members or ()}
    return _answer(_latest(case, windows), set(raw["dropped"]) - took_part)


def _latest(case, firings):
    """Of the firings of a window the last: sessions that share an event are one window."""
    final = []
    for firing in firings:
        if case["setting"]["window"][0] == "session":
            members = set(firing[3])
            final = [other for other in final if members.isdisjoint(other[3])]
        else:
            # Of a key on several partitions Kafka Streams has a window on each.
            place = case["partition"][firing[3][0]] if case["engine"] == "kafka_streams" else None
            final = [
                other
                for other in final
                if other[:3] != firing[:3]
                or (place is not None and case["partition"][other[3][0]] != place)
            ]
        final.append(firing)
    return final


def answer_of(case, raw):
    """An engine's answer in the common form; None where the engine failed."""
    if "failed" in raw:
        return None
    return (of_updates if case["engine"] == "kafka_streams" else of_firings)(case, raw)


def differs(case, answer):
    """Whether `lib.replay` answers otherwise than the engine did."""
    if answer is None:
        return False
    expected = ours(case)
    if any(at is not None and ms is None for *_, at, ms in answer["windows"]):
        # Spark's and Beam's programs do not know the received time.
        for window in expected["windows"]:
            window[-1] = None
    return {key: expected[key] for key in answer} != answer
