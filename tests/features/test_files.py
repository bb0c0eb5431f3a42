"""Files against the history that they make, to the last bit."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features import FeatureEngine
from features.checking import TABLE_OF
from features.files import ROWS, columns_of, engine_of_files, files_of
from features.pieces import of_files, of_table
from tests.features.strategies import BASE, every_feature, histories, snapshots_of
from tests.features.test_compute import assert_same

FEATURES = [each for each in every_feature() if each.source not in ("lead", "account")]
"""Attributes come from frames either way, and their values of any kind fit no Parquet column."""


def _written(history, folder: Path, seed: int) -> dict[str, Path]:
    """Write the tables in no order, a few rows to a row group."""
    for name, frame in history.frames().items():
        if len(frame) and name not in ("attribute_history", "accounts"):
            shuffled = frame.sample(frac=1, random_state=seed)
            shuffled.to_parquet(folder / f"{name}.parquet", index=False, row_group_size=3)
    return files_of(folder)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate],
)
@given(st.data())
def test_files_equal_their_history(data):
    history = data.draw(histories())
    snapshots = data.draw(snapshots_of(history))
    wanted = FeatureEngine(history, FEATURES).compute(snapshots).values
    with TemporaryDirectory() as name:
        files = _written(history, Path(name), data.draw(st.integers(0, 9)))
        assert_same(engine_of_files(files, FEATURES).compute(snapshots).values, wanted)


@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(st.data())
def test_tables_in_memory_equal_their_history(data):
    history = data.draw(histories())
    snapshots = data.draw(snapshots_of(history))
    wanted = FeatureEngine(history, FEATURES).compute(snapshots).values
    with TemporaryDirectory() as name:
        files = _written(history, Path(name), 3)
        rows = {name: of_table(pq.read_table(files[name])) for name in ROWS & set(files)}
    assert_same(FeatureEngine(history, FEATURES, rows).compute(snapshots).values, wanted)


def test_only_what_features_look_at_is_read():
    counts = [
        each for each in FEATURES if each.source == "engagements" and each.aggregate == "count"
    ]
    columns = columns_of(counts)
    assert set(columns) == {"engagements"}
    assert "engagement_id" not in columns["engagements"]
    assert "value" not in columns["engagements"]
    assert set(columns_of(FEATURES)) == set(TABLE_OF.values())


@pytest.fixture
def folder(tmp_path):
    leads = pd.DataFrame({"lead_id": ["a"], "created_at": [BASE]})
    leads.to_parquet(tmp_path / "leads.parquet")
    return tmp_path


def test_a_folder_without_leads_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected leads\.parquet"):
        files_of(tmp_path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"lead_id": ["a"], "kind": ["visit"]}, "lacks the column 'occurred_at'"),
        ({"lead_id": ["a", "a"], "occurred_at": [BASE, None]}, "a row has no occurred_at"),
    ],
)
def test_rows_without_a_time_are_refused(folder, rows, words):
    pd.DataFrame(rows).to_parquet(folder / "engagements.parquet")
    with pytest.raises(ValueError, match=words):
        engine_of_files(files_of(folder), FEATURES)


def test_few_row_groups_are_read_at_once_and_many_one_by_one(folder):
    rows = pd.DataFrame({"lead_id": list("abcdefgh"), "occurred_at": [BASE] * 8})
    rows.to_parquet(folder / "engagements.parquet", row_group_size=2)
    file = folder / "engagements.parquet"
    assert [each.size for each in of_files(file, {"lead_id"}, least=4)] == [2, 2, 2, 2]
    assert [each.size for each in of_files(file, {"lead_id"}, least=5)] == [8]
