"""Runs sequences of events through Spark Structured Streaming and writes down every result.

Arguments: a JSON file of cases (see cases.py), and the file to write. Each case is a live query of
its own with the default trigger, each batch a file. A case's `batches` say which events each has,
whether it rested before, and how many events had arrived: where it rested, all before has been
processed when the file appears, the batch without data included; else files appear together. An
answer lists firings: key, start, end, the events' indices, the index of the last event that had
arrived, and None for the received time; index None where it took the last, artificial batch, whose
event of another key lies far in the future.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - Spark's documentation calls it F

QUERIES_AT_ONCE = 4
FAR = 10**9
NOBODY = -1
COLUMNS = "id INT, k INT, t BIGINT"


def stretches(case):
    """Lists of batches, each a list of rows: those of a list wait together."""
    found = []
    for events, rested, _ in case["batches"]:
        if rested or not found:
            found.append([])
        found[-1].append(
            [{"id": i, "k": case["key"][i], "t": case["event_time"][i]} for i in events]
        )
    far = {"id": NOBODY, "k": NOBODY, "t": max(case["event_time"]) + FAR}
    return [*found, [[far]]]


def put(stretch, before, folder):
    """Let files appear at once, one a batch; the source takes the oldest first."""
    unseen = folder / "unseen"
    unseen.mkdir()
    for number, batch in enumerate(stretch, before):
        path = unseen / f"{number:05}.json"
        path.write_text("\n".join(json.dumps(row) for row in batch))
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    unseen.rename(folder / "in" / f"{before:05}")


def run(spark, case):
    # A query that was stopped may still write to its checkpoint.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return run_in(Path(folder), spark, case)


def run_in(folder, spark, case):
    kind, length, *parts = case["setting"]["window"]
    sizes = [f"{length} milliseconds", *(f"{length // n} milliseconds" for n in parts)]
    window = (F.session_window if kind == "session" else F.window)("ts", *sizes)
    (folder / "in" / "none").mkdir(parents=True)
    results = (
        spark.readStream.schema(COLUMNS)
        .option("maxFilesPerTrigger", 1)
        .json(f"{folder}/in/*")
        .withColumn("ts", F.timestamp_millis("t"))
        .withWatermark("ts", f"{case['setting']['delay_ms']} milliseconds")
        .groupBy(window.alias("w"), "k")
        .agg(F.collect_list("id").alias("ids"))
        .select("k", F.unix_millis("w.start"), F.unix_millis("w.end"), "ids")
    )
    firings, put_so_far, done = [], 0, 0

    def note(batch, _):
        # A batch without data runs once all that was put is done.
        nonlocal done
        done = min(done + 1, put_so_far)
        at = case["batches"][done - 1][2] - 1 if done <= len(case["batches"]) else None
        firings.extend([*row[:3], sorted(row[3]), at, None] for row in batch.collect())

    query = (
        results.writeStream.outputMode("append")
        .option("checkpointLocation", str(folder / "checkpoint"))
        .foreachBatch(note)
        .start()
    )
    for stretch in stretches(case):
        before, put_so_far = put_so_far, put_so_far + len(stretch)
        put(stretch, before, folder)
        query.processAllAvailable()
    query.stop()
    return {"firings": [firing for firing in firings if firing[0] != NOBODY]}


def main(cases_path, answers_path):
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", 1)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        # A query sees a handful of rows: compiling it costs more than it saves.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    cases = json.loads(Path(cases_path).read_text())
    with ThreadPoolExecutor(QUERIES_AT_ONCE) as threads:
        answers = list(threads.map(partial(run, spark), cases))
    Path(answers_path).write_text(json.dumps(answers))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
