"""Reports of topics that are drawn by lot, by one machine and by a cluster, compared.

`python -m tests.cluster.alike --minutes 5 --seed 1` (`make alike`) writes one topic after another,
with fields of all kinds, and reports on it with an engine, windows, a key and filters that are
drawn as well: in blocks of some hundred records each. It prints what is told otherwise, or refused
by one of both alone, and ends with 1 if anything was.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lib.cluster import topic
from lib.cluster.connection import connected
from lib.cluster.settings import LOCAL
from lib.report.__main__ import main as report
from lib.report.settings import ENGINE_NAMES
from lib.simulate.__main__ import main as write_topic

if TYPE_CHECKING:
    from collections.abc import Iterator

CONDITIONS = (
    "Kind = 'd'", "Code IN (1, 2)", "Code IS NULL", "Note LIKE 'n%1%'", "'nö1'", "NOT '*x*'",
    "Flag", "NOT Flag", "Score > 1", "Score = 2.5 OR Flag", "obj.a = 2", "partition < 2",
    "delay_ms > 40", "offset BETWEEN 3 AND 90", "Nothing IS NULL", "Code + 1 > Score",
    "session LIKE '%a%'", "'1'", "List IS NULL", "Values > 50 AND Kind = 'm'",
)  # fmt: skip
KEYS = (
    "client", "session", "partition", "Code", "Note", "Kind", "Flag", "Score", "Obj.a", "Obj.b",
    "Data.Errors", "List", "Nothing",
)  # fmt: skip
FAULTS = {
    "outage-share": (0, 0.1, 0.3), "shared-outages": (0, 1), "clock-share": (0, 0.2),
    "lost-share": (0, 0.01), "duplicate-share": (0, 0.01), "disorder-share": (0, 0.03),
    "step-share": (0, 0.1),
}  # fmt: skip


def draw_topic(lot: random.Random, path: Path) -> None:
    """Write a topic with faults, fields of all kinds, and clients and sessions of several."""
    clients = lot.randint(1, 14)
    sizes = {"clients": clients, "sessions": clients + lot.randint(0, 50)}
    sizes |= {"events": lot.choice((300, 1_500, 4_000)), "partitions": lot.randint(1, 5)}
    given = sizes | {name: lot.choice(values) for name, values in FAULTS.items()}
    arguments = [f"--{name}={value}" for name, value in given.items()]
    arguments += [lot.choice(("--keys", "--no-keys")), f"--seed={lot.randint(1, 10**6)}"]
    arguments += ["--sent-times"] * (lot.random() < 0.3)
    write_topic([f"--out={path}", *arguments])
    change = Change(lot)
    path.write_text("\n".join(map(change.record, path.read_text().splitlines())))


class Change:
    """How the records of one topic are changed."""

    def __init__(self, lot: random.Random) -> None:
        self.lot = lot
        self.without = lot.choice([None] * 5 + ["ClientID", "SessionID", "EventID"])
        self.shares_sessions = lot.choice((0, 0, 0, 0, 2, 100))
        self.lacks = {name: lot.choice((0, 0, 0, 0, 0.05)) for name in ("ClientID", "SessionID")}
        self.names, self.mixes = lot.random() < 0.3, lot.random() < 0.5
        self.notes = lot.choice((2, 30, 10**6))
        self.unheard = lot.choice((0, 0, 0, 0.01, 0.4))

    def record(self, line: str) -> str:
        """Return a record with other fields."""
        lot, record = self.lot, json.loads(line)
        if lot.random() < 0.002:
            return json.dumps(record | {"payload": "no json"})
        event = json.loads(record["payload"])
        if lot.random() < self.unheard:
            del record["ts"]
        if self.shares_sessions:
            first = event["ClientID"] // self.shares_sessions
            event["SessionID"] = f"s{first}-{int(event['SessionID'][:2], 16) % 7}"
        if self.names:
            event["ClientID"] = f"c{event['ClientID']}"
        for name, share in self.lacks.items():
            if lot.random() < share:
                del event[name]
        event.pop(self.without, None)
        return json.dumps(record | {"payload": json.dumps(event | dict(self.others()))})

    def others(self) -> Iterator[tuple[str, Any]]:
        """Yield fields that have no role."""
        lot = self.lot
        yield "Note", f"nö{lot.randint(0, self.notes)} *x*"
        yield "Flag", lot.random() < 0.3
        yield "Score", lot.choice((1, 2, 2.5)) if self.mixes else lot.randint(0, 3)
        yield "Nothing", None
        if lot.random() < 0.8:
            yield "Code", lot.randint(0, 5)
        if lot.random() < 0.3:
            yield "Obj", {"a": lot.randint(0, 3), "b": [1, 2]}
        if lot.random() < 0.5:
            yield "List", [lot.randint(0, 3)]


def draw_options(lot: random.Random) -> list[str]:
    """Return what a report is asked for."""
    options = ["--engine", lot.choice(ENGINE_NAMES), "--delay", lot.choice(("0s", "500ms", "10s"))]
    window = lot.choice(("session", "tumbling", "hopping"))
    if window == "session":
        options += ["--gap", lot.choice(("2s", "30s"))]
    else:
        options += ["--window", window, "--size", lot.choice(("5s", "30s", "2m"))]
        options += ["--parts", "2"] * (window == "hopping")
    options += ["--key", lot.choice(KEYS)] * (lot.random() < 0.7)
    for _ in range(lot.choice((0, 0, 1, 2))):
        options += ["--where", lot.choice(CONDITIONS)]
    options += ["--correct-clocks"] * (lot.random() < 0.2)
    options += ["--latest", lot.choice(("50", "700"))] * (lot.random() < 0.15)
    return options


def reported(path: Path, options: list[str], more: list[str]) -> tuple[int, str, Any, str]:
    """Return a report's status, what it said, its document and its page."""
    document, page = path.with_suffix(".json"), path.with_suffix(".html")
    document.unlink(missing_ok=True)
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        outputs = ["--json", str(document), "--html", str(page)]
        status = report(["--file", str(path), *options, *outputs, *more])
    told = json.loads(document.read_text()) if document.exists() else None
    drawn = page.read_text().replace(told["made"]["at"], "") if told else ""
    return status, said.getvalue(), told, drawn


def differences(one: tuple[int, str, Any, str], other: tuple[int, str, Any, str]) -> Iterator[str]:
    """Yield what a cluster tells otherwise than one machine; what it withholds is no difference."""
    if one[0] != other[0]:
        yield f"status {one[0]} is not {other[0]}: {one[1][-200:]!r}, {other[1][-300:]!r}"
    if one[0] or other[0]:
        return
    here, there = one[2], other[2]
    for name in here.keys() - {"made", "withheld"}:
        if here[name] != there[name] and not there["withheld"].get(name):
            yield f"{name}: {str(here[name])[:200]} is not {str(there[name])[:200]}"
    if here.keys() == there.keys() and here["withheld"] == there["withheld"] and one[3] != other[3]:
        yield "pages"


def main() -> None:
    """Compare for some minutes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    counts, until = Counter[str](), time.monotonic() + 60 * options.minutes
    with connected(LOCAL, workers=2) as client, TemporaryDirectory() as folder:
        path, cluster = Path(folder, "topic.jsonl"), ["--cluster", client.scheduler.address]
        for seed in range(options.seed, sys.maxsize):
            if time.monotonic() > until:
                break
            lot = random.Random(seed)
            with redirect_stdout(io.StringIO()):
                draw_topic(lot, path)
            asked = draw_options(lot)
            assert topic.hold.__kwdefaults__ is not None
            topic.hold.__kwdefaults__["offsets"] = lot.choice((150, 400, 1_100))
            one, other = (reported(path, asked, more) for more in ([], cluster))
            found = [*differences(one, other)]
            counts["differ" if found else "refused by both" if one[0] else "alike"] += 1
            for each in found:
                print(f"seed {seed}, {' '.join(asked)}: {each}", flush=True)
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    sys.exit(bool(counts["differ"]))


if __name__ == "__main__":
    main()
