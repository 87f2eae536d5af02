"""How well findings hold in the situations of `lib.simulate.situations`, against their truth.

`python -m benchmarks.findings` prints it. For each situation:

- *outages*: precision over all that is reported as buffered or lost, recall over those that are
  distinguishable: some event waited longer for its client to be heard again than the network made
  any other wait, or two were lost. Found is the same client, and both ends of the silence within
  one typical interval of it.
- *clocks*: precision over the sentences on clocks, recall over clocks that a topic can tell to be
  wrong: ahead by 1 s and more, behind by 2 s and more, which no steady way takes, or set once by
  2 s and more, with twelve events on either side.
- *others*: shared outages, clients that are gone, lost events, duplicates.
- *false sentences*: those that the truth contradicts. An outage of a client that had none; other
  lengths than the true one by more than one typical interval; "client" where its other session was
  heard; one outage of several clients told as several; a wrong clock of a client whose clock is
  right, or the wrong way; lost events and duplicates that are none; clients gone that are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from lib.analysis.analyse import Analysis, analyse
from lib.analysis.findings import MARGIN, extent_of
from lib.analysis.outages import BACK_AT, KIND, QUIET
from lib.core.columns import CLIENT, LAST_HEARD, RECEIVED_TIME, SESSION
from lib.simulate.situations import SITUATIONS, situation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lib.analysis.findings import Finding
    from lib.simulate import Simulation

BAR: Final = 0.97
TELLABLE_MS: Final = 1_000
TELLABLE_BEHIND_MS: Final = 2_000
TELLABLE_STEP_MS: Final = 2_000
_SILENT: Final = re.compile(r"silent (?:together )?for ((?:[\d.,]+ (?:ms|s|min|h|d)\b ?)+)")
_BEHIND: Final = re.compile(r" (?:is|are all) ([\d., a-z]+) behind")
_LOST: Final = re.compile(r"([\d,]+) (?:more|events?) (?:of that time )?never arrived")


@dataclass
class Tally:
    """What was right of what was said, and found of what there was, for one matter."""

    said: int = 0
    right: int = 0
    asked: int = 0
    found: int = 0

    def add(self, right: Iterable[bool], found: Iterable[bool]) -> None:
        """Count some sentences or reports, and some truths."""
        right, found = list(right), list(found)
        self.said += len(right)
        self.right += sum(right)
        self.asked += len(found)
        self.found += sum(found)

    @property
    def precision(self) -> float:
        """Share of what was said that is right."""
        return self.right / self.said if self.said else 1.0

    @property
    def recall(self) -> float:
        """Share of what was asked for that was found."""
        return self.found / self.asked if self.asked else 1.0


@dataclass
class Outcome:
    """What came of a situation."""

    outages: Tally = field(default_factory=Tally)
    shared: Tally = field(default_factory=Tally)
    clocks: Tally = field(default_factory=Tally)
    gone: Tally = field(default_factory=Tally)
    lost: Tally = field(default_factory=Tally)
    duplicates: Tally = field(default_factory=Tally)
    false: list[str] = field(default_factory=list)


class Topic:
    """A simulated topic as it was read, and what is true of it."""

    def __init__(self, simulation: Simulation, events: pd.DataFrame) -> None:
        self.truth = truth = simulation.truth
        self.events = events
        self.zero = extent_of(events).zero_ms
        self.happened = truth.ways["happened_ms"].to_numpy()
        self.client = events[CLIENT].astype(np.int64).to_numpy()
        self.received = events[RECEIVED_TIME].to_numpy(np.float64)
        self.interval = _intervals(self.client, events[SESSION].astype(str), self.happened)
        self.outages = self._outages()
        self.clocks = truth.clocks.to_pandas().set_index("client")
        self.steps = truth.steps.to_pandas()
        self.sharing = set(truth.shared_clocks["client"].to_pylist())
        self.gone = set(truth.gone["client"].to_pylist())

    def near(self, client: int) -> float:
        """Return the typical interval of a client, ms."""
        return max(self.interval.get(client, 1.0), 1.0)

    def heard(self, client: int, after: float, before: float, session: str | None = None) -> int:
        """Return how many events of a client (and session) were received between two moments."""
        own = self.client == client
        if session is not None:
            own &= (self.events[SESSION].astype(str) == session).to_numpy()
        return int(((self.received[own] > after) & (self.received[own] < before)).sum())

    def _outages(self) -> pd.DataFrame:
        table = self.truth.outages.to_pandas()
        delay = self.received - self.happened
        network = np.ones(len(delay), np.bool_)
        waits, backs = [], []
        for row in table.to_dict("records"):
            own = self.client == row["client"]
            since = own & (self.happened >= row["start_ms"] - 1)
            held = since & (self.happened < row["end_ms"] + 1)
            device = own & (self.events[SESSION].astype(str) == row["session"]).to_numpy()
            later = self.received[device & (self.received >= row["end_ms"])]
            backs.append(later.min(initial=np.inf) if len(later) else np.inf)
            waits.append((backs[-1] - self.happened[held]).max(initial=0.0))
            flushed = np.nanmax([row["end_ms"], row["burst_end_ms"]])
            flushed += 6 * (flushed - row["end_ms"])  # what queued behind the burst is late as well
            network[since & (self.happened <= flushed)] = False
            network[own & (self.received >= row["start_ms"]) & (self.received <= flushed)] = False
        table = table.assign(back=np.array(backs, float), wait=np.array(waits, float))
        usual = delay[network].max(initial=0.0) + 1
        clear = (table["wait"] > max(usual, TELLABLE_MS)) | (table["lost"] > 1)
        # What is silent while another device of the same name is heard was nobody's silence.
        alone = [
            not self.heard(row.client, row.last_heard_ms, row.back, row.session)
            for row in table.itertuples()
        ]
        told: pd.DataFrame = table.assign(
            clear=clear & np.isfinite(table["back"]) & np.array(alone, bool)
        )
        return told


def _intervals(client: Any, session: pd.Series[str], happened: Any) -> dict[int, float]:  # noqa: ANN401
    table = pd.DataFrame({"client": client, "session": session.to_numpy(), "at": happened})
    table = table.sort_values("at")
    between = table.groupby(["client", "session"])["at"].diff()
    medians = between.groupby(table["client"]).median()
    return dict(zip(medians.index.tolist(), medians.tolist(), strict=True))


def score(topic: Topic, analysis: Analysis, outcome: Outcome) -> None:
    """Add to an outcome what was said of a topic."""
    _score_outages(topic, analysis, outcome)
    judged = [(finding, _is_right(finding, topic)) for finding in analysis.findings]
    outcome.false += [finding.sentence for finding, right in judged if not right]
    for kind, tally, asked in (
        ("clock", outcome.clocks, _clocks_asked(topic)),
        ("gone", outcome.gone, topic.gone),
    ):
        said = [(finding, right) for finding, right in judged if finding.kind == kind]
        named = {client for one, right in said if right for client in _clients(one)}
        tally.add((right for _, right in said), (client in named for client in asked))
    _score_shared(topic, judged, outcome)
    for kind, tally, true in (
        ("lost", outcome.lost, len(topic.truth.lost)),
        ("duplicates", outcome.duplicates, len(topic.truth.duplicates)),
    ):
        told = sum(finding.events for finding in analysis.findings if finding.kind == kind)
        tally.said += told
        tally.right += min(told, true)
        tally.asked += true
        tally.found += min(told, true)


def _score_outages(topic: Topic, analysis: Analysis, outcome: Outcome) -> None:
    reports = analysis.outages[analysis.outages[KIND] != QUIET]
    client = reports[CLIENT].astype(np.int64).to_numpy()
    heard = reports[LAST_HEARD].to_numpy(np.float64, na_value=np.nan)
    back = reports[BACK_AT].to_numpy(np.float64)
    true = np.zeros(len(reports), np.bool_)
    found = []
    for row in topic.outages.to_dict("records"):
        near = topic.near(row["client"])
        match = (client == row["client"]) & (np.abs(back - row["back"]) <= near)
        match &= np.isnan(heard) | (np.abs(heard - row["last_heard_ms"]) <= near)
        true |= match
        if row["clear"]:
            found.append(bool(match.any()))
    outcome.outages.add(true.tolist(), found)


def _score_shared(topic: Topic, judged: list[tuple[Finding, bool]], outcome: Outcome) -> None:
    said = [(one, right) for one, right in judged if one.kind == "shared outage"]
    found = []
    shared = topic.outages[topic.outages["shared_outage"].notna() & topic.outages["clear"]]
    for _, rows in shared.groupby("shared_outage"):
        if len(rows) < 3:
            continue
        start, end = rows["start_ms"].min(), rows["end_ms"].max()
        told = [one for one, right in said if right and _meets(one, topic, start, end)]
        found.append(len(told) == 1)
    outcome.shared.add((right for _, right in said), found)


def _meets(finding: Finding, topic: Topic, start: float, end: float) -> bool:
    zero = topic.zero
    return bool(zero + 1000 * finding.start_s <= end and zero + 1000 * finding.end_s >= start)


def _clocks_asked(topic: Topic) -> set[int]:
    offset = topic.clocks["offset_ms"]
    tellable = (offset >= TELLABLE_MS) | (offset <= -TELLABLE_BEHIND_MS)
    asked = set(offset.index[tellable].tolist())
    for row in topic.steps.to_dict("records"):
        own = topic.happened[topic.client == row["client"]]
        once = (topic.steps["client"] == row["client"]).sum() == 1  # else it drifts in between
        if (
            abs(row["size_ms"]) >= TELLABLE_STEP_MS
            and once
            and (min((own < row["at_ms"]).sum(), (own >= row["at_ms"]).sum()) >= 12)
        ):
            asked.add(row["client"])
    return asked


def _is_right(finding: Finding, topic: Topic) -> bool:
    judge = _JUDGES.get(finding.kind)
    return judge is not None and judge(finding, topic)


def _clients(finding: Finding) -> set[int]:
    return {int(str(client)) for client in finding.clients}


def _number(text: str, unit: str = "s") -> float:
    units = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
    return float(text.replace(",", "")) * units[unit]


def _rounded(text: str) -> float:
    """Return by how much a length that is said may be rounded: half of a tenth of its unit, ms.

    Of a length in hours or days half of its smaller unit, of which it is a whole number.
    """
    unit = text.rsplit(maxsplit=1)[-1]
    smaller = {"d": "h", "h": "min"}.get(unit, unit)
    whole = len(text.split()) > 2 or smaller != unit
    return max(_number("0.51" if whole else "0.051", smaller), 500)


def _length(text: str) -> float:
    """Return a length such as "2 min 5 s", ms."""
    words = text.split()
    return sum(_number(*pair) for pair in zip(words[::2], words[1::2], strict=True))


def _begin(finding: Finding, topic: Topic) -> float:
    """Return where the stretch of a finding begins, whose window has a margin on both sides."""
    margin = MARGIN / (1 + 2 * MARGIN) * (finding.end_s - finding.start_s)
    return float(topic.zero + 1000 * (finding.start_s + margin))


def _outage_right(finding: Finding, topic: Topic) -> bool:
    client = min(_clients(finding))
    true = topic.outages[topic.outages["client"] == client]
    if true["shared_outage"].notna().any():
        shared = true[true["shared_outage"].notna()]
        if any(
            _meets(finding, topic, row["start_ms"], row["end_ms"])
            and (topic.outages["shared_outage"] == row["shared_outage"]).sum() > 2
            for row in shared.to_dict("records")
        ):
            return False  # told as its own
    said = _SILENT.search(finding.sentence)
    if said is None:  # "was not heard until"
        times = zip(true["start_ms"], true["end_ms"], strict=True)
        return any(_meets(finding, topic, start, end) for start, end in times)
    length, begin = _length(said[1]), _begin(finding, topic)
    near = topic.near(client)
    by_lengths = np.abs(true["back"] - true["last_heard_ms"] - length) <= near + _rounded(said[1])
    there = np.abs(true["last_heard_ms"] - begin) <= near + 1000
    match = true[by_lengths & there]
    if match.empty:
        return False
    row = match.iloc[0]
    lost = _LOST.search(finding.sentence)
    if lost and _number(lost[1]) / 1000 > row["lost"]:
        return False
    if finding.sentence.startswith("Client"):
        return topic.heard(client, row["last_heard_ms"], row["back"]) == 0
    return True


def _shared_right(finding: Finding, topic: Topic) -> bool:
    said = _SILENT.search(finding.sentence)
    clients = _clients(finding)
    for _, rows in topic.outages[topic.outages["shared_outage"].notna()].groupby("shared_outage"):
        start, end = rows["start_ms"].min(), rows["end_ms"].min()
        if said is None or not clients <= set(rows["client"]):
            continue
        near = float(np.median([topic.near(client) for client in clients]))
        length, begin = _length(said[1]), _begin(finding, topic)
        if (
            abs(length - (end - start)) <= near + _rounded(said[1])
            and abs(begin - start) <= near + 1000
        ):
            lost = _LOST.search(finding.sentence)
            return lost is None or bool(_number(lost[1]) / 1000 <= rows["lost"].sum())
    return False


def _clock_right(finding: Finding, topic: Topic) -> bool:
    clients = _clients(finding)
    sentence = finding.sentence
    if len(clients) > 1 and "were set" not in sentence:
        return clients <= topic.sharing or _takes_so_long(topic, clients, sentence)
    if len(clients) > 1:
        return clients <= set(topic.steps["client"])
    client = next(iter(clients))
    if client in topic.sharing:
        return False
    if "set forward" in sentence or "set back" in sentence:
        sizes = topic.steps[topic.steps["client"] == client]["size_ms"]
        return any((size > 0) == ("set forward" in sentence) for size in sizes)
    offset, drift = topic.clocks.loc[client, ["offset_ms", "drift_ppm"]]
    if _takes_so_long(topic, clients, sentence):
        return True
    if "ppm" in sentence or not offset:
        return bool(drift)
    return bool(("ahead" in sentence) == (offset > 0))


def _takes_so_long(topic: Topic, clients: set[int], sentence: str) -> bool:
    """Return whether a sentence says that events may take so long, and they do."""
    length = _BEHIND.search(sentence)
    if "takes that long" not in sentence or length is None:
        return False
    taken = topic.received - topic.happened
    # Not the very least: events of one moment may stand in another order than their ways.
    least = min(float(np.quantile(taken[topic.client == client], 0.02)) for client in clients)
    return least >= 0.9 * _length(length[1])


_JUDGES: Final[dict[str, Callable[[Finding, Topic], bool]]] = {
    "outage": _outage_right,
    "lost outage": _outage_right,
    "shared outage": _shared_right,
    "clock": _clock_right,
    "gone": lambda finding, topic: _clients(finding) <= topic.gone,
    "lost": lambda finding, topic: finding.events <= len(topic.truth.lost),
    "duplicates": lambda finding, topic: finding.events == len(topic.truth.duplicates),
}


def outcome_of(
    name: str, seeds: Iterable[int], read: Callable[[Simulation], pd.DataFrame]
) -> Outcome:
    """Simulate topics of a situation, analyse them, and compare with their truth."""
    outcome = Outcome()
    for seed in seeds:
        simulation = situation(name, seed)
        events = read(simulation)
        score(Topic(simulation, events), analyse(events), outcome)
    return outcome


def report(
    seeds: range,
    read: Callable[[Simulation], pd.DataFrame],
    names: Iterable[str] = SITUATIONS,
    shown: int = 3,
) -> None:
    """Print how each situation came out, and which bars it reaches."""
    print(
        f"\nSituations, {len(seeds)} topics each: right of what was said, found of what there was"
    )
    for name in names:
        outcome = outcome_of(name, seeds, read)
        print(f"  {name:<26}{_figures(outcome)}")
        for sentence in outcome.false[:shown]:
            print(f"      false: {sentence}")


def _figures(outcome: Outcome) -> str:
    matters = {"outages": outcome.outages, "shared": outcome.shared, "clocks": outcome.clocks}
    matters |= {"gone": outcome.gone, "lost": outcome.lost, "duplicates": outcome.duplicates}
    parts = [
        f"{name} {tally.right:,}/{tally.said:,} {tally.found:,}/{tally.asked:,}"
        for name, tally in matters.items()
        if tally.said or tally.asked
    ]
    met = all(t.precision >= BAR and t.recall >= BAR for t in matters.values())
    verdict = "met" if met and not outcome.false else "MISSED"
    return f"{verdict:<8}{'; '.join(parts)}; {len(outcome.false)} false"
