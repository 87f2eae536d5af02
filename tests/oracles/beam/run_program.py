"""Runs a Beam program's `count_events` on a file of JSON lines; prints the counts as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import apache_beam as beam

program: dict[str, object] = {"__name__": "program"}
exec(Path(sys.argv[1]).read_text(), program)
lines = Path(sys.argv[2]).read_bytes().splitlines()
with tempfile.TemporaryDirectory() as folder:
    with beam.Pipeline("BundleBasedDirectRunner") as pipeline:
        counts = program["count_events"](pipeline | beam.Create(lines))
        _ = counts | beam.Map(json.dumps) | beam.io.WriteToText(f"{folder}/counts")
    found = [
        json.loads(line)
        for path in Path(folder).iterdir()
        for line in path.read_text().splitlines()
    ]
print(json.dumps(sorted(found)))
