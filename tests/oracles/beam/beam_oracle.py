"""Runs sequences of events through Beam's DirectRunner and writes down every pane.

Arguments: a JSON file of cases (see cases.py), and the file to write. Each case is a pipeline of
its own. An answer lists firings: key, start, end, the events' indices, the index of the last event
that had arrived, and None for the received time; index None at the end of input.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms import trigger, window
from apache_beam.utils.timestamp import Duration, Timestamp

END = -1
WINDOWS = {
    "session": window.Sessions,
    "tumbling": window.FixedWindows,
    "hopping": window.SlidingWindows,
}


def ms(moment):
    return moment.micros // 1_000


class Note(beam.DoFn):
    """Appends to a file, in the order in which things happen."""

    def __init__(self, path):
        self.path = path

    def note(self, row):
        with Path(self.path).open("a") as log:
            log.write(json.dumps(row) + "\n")


class NoteArrival(Note):
    def process(self, element):
        self.note(["arrived", element[1]])
        if element[1] != END:
            yield element


class NotePane(Note):
    def process(self, element, bounds=beam.DoFn.WindowParam):
        key, indices = element
        self.note(["pane", key, ms(bounds.start), ms(bounds.end), sorted(indices)])


def stream(case):
    """The events, and after each that is the newest so far the watermark that it brings."""
    events, newest = TestStream(), None
    for index, (key, time) in enumerate(zip(case["key"], case["event_time"], strict=True)):
        moment = Timestamp(micros=time * 1_000)
        events = events.add_elements([window.TimestampedValue((key, index), moment)])
        if newest is None or time > newest:
            newest = time
            watermark = Timestamp(micros=(newest - case["setting"]["delay_ms"]) * 1_000)
            events = events.advance_watermark_to(watermark)
    events = events.add_elements([window.TimestampedValue((0, END), watermark)])
    return events.advance_watermark_to_infinity()


def run(case, log):
    kind, length, *parts = case["setting"]["window"]
    sizes = [Duration(micros=size * 1_000) for size in (length, *(length // n for n in parts))]
    windows = WINDOWS[kind](*sizes)
    options = PipelineOptions([])
    options.view_as(StandardOptions).streaming = True
    with beam.Pipeline("BundleBasedDirectRunner", options=options) as pipeline:
        _ = (
            pipeline
            | stream(case)
            | beam.ParDo(NoteArrival(log))
            | beam.WindowInto(
                windows,
                trigger=trigger.AfterWatermark(late=trigger.AfterCount(1)),
                accumulation_mode=trigger.AccumulationMode.ACCUMULATING,
                allowed_lateness=Duration(micros=case["setting"]["allowed_lateness_ms"] * 1_000),
            )
            | beam.GroupByKey()
            | beam.ParDo(NotePane(log))
        )
    return firings(log)


def firings(log):
    found, arrived = [], None
    for line in Path(log).read_text().splitlines():
        what, *row = json.loads(line)
        if what == "arrived":
            arrived = None if row[0] == END else row[0]
        else:
            found.append([*row, arrived, None])
    return {"firings": found}


def main(cases_path, answers_path):
    answers = []
    for case in json.loads(Path(cases_path).read_text()):
        with tempfile.TemporaryDirectory() as folder:
            try:
                answers.append(run(case, str(Path(folder) / "log")))
            except Exception as error:  # noqa: BLE001 - the runner's own, of any kind
                answers.append({"failed": repr(error)})
    Path(answers_path).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
