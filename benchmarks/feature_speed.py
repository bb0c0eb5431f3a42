"""Speed of the feature computation beside what people would write instead, in one run.

    python benchmarks/feature_speed.py [--engagements N] [--write-docs | --stream]

A skewed history (a few leads hold most engagements, one of them two in a hundred) lies in Parquet
files. Everybody starts from the files and computes the same counts, sums and recencies of the
same snapshots, checked equal to the last bit; times are ratios within this run. Scanning and
sorting the files alone is the floor.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features import Feature, FeatureEngine, default_features
from features.plan import Plan
from features.stream import write_features
from history import History

DOCS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
KINDS = ["email_open", "email_click", "visit", "form", "call", "meeting", "webinar", "chat"]
PLAIN = {"count", "sum", "days_since_last"}


def write_history(folder: Path, engagements: int) -> None:
    """Write a skewed history and its snapshots: five of every lead, one lead for 50 engagements."""
    random = np.random.default_rng(7)
    leads = max(20, engagements // 50)
    names = np.array([f"L{number:07d}" for number in range(leads)])
    weight = random.lognormal(0, 1.5, leads)
    weight[0] = weight.sum() / 50
    owner = random.choice(leads, engagements, p=weight / weight.sum())
    born = random.integers(0, 365 * 86_400_000_000, leads)
    ages = random.exponential(60 * 86_400_000_000, engagements).astype(np.int64)
    kind = random.choice(len(KINDS), engagements, p=np.arange(8, 0, -1) / 36)
    occurred = _instants(born[owner] + ages)
    late = pd.to_timedelta(np.where(random.random(engagements) < 0.03, 36, 0), unit="h")
    pd.DataFrame(
        {
            "engagement_id": [f"e{number:09d}" for number in range(engagements)],
            "lead_id": names[owner],
            "occurred_at": occurred,
            "recorded_at": occurred + late,
            "kind": pd.Categorical.from_codes(kind, KINDS),
            "team": pd.Categorical.from_codes((kind > 3).astype(int), ["marketing", "sales"]),
            "channel": pd.Categorical.from_codes(kind // 3, ["email", "web", "phone"]),
            "direction": pd.Categorical.from_codes(kind % 2, ["inbound", "outbound"]),
            "value": np.where(
                random.random(engagements) < 0.2, np.round(ages % 9999 / 100, 2), np.nan
            ),
        }
    ).to_parquet(folder / "engagements.parquet")
    accounts = [f"A{number // 3}" for number in range(leads)]
    born_at = _instants(born)
    pd.DataFrame({"lead_id": names, "created_at": born_at, "account_id": accounts}).to_parquet(
        folder / "leads.parquet"
    )
    parts = [
        pd.DataFrame({"lead_id": names, "as_of": born_at + pd.Timedelta(days=age)})
        for age in (3, 14, 30, 60, 120)
    ]
    pd.concat(parts, ignore_index=True).to_parquet(folder / "snapshots.parquet")


def _instants(micros: np.ndarray) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(micros, unit="us")).dt.as_unit("us")


def read_history(folder: Path) -> History:
    """Read the history from its files."""
    tables = {
        name: pd.read_parquet(folder / f"{name}.parquet") for name in ("leads", "engagements")
    }
    return History.from_frames(tables)


def scan(folder: Path) -> None:
    """Read the files, and nothing more."""
    pq.read_table(folder / "engagements.parquet")


def scan_and_sort(folder: Path) -> None:
    """Read the files and sort the engagements by lead and time, as every way must."""
    pq.read_table(folder / "engagements.parquet").sort_by(
        [("lead_id", "ascending"), ("occurred_at", "ascending")]
    )


def with_kernel(folder: Path, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute them as the product does."""
    snapshots = pd.read_parquet(folder / "snapshots.parquet")
    return FeatureEngine(read_history(folder), features).compute(snapshots).values


def with_duckdb(folder: Path, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute them in one query: a join on lead and time, and filtered aggregates."""
    columns = ", ".join(f"{_sql(feature)} AS {feature.name}" for feature in features)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = f"""
            WITH s AS (SELECT row_number() OVER () AS n, * FROM '{folder}/snapshots.parquet')
            SELECT {columns} FROM s LEFT JOIN '{folder}/engagements.parquet' e
              ON e.lead_id = s.lead_id AND e.occurred_at < s.as_of AND e.recorded_at < s.as_of
            GROUP BY s.n, s.as_of ORDER BY s.n"""
        return connection.execute(query).df().astype("float64")


def _sql(feature: Feature) -> str:
    conditions = ["e.lead_id IS NOT NULL"]
    if feature.window_days:
        conditions.append(f"e.occurred_at >= s.as_of - INTERVAL {feature.window_days} DAY")
    conditions += [f"e.{name} = '{values[0]}'" for name, values in feature.where.items()]
    chosen = f"FILTER (WHERE {' AND '.join(conditions)})"
    if feature.aggregate == "count":
        return f"count(*) {chosen}"
    if feature.aggregate == "sum":
        cents = f"CAST(round(e.{feature.column} * 100) AS BIGINT)"
        return f"coalesce(sum({cents}) {chosen}, 0) / 100.0"
    return f"(epoch_us(s.as_of) - epoch_us(max(e.occurred_at) {chosen})) / 86400000000.0"


def with_pandas(folder: Path, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute them by a merge and one groupby a feature."""
    snapshots = pd.read_parquet(folder / "snapshots.parquet").rename_axis("n").reset_index()
    rows = pd.read_parquet(folder / "engagements.parquet").merge(snapshots, on="lead_id")
    rows = rows[(rows["occurred_at"] < rows["as_of"]) & (rows["recorded_at"] < rows["as_of"])]
    rows["cents"] = (rows["value"] * 100).round()
    age = rows["as_of"] - rows["occurred_at"]
    found = {}
    for feature in features:
        keep = np.ones(len(rows), dtype=bool)
        if feature.window_days:
            keep &= (age <= pd.Timedelta(days=feature.window_days)).to_numpy()
        for name, values in feature.where.items():
            keep &= (rows[name] == values[0]).to_numpy()
        group = rows[keep].groupby("n")
        if feature.aggregate == "count":
            found[feature.name] = group.size().reindex(snapshots["n"], fill_value=0)
        elif feature.aggregate == "sum":
            found[feature.name] = group["cents"].sum().reindex(snapshots["n"], fill_value=0) / 100
        else:
            last = group["occurred_at"].max().reindex(snapshots["n"])
            gone = snapshots["as_of"].to_numpy() - last.to_numpy()
            found[feature.name] = gone / np.timedelta64(86_400_000_000, "us")
    return pd.DataFrame(found).astype("float64").reset_index(drop=True)


def stream(folder: Path, engagements: int) -> str:
    """Run the part-by-part build in a process of its own, in parts of 60,000 engagements."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        seconds, snapshots, peak = pool.apply(_stream, (folder, max(8, engagements // 60_000)))
    return (
        f"{engagements:,} engagements, {snapshots:,} snapshots, part by part: {seconds:.1f} s, "
        f"peak {peak:,} MB"
    )


def _stream(folder: Path, parts: int) -> tuple[float, int, int]:
    first = next(pq.ParquetFile(folder / "engagements.parquet").iter_batches(50_000)).to_pandas()
    leads = pd.read_parquet(folder / "leads.parquet")
    known = leads[leads["lead_id"].isin(first["lead_id"])]
    features = default_features(History.from_frames({"leads": known, "engagements": first}))
    started = time.perf_counter()
    snapshots = write_features(
        folder,
        folder / "snapshots.parquet",
        features,
        folder / "out.parquet",
        observed_until=START + pd.Timedelta(days=1095),
        parts=parts,
    )
    return time.perf_counter() - started, snapshots, _peak_mb()


def _peak_mb() -> int:
    """Return this process's peak of memory in MB.

    Not getrusage: on Linux its peak survives exec, so that a child begins with its parent's.
    """
    status = Path("/proc/self/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def timed(work: Callable[[], object], times: int) -> tuple[float, object]:
    """Return the least time of a few runs, and the result."""
    best, result = float("inf"), None
    for _ in range(times):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def online(engagements: int) -> tuple[float, float]:
    """Return the microseconds of the kernel and of the engine for one lead, from its arrays."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_history(folder, engagements * 40)
        history = read_history(folder)
    biggest = history.engagements["lead_id"].value_counts().index[0]
    rows = history.engagements
    rows = rows.assign(lead_id=biggest).iloc[:engagements]
    lead = history.leads[(history.leads["lead_id"] == biggest).to_numpy()]
    one = History.from_frames({"leads": lead, "engagements": rows})
    engine = FeatureEngine(one, default_features(one))
    plan, log, _ = engine.passes["engagements"]
    as_of = one.observed_until
    snapshots = pd.DataFrame({"lead_id": [biggest], "as_of": [as_of]})
    group, instant = np.zeros(1, np.int64), snapshots["as_of"].astype("int64").to_numpy()
    kernel = _median(lambda: Plan.run(plan, log, group=group, as_of=instant))
    return kernel, _median(lambda: engine.compute(snapshots))


def _median(work: Callable[[], object]) -> float:
    times = [timed(work, 1)[0] for _ in range(51)]
    return float(np.median(times)) * 1e6


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="not needed here")
    parser.add_argument("--engagements", type=int, default=300_000)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--stream", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_history(folder, wanted.engagements)
        if wanted.stream:
            print(stream(folder, wanted.engagements))
            return
        lines = measure(folder, wanted.engagements)
    for size, budget in ((200, 100), (10_000, 2_000)):
        kernel, engine = online(size)
        lines.append(
            f"\nOne lead with {size:,} engagements: {kernel:,.0f} µs from its arrays (goal below "
            f"{budget:,}), {engine:,.0f} µs with frames around it."
        )
    text = "\n".join(lines)
    print(text)
    if wanted.write_docs:
        DOCS.mkdir(parents=True, exist_ok=True)
        command = f"python benchmarks/feature_speed.py --engagements {wanted.engagements}"
        (DOCS / "features.md").write_text(f"# Speed of the features\n\n`{command}`\n\n{text}\n")


def measure(folder: Path, engagements: int) -> list[str]:
    """Time every way on the same files, and see that they agree."""
    history = read_history(folder)
    every = default_features(history)
    plain = [f for f in every if f.source == "engagements" and f.aggregate in PLAIN]
    snapshots = pq.read_metadata(folder / "snapshots.parquet").num_rows
    with_kernel(folder, every)  # compiled and cached before anything is timed
    floor, _ = timed(lambda: scan_and_sort(folder), 3)
    rows = [("scan", timed(lambda: scan(folder), 3)[0], 0), ("scan and sort", floor, 0)]
    rows.append(
        (f"all {len(every)} features", timed(lambda: with_kernel(folder, every), 3)[0], len(every))
    )
    ours, wanted = timed(lambda: with_kernel(folder, plain), 3)
    rows.append((f"the {len(plain)} plain ones", ours, len(plain)))
    for label, way in (("DuckDB, one query", with_duckdb), ("pandas", with_pandas)):
        seconds, found = timed(lambda way=way: way(folder, plain), 1)
        pd.testing.assert_frame_equal(found, wanted, check_exact=True, check_index_type=False)
        rows.append((label, seconds, len(plain)))
    lines = [
        f"{engagements:,} engagements, {snapshots:,} snapshots, from Parquet files to a frame.\n",
        "| way | features | seconds | scan and sort = 1 | the plain ones = 1 |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for label, seconds, count in rows:
        ratios = f"{seconds / floor:.1f} | {seconds / ours:.1f}"
        lines.append(f"| {label} | {count or ''} | {seconds:.2f} | {ratios} |")
    return lines


if __name__ == "__main__":
    main()
