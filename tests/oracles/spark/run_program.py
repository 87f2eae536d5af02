"""Runs a PySpark program's `count_events` on a file of JSON lines; prints the rows as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from pyspark.sql import SparkSession

program: dict[str, object] = {"__name__": "program"}
exec(Path(sys.argv[1]).read_text(), program)
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", 1)
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
with tempfile.TemporaryDirectory() as folder:
    values = spark.readStream.text(str(Path(sys.argv[2]).parent))
    query = (
        program["count_events"](values)
        .writeStream.outputMode("append")
        .format("memory")
        .queryName("counts")
        .option("checkpointLocation", folder)
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    rows = spark.sql(
        "SELECT key, unix_millis(window.start), unix_millis(window.end), count FROM counts"
    )
    print(json.dumps(sorted(list(row) for row in rows.collect())))
