"""Run notebooks from top to bottom and keep what they show: `make notebooks`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent


def execute(file: Path, folder: Path) -> nbformat.NotebookNode:
    """Return a notebook as it is after a run in a folder; nothing of this machine is in it.

    Raises
    ------
    nbclient.exceptions.CellExecutionError : a cell failed.
    """
    notebook = nbformat.read(file, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    # Optuna's progress bar would tell the reader to install widgets.
    client.execute(env={**os.environ, "PYTHONWARNINGS": "ignore:IProgress not found"})
    for cell in notebook.cells:
        if "chatty" in cell.metadata.get("tags", ()):  # starts a program with words of its own
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def main(names: list[str]) -> None:
    """Execute all notebooks, or those named, in place."""
    for file in sorted(HERE.glob("*.ipynb")):
        if names and file.stem not in names:
            continue
        begun = time.perf_counter()
        with TemporaryDirectory() as folder:
            nbformat.write(execute(file, Path(folder)), file)
        print(f"{file.name}: {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
