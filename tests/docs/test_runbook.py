"""The runbook knows every alert that the monitor can raise, and says what the program says."""

from __future__ import annotations

import ast
import inspect

from monitoring import report
from monitoring.words import WORDS
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "runbook.md").read_text("utf-8")


def codes():
    """Return the codes of alerts: those of the table of words, and those written where raised."""
    found = {code for code, *_ in WORDS.values()}
    texts = {
        node.value
        for function in (report._volume_alerts, report._silent, report._twice, report._told)
        for node in ast.walk(ast.parse(inspect.getsource(function)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return found | {
        text for text in texts if "_" in text and text.isidentifier() and text.islower()
    }


def test_every_alert_is_in_the_runbook_and_no_other():
    alerts = PAGE.split("## What an alert means")[1].split("\n## ")[0]
    rows = {line.split("`")[1] for line in alerts.splitlines() if line.startswith("| `")}
    assert {"not_fresh", "volume_fell", "flood_of_poor_leads", "channel_silent"} <= codes()
    assert rows == codes()


def test_what_readyz_says_is_what_the_program_says():
    told = PAGE.split("## What /readyz/details says")[1].split("\n## ")[0]
    sources = {
        "is champion yet": "src/models/records.py",
        "cannot be loaded: ": "src/models/registry.py",
        "missing or damaged": "src/models/storage.py",
        "the history cannot be opened: ": "serving/desk.py",
        "run `smarketing migrate`": "src/history/opening.py",
        "upgrade smarketing": "src/history/opening.py",
        "is locked by another process": "src/models/access.py",
        "is not a database of MLflow, or damaged": "src/models/access.py",
    }
    for words, source in sources.items():
        text = (ROOT / source).read_text("utf-8")
        assert words in text, words
        assert words in told


def test_the_regular_work_is_in_the_runbook():
    from pipelines.schedule import read

    for job in read(ROOT / "deploy" / "crontab"):
        assert f"`{' '.join(job.command.split()[:2])}" in PAGE
