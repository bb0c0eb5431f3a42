"""A small installation, trained by the demo, in which the examples of the documentation run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from history import History

ROOT = Path(__file__).resolve().parents[2]
COMMAND = """#!/bin/sh
# The audit tells of leaks by its exit code 1: the sample company has one.
"{python}" -m pipelines.cli "$@"
code=$?
if [ "$1" = audit ] && [ $code = 1 ]; then exit 0; fi
exit $code
"""


class Place:
    """A folder to work in, with `smarketing` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        commands = folder / ".commands"
        commands.mkdir(exist_ok=True)
        (commands / "smarketing").write_text(COMMAND.format(python=sys.executable))
        (commands / "smarketing").chmod(0o755)
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith("SMARKETING")
        }
        self.environment = ours | {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "PYTHONWARNINGS": "error::SyntaxWarning",
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return self.run("bash", "-euo", "pipefail", "-c", script)


def write_folder(history: History, folder: Path) -> None:
    """Write a canonical folder."""
    folder.mkdir()
    for name, frame in history.frames().items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    (folder / "current_only.txt").write_text("\n".join(history.current_only))


def flat_table(history: History) -> pd.DataFrame:
    """Return one row a lead, with what came of it."""
    won = history.outcomes.loc[history.outcomes["stage"] == "won", "lead_id"]
    leads = history.leads.drop(columns="crm_status")
    return leads.assign(converted=leads["lead_id"].isin(won), lead_number=range(len(leads)))


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory, small_company) -> Path:
    """Return a folder in which the demo ran, with sources named as in the documentation."""
    place = Place(tmp_path_factory.mktemp("installation"))
    done = place.shell("smarketing demo --leads 600 --trials 1")
    assert done.returncode == 0, done.stderr
    _sources(place.folder, small_company.history)
    return place.folder


@pytest.fixture(scope="session")
def untouched(tmp_path_factory, small_company) -> Path:
    """Return a folder of somebody who begins: sources, and nothing else."""
    folder = tmp_path_factory.mktemp("beginning")
    _sources(folder, small_company.history)
    return folder


def _sources(folder: Path, history: History) -> None:
    write_folder(history, folder / "FOLDER")
    write_folder(history.known_before(history.observed_until), folder / "OLDER_FOLDER")
    flat_table(history).to_csv(folder / "leads.csv", index=False)


@pytest.fixture
def place(request, demonstrated, untouched, tmp_path) -> Place:
    """Return a copy of one of them, for one page."""
    begins = request.param == "docs/tutorials/first-hour.md"
    shutil.copytree(untouched if begins else demonstrated, tmp_path / "here")
    return Place(tmp_path / "here")
