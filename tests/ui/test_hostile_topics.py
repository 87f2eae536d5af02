"""Whatever a topic holds, every page of it draws, with every way to write times."""

import json

import pytest

from tests.support.opened import (
    COMPARISON,
    DELAY,
    PAGES,
    WINDOWS,
    files_of,
    go_to,
    open_app,
)

pytestmark = pytest.mark.usefixtures("app_isolation")

MS = 1_704_164_650_000


def event(number, **other):
    return {
        "Timestamp": MS + 1000 * number,
        "ClientID": f"c{number % 3}",
        "EventID": number,
    } | other


def printed(values, times=None, **place):
    """Return a recording, as kcat prints it, of values with their record timestamps."""
    times = times or [MS + 1000 * number + 200 + 37 * number % 50 for number in range(len(values))]
    lines = [
        {"topic": "t", "partition": 0, "offset": offset, "tstype": "create", "ts": ms, "key": None}
        | {"payload": value if isinstance(value, str) else json.dumps(value)}
        | place
        for offset, (value, ms) in enumerate(zip(values, times, strict=True))
    ]
    return "\n".join(json.dumps(line) for line in lines)


EVENTS = [event(number) for number in range(30)]
NUMBERS = range(len(EVENTS))

TOPICS = {
    "a client that is no number beside numbers": printed(
        [event(n, ClientID=n / 2) for n in NUMBERS] + ['{"Timestamp": 1, "ClientID": NaN}'],
    ),
    "more fields than a table has, and one of their name": printed(
        [event(n, OtherFields="x", **{f"f{n}_{k}": k for k in range(40)}) for n in NUMBERS]
    ),
    "record times of the end of time": printed(EVENTS, [2**63 - 1] * len(EVENTS)),
    "record times before 1970": printed(EVENTS, [-1 - n for n in NUMBERS]),
    "record times of any kind": printed(
        EVENTS, [(MS + n) * 1000 ** (n % 3) if n % 4 else 2**63 - 1 - n for n in NUMBERS]
    ),
    "event times of the end of time": printed(
        [event(n, Timestamp=(2**63 - 1 - n) if n % 2 else -(2**63) + n) for n in NUMBERS]
    ),
    "one event far from all": printed([*EVENTS, event(31, Timestamp=253_402_300_799_999)]),
    "one event at 0": printed([*EVENTS, event(31, Timestamp=0)]),
    "a partition beyond any": printed(EVENTS, partition=2**40),
    "a kind of time that is none": printed(EVENTS, tstype="later"),
    "an offset below 0": printed(EVENTS, offset=-5),
    "names that are no text": printed(
        [
            event(n, ClientID=["\ud800", "\udfff\ud800", "\0", "\u202e", "\u200b"][n % 5])
            for n in NUMBERS
        ]
    ),
    "names of all kinds": printed(
        [event(n, SessionID=[54, 54.5, "x", None, True, [1], {"a": 1}][n % 7]) for n in NUMBERS]
    ),
    "names like our columns": printed(
        [event(n, KafkaTimestamp=n, EventTimestamp0="x", Lane=1) for n in NUMBERS]
    ),
    "fields whose names are syntax": printed(
        [event(n, **{"a:b": n, "c[0]": n, "d.e": n, "<b>": n, "": n, "a\nb": n}) for n in NUMBERS]
    ),
    "names that are long": printed([event(n, ClientID=f"{n % 3}" * 100_000) for n in NUMBERS]),
    "numbers beyond any": printed(
        [event(n, EventID=10 ** (n * 3), ClientID=10 ** (n * 2)) for n in NUMBERS]
    ),
    "one event": printed(EVENTS[:1]),
    "all at one moment": printed([event(1)] * 30, [MS] * 30),
    "nested without end": printed(['{"a":' * 3000 + "1" + "}" * 3000, *EVENTS]),
}


@pytest.mark.parametrize("topic", TOPICS)
def test_every_page_of_a_topic_draws(tmp_path, monkeypatch, topic):
    folder = files_of(tmp_path / "files", monkeypatch)
    (folder / "topic.jsonl").write_text(TOPICS[topic])

    at = open_app(source="Files", topic="topic", times="UTC")
    for page in PAGES[1:]:
        go_to(at, page)
    # And seconds since zero, where axes and sliders are of them; local times are drawn as UTC ones
    at = open_app(source="Files", topic="topic", times="Since zero")
    for page in [COMPARISON, DELAY, WINDOWS]:
        go_to(at, page)
