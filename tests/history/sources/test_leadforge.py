"""Bundles of an independent simulator, in both of its modes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from history import SourceError, open_store
from history.sources import read

NOW = pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us")


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    program = Path(sys.executable).with_name("leadforge")
    if not program.is_file():
        pytest.skip("leadforge is not installed beside this Python")
    made = {}
    for mode in ("student_public", "research_instructor"):
        made[mode] = tmp_path_factory.mktemp("leadforge") / mode
        words = ["generate", "-r", "b2b_saas_procurement_v1", "--seed", "7", "--n-leads", "300"]
        command = [str(program), *words, "--mode", mode, "--out", str(made[mode])]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["student_public", "research_instructor"])
def test_a_bundle_becomes_a_history_without_its_leaks(bundles, mode, tmp_path):
    extract = read(bundles[mode])
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    assert extract.format == "leadforge"
    assert store.ingest(extract, now=NOW).total.rejected == 0
    assert store.ingest(extract, now=NOW).total.accepted == 0
    history = store.history()
    assert len(history.leads) == 300
    assert not {"converted_within_90_days", "conversion_timestamp", "stage"} & set(history.leads)
    assert {name for name in ("current_stage", "is_sql") if name in history.leads} == {
        name.split(".")[1] for name in history.current_only
    }


@pytest.mark.slow
def test_both_modes_agree_on_who_was_won(bundles):
    won = []
    for bundle in bundles.values():
        outcomes = read(bundle).tables["outcomes"].frame
        won.append(set(outcomes.loc[outcomes["stage"] == "won", "lead_id"]))
    assert won[0] == won[1]
    assert len(won[0]) > 20


@pytest.mark.slow
def test_a_bundle_without_a_table_is_refused(bundles, tmp_path):
    for name in ("tables", "tasks"):
        (tmp_path / name).symlink_to(bundles["student_public"] / name)
    with pytest.raises(SourceError, match="not recognised"):
        read(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "tasks").unlink()
    with pytest.raises(SourceError, match="converted_within_N_days"):
        read(tmp_path)
