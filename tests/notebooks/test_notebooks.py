"""Every notebook runs from top to bottom, and what it shows names no machine."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from notebooks.execute import execute

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 400_000
"""Bytes: what is committed stays small."""


def shown(notebook):
    """Return what the code cells print, and the text of what they end with."""
    return [
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]


def test_there_is_a_notebook_for_each_part_of_the_story():
    assert [file.name[:2] for file in NOTEBOOKS] == [f"0{n}" for n in range(1, 8)]


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_from_top_to_bottom(file, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")
    ran = execute(file, tmp_path)
    if file.stem.startswith("01"):  # no model, no floats of another machine: equal to the letter
        assert shown(ran) == shown(nbformat.read(file, as_version=4))


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_readable_without_running(file):
    cells = [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert any(
        "image/png" in str(output.get("data", "")) for cell in cells for output in cell.outputs
    )
    assert not [o for cell in cells for o in cell.outputs if o.get("name") == "stderr"]
    assert file.stat().st_size < LARGEST


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_names_no_machine(file):
    text = "\n".join(map(str, shown(nbformat.read(file, as_version=4))))
    assert str(Path.home()) not in text
    assert re.findall(r"/(?:tmp|home|root|work)/\S*|127\.0\.0\.1:\d+", text) == []
