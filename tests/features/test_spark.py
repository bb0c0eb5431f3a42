"""Spark against the single process, to the last bit, on a real local Spark."""

from __future__ import annotations

import shutil
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from features import compute_features, default_features
from features.snapshots import snapshots_at_ages
from history import History

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spark():
    pytest.importorskip("pyspark", reason="Spark is not installed: make spark")
    if shutil.which("java") is None:
        pytest.skip("there is no Java on this machine")
    from pyspark.sql import SparkSession

    patched = pytest.MonkeyPatch()
    patched.setenv("PYSPARK_PYTHON", sys.executable)
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    yield session
    session.stop()
    patched.undo()


@pytest.fixture(scope="module")
def history(small_company):
    """Return the sample company with one lead of a hundred thousand engagements."""
    whole = small_company.history
    random = np.random.default_rng(3)
    busy = whole.leads["lead_id"].iloc[0]
    more = whole.engagements.sample(100_000, replace=True, random_state=1)
    lag = pd.to_timedelta(random.integers(0, 86_400 * 90, len(more)), unit="s")
    more = more.assign(
        lead_id=busy,
        engagement_id=[f"busy {number}" for number in range(len(more))],
        recorded_at=(more["occurred_at"] + lag).dt.as_unit("us"),
    )
    tables = {**whole.frames(), "engagements": pd.concat([whole.engagements, more])}
    return History.from_frames(tables, whole.observed_until, whole.current_only)


@pytest.fixture
def on_spark(spark, tmp_path):
    """Return what hands a frame to Spark as a Parquet file: categories as text."""

    def handed(frame, name="frame"):
        texts = [
            column
            for column, kind in frame.dtypes.items()
            if not isinstance(kind, pd.DatetimeTZDtype) and kind != "float64"
        ]
        plain = frame.astype(dict.fromkeys(texts, "str"))
        plain.to_parquet(tmp_path / f"{name}.parquet", index=False)
        return spark.read.parquet(str(tmp_path / f"{name}.parquet"))

    return handed


def test_spark_equals_the_single_process(history, on_spark):
    from features.spark import compute_features_on_spark

    features = default_features(history)
    snapshots = snapshots_at_ages(history, (7, 60, 180), target="won", until=history.observed_until)
    wanted = compute_features(history, snapshots, features)
    tables = {name: on_spark(frame, name) for name, frame in history.frames().items() if len(frame)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Spark's own, about pandas
        found = (
            compute_features_on_spark(
                tables,
                on_spark(snapshots),
                features,
                current_only=history.current_only,
                parts=7,
            )
            .toArrow()
            .to_pandas()
        )
    found = found.sort_values(["lead_id", "as_of"], ignore_index=True)
    assert len(found) == len(snapshots)
    assert found["lead_id"].tolist() == snapshots["lead_id"].tolist()
    for name in wanted.values.columns:
        left = [None if pd.isna(value) else value for value in found[name]]
        right = [None if pd.isna(value) else value for value in wanted.values[name]]
        assert left == right, name


def test_a_session_in_another_zone_is_refused(spark, history, on_spark):
    from features.spark import compute_features_on_spark

    leads = on_spark(history.leads[["lead_id", "created_at"]])
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        with pytest.raises(ValueError, match="set it to UTC"):
            compute_features_on_spark({"leads": leads}, leads, [])
        with pytest.raises(ValueError, match="the table leads is missing"):
            compute_features_on_spark({}, leads, [])
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
