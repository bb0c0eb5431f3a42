"""Every code block of README.md and docs/ runs, or says why it does not.

A block that cannot run here is preceded by a comment, ``<!-- not run: why -->``. The blocks of a
page run in order, in one folder: Python blocks as one program, shell blocks as one script.
"""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from serving.local import local_service
from settings import Settings
from tests.serving.installation import ROOT

ELSEWHERE = {"docs/http.md": "tests/serving/test_http_docs.py"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL, PYTHON = ("sh", "bash"), ("python",)
KNOWN = (*SHELL, *PYTHON, "toml", "json", "csv", "js", "ini", "text")
PREAMBLE = """
from history import open_store
history = open_store("sqlite:///var/history.db").history()
"""
TUNED = """
from features import build_training_set
from models import tune
tuned = tune(build_training_set(history), trials=1, folds=2)
"""
KEY_ID = (
    "$(smarketing keys list --json | "
    "python3 -c 'import json,sys; print(json.load(sys.stdin)[0][\"key_id\"])')"
)


@dataclass(frozen=True)
class Block:
    """A code block: where it stands, its language, its text, and why it is not run."""

    page: str
    line: int
    language: str
    code: str
    not_run: str | None


def blocks_of(file: Path) -> list[Block]:
    """Return the code blocks of a page."""
    found, before = [], None
    for token in MarkdownIt().parse(file.read_text("utf-8")):
        if token.type == "fence":
            told = re.match(r"<!-- not run: (.+?) -->", before or "")
            why = told.group(1) if told else None
            page, line = str(file.relative_to(ROOT)), (token.map or [0])[0] + 1
            found.append(Block(page, line, token.info.strip(), token.content, why))
        before = token.content if token.type == "html_block" else None
    return found


BLOCKS = [block for file in PAGES for block in blocks_of(file) if block.page not in ELSEWHERE]
RUN = [block for block in BLOCKS if block.not_run is None]


def pages_with(languages):
    pages = list(dict.fromkeys(block.page for block in RUN if block.language in languages))
    return pytest.mark.parametrize(
        ("page", "place"), [(page, page) for page in pages], ids=pages, indirect=["place"]
    )


def joined(page, languages):
    return [block.code for block in RUN if block.page == page and block.language in languages]


def test_every_block_has_a_language_that_something_checks():
    unknown = [(b.page, b.line, b.language) for b in BLOCKS if b.language not in KNOWN]
    assert unknown == []
    assert len(RUN) > 20


def test_pages_that_are_run_elsewhere_are_named_there():
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text("utf-8")


@pytest.mark.slow
@pages_with(SHELL)
def test_the_commands_of_a_page_run(page, place):
    script = "\n".join(joined(page, SHELL)).replace("KEY_ID", KEY_ID)
    if "curl" not in script:
        done = place.shell(script)
        assert done.returncode == 0, done.stdout + done.stderr
        return
    with local_service(settings_in(place.folder)) as address:
        done = place.shell(script.replace("http://127.0.0.1:3000", address))
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"ok"' in done.stdout


def settings_in(folder):
    """Return the settings of an installation made with the defaults."""
    settings = Settings()
    history = {"url": f"sqlite:///{folder}/var/history.db"}
    tracking = {
        "uri": f"sqlite:///{folder}/mlruns/mlflow.db",
        "artifacts": f"{folder}/mlruns/artifacts",
    }
    return settings.model_copy(
        update={
            "history": settings.history.model_copy(update=history),
            "tracking": settings.tracking.model_copy(update=tracking),
        }
    )


@pytest.mark.slow
@pages_with(PYTHON)
def test_the_python_of_a_page_runs(page, place):
    code = "\n".join(joined(page, PYTHON))
    preamble = PREAMBLE + (TUNED if "tuned." in code and "tune(" not in code else "")
    done = place.run(sys.executable, "-c", preamble + code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "block", [b for b in RUN if b.language == "toml"], ids=lambda b: f"{b.page}:{b.line}"
)
def test_toml_is_accepted_by_the_settings(block, tmp_path):
    (tmp_path / "smarketing.toml").write_text(block.code)
    Settings.load(tmp_path / "smarketing.toml")


@pytest.mark.parametrize(
    "block", [b for b in RUN if b.language == "json"], ids=lambda b: f"{b.page}:{b.line}"
)
def test_json_is_json(block):
    assert json.loads(block.code)


def test_the_files_of_the_tutorial_are_read_without_a_bad_row(tmp_path):
    from history import open_store
    from history.extract import Extract, RawTable

    leads, engagements = joined("docs/tutorials/first-hour.md", ("csv",))
    tables = {
        name: RawTable(pd.read_csv(io.StringIO(text), dtype=str), name)
        for name, text in (("leads", leads), ("engagements", engagements))
    }
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    store.ingest(Extract("files", tables), now=pd.Timestamp("2025-02-01", tz="UTC"))
    assert store.quarantine().empty
    assert store.counts()["leads"] == store.counts()["engagements"] == 2
