"""The same kernel on Spark beside native Spark SQL, in one run on one local Spark.

    python benchmarks/spark_speed.py [--engagements N] [--write-docs]

Needs `make spark` and Java 17. Both ways start from the same Parquet files and compute the same
counts, sums and recencies, checked equal to the last bit.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from parts.feature_history import asked_features, read_history, write_history
from parts.feature_sql import SPARK

from features import Feature, default_features

try:
    from pyspark.sql import DataFrame, SparkSession

    from features.spark import compute_features_on_spark
except ImportError:
    print("Left out: Spark is not installed (make spark).")
    sys.exit(0)

DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"


def session() -> SparkSession:
    """Start a Spark of two cores on this machine."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.executorEnv.OMP_NUM_THREADS", "1")
        .getOrCreate()
    )


def natively(tables: dict[str, DataFrame], features: list[Feature]) -> DataFrame:
    """Return the plan of a join on lead and time with filtered aggregates, in Spark's own SQL."""
    for name, frame in tables.items():
        frame.createOrReplaceTempView(name)
    spark = tables["leads"].sparkSession
    return spark.sql(
        f"""SELECT s.lead_id, s.as_of, {SPARK.columns(features)}
            FROM snapshots s LEFT JOIN engagements e
              ON e.lead_id = s.lead_id AND e.occurred_at < s.as_of AND e.recorded_at < s.as_of
            GROUP BY s.lead_id, s.as_of"""
    )


def timed(plan: DataFrame, file: Path) -> tuple[float, pd.DataFrame]:
    """Run a plan to a file; return its seconds and what it wrote, in order."""
    started = time.perf_counter()
    plan.write.mode("overwrite").parquet(str(file))
    seconds = time.perf_counter() - started
    found = pd.read_parquet(file)
    return seconds, found.sort_values(["lead_id", "as_of"], ignore_index=True)


def main() -> None:
    """Run both ways and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="not needed here")
    parser.add_argument("--engagements", type=int, default=1_000_000)
    parser.add_argument("--write-docs", action="store_true")
    wanted = parser.parse_args()
    spark = session()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_history(folder, wanted.engagements)
        history = read_history(folder)
        every, plain = asked_features(history)
        names = ("leads", "engagements", "snapshots")
        tables = {each: spark.read.parquet(str(folder / f"{each}.parquet")) for each in names}
        stored = {each: tables[each] for each in ("leads", "engagements")}

        def kernel(features: list[Feature]) -> DataFrame:
            return compute_features_on_spark(
                stored,
                tables["snapshots"],
                features,
                parts=8,
            )

        timed(kernel(plain[:1]), folder / "warm")  # starts the workers
        rows = []
        default = {each.name for each in default_features(history)}
        for chosen in ([each for each in plain if each.name in default], plain):
            native, one = timed(natively(tables, chosen), folder / "native")
            ours, other = timed(kernel(chosen), folder / "kernel")
            pd.testing.assert_frame_equal(one, other, check_exact=True, check_dtype=False)
            rows.append(
                f"| native Spark SQL | {len(chosen)} | {native:.1f} | {native / ours:.1f} |"
            )
            rows.append(f"| the kernel on Spark | {len(chosen)} | {ours:.1f} | 1.0 |")
        seconds, _ = timed(kernel(every), folder / "all")
        rows.append(f"| the kernel on Spark | {len(every)} | {seconds:.1f} | |")
    spark.stop()
    text = "\n".join(
        [
            f"{wanted.engagements:,} engagements, {len(one):,} snapshots, from Parquet to Parquet "
            "on a local Spark of two cores.\n",
            "| way | features | seconds | kernel = 1 |",
            "| --- | ---: | ---: | ---: |",
            *rows,
        ]
    )
    print(text)
    if wanted.write_docs:
        asked = f"--engagements {wanted.engagements} --write-docs"
        command = f"python benchmarks/spark_speed.py {asked}"
        (DOCS / "spark.md").write_text(f"# The kernel on Spark\n\n`{command}`\n\n{text}\n")


if __name__ == "__main__":
    main()
