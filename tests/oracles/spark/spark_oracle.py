"""Runs sequences of events through Spark Structured Streaming and writes down every result.

Arguments: a JSON file of cases (see cases.py), and the file to write. Each case is a query of its
own, each batch a file. An answer lists firings: key, start, end, the events' indices, the index of
the last event of the batch in which it came out, and None for the received time; index None where
it took the last, artificial batches, whose event of another key lies far in the future.
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


def batch_ends(case):
    setting, events = case["setting"], len(case["event_time"])
    ends = setting["batch_ends"] or range(
        setting["batch_records"], events, setting["batch_records"]
    )
    return [*(end for end in ends if end < events), events]


def write_batches(case, ends, folder):
    """One file a batch, a second apart, for the source takes the oldest first."""
    rows = [
        {"id": i, "k": k, "t": t}
        for i, (k, t) in enumerate(zip(case["key"], case["event_time"], strict=True))
    ]
    far = {"id": NOBODY, "k": NOBODY, "t": max(case["event_time"]) + FAR}
    begins = [0, *ends]
    batches = [rows[a:b] for a, b in zip(begins, ends, strict=False)] + [[far]]
    for number, batch in enumerate(batches):
        path = folder / f"{number:05}.json"
        path.write_text("\n".join(json.dumps(row) for row in batch))
        os.utime(path, (1_000_000 + number, 1_000_000 + number))


def run(spark, case):
    with tempfile.TemporaryDirectory() as folder:
        return run_in(Path(folder), spark, case)


def run_in(folder, spark, case):
    ends = batch_ends(case)
    inputs = folder / "in"
    inputs.mkdir()
    write_batches(case, ends, inputs)
    kind, length = case["setting"]["window"]
    window = (F.session_window if kind == "session" else F.window)("ts", f"{length} milliseconds")
    results = (
        spark.readStream.schema(COLUMNS)
        .option("maxFilesPerTrigger", 1)
        .json(str(inputs))
        .withColumn("ts", F.timestamp_millis("t"))
        .withWatermark("ts", f"{case['setting']['delay_ms']} milliseconds")
        .groupBy(window.alias("w"), "k")
        .agg(F.collect_list("id").alias("ids"))
        .select("k", F.unix_millis("w.start"), F.unix_millis("w.end"), "ids")
    )
    firings = []

    def note(batch, number):
        # The batch after the last stands for the empty one that would follow it.
        at = ends[min(number, len(ends) - 1)] - 1 if number <= len(ends) else None
        firings.extend([*row[:3], sorted(row[3]), at, None] for row in batch.collect())

    query = (
        results.writeStream.outputMode("append")
        .option("checkpointLocation", str(folder / "checkpoint"))
        .trigger(availableNow=True)
        .foreachBatch(note)
        .start()
    )
    query.awaitTermination()
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
