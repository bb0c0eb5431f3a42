"""Parts against the whole, to the last bit."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features import compute_features, default_features
from features.snapshots import snapshots_at_ages
from features.stream import write_features


@pytest.fixture
def folder(tmp_path, small_company):
    for name, frame in small_company.history.frames().items():
        values = frame.astype({"value": "str"}) if name == "attribute_history" else frame
        values.to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


@pytest.fixture
def snapshots(small_company):
    history = small_company.history
    return snapshots_at_ages(history, (7, 60, 180), target="won", until=history.observed_until)


@pytest.mark.parametrize("parts", [1, 7])
def test_parts_equal_the_whole(folder, snapshots, small_company, parts):
    history = small_company.history
    features = default_features(history)
    snapshots.sample(frac=1, random_state=1).to_parquet(folder / "snapshots.parquet")
    out = folder / "out.parquet"
    count = write_features(
        folder,
        folder / "snapshots.parquet",
        features,
        out,
        current_only=history.current_only,
        parts=parts,
        memory="200MB",
    )
    assert count == len(snapshots)
    found = pq.read_table(out).to_pandas().sort_values(["lead_id", "as_of"], ignore_index=True)
    wanted = compute_features(history, snapshots, features)
    assert found["lead_id"].tolist() == snapshots["lead_id"].tolist()
    for name in wanted.values.columns:
        left = [None if pd.isna(value) else value for value in found[name]]
        right = [None if pd.isna(value) else value for value in wanted.values[name]]
        assert left == right, name
    assert sorted(file.name for file in folder.iterdir() if "tmp" in file.name) == []


def test_a_snapshot_of_nobody_is_refused_and_nothing_is_written(folder, snapshots):
    snapshots.head(1).assign(lead_id="nobody").to_parquet(folder / "snapshots.parquet")
    with pytest.raises(ValueError, match="no lead 'nobody'"):
        write_features(
            folder,
            folder / "snapshots.parquet",
            [],
            folder / "out.parquet",
        )
    assert not (folder / "out.parquet").exists()


def test_a_folder_without_leads_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected leads\.parquet"):
        write_features(
            tmp_path,
            tmp_path / "snapshots.parquet",
            [],
            tmp_path / "out.parquet",
        )
