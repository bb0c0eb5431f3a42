"""`smarketing ingest`: the dry run, the saved mapping, and one's own."""

from __future__ import annotations

import json

import pytest

from pipelines import ingest
from pipelines.failures import UsageError
from pipelines.sources import reader_of
from settings import Settings
from settings.settings import HistorySettings
from tests.history.mapping import warehouse
from tests.history.sources import platform365


@pytest.fixture
def source(tmp_path):
    return warehouse.as_sqlite(tmp_path / "warehouse.db", warehouse.tables())


@pytest.fixture
def settings(tmp_path):
    return Settings(history=HistorySettings(url=f"sqlite:///{tmp_path}/history.db"))


def test_a_dry_run_shows_all_and_writes_nothing(settings, source, tmp_path, capsys):
    ingest.preview(settings, source, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown["format"] == "hubspot"
    assert shown["tables"]["leads"] == {"rows": 2, "duplicate": 0, "rejected": 0}
    assert any(rule["truth"] for rule in shown["mapping"])
    assert not (tmp_path / "history.db").exists()


def test_the_dry_run_speaks_to_people(settings, source, capsys):
    ingest.preview(settings, source)
    said = capsys.readouterr().out
    assert "in time: A meeting counts when it starts" in said
    assert "nothing was" in said


def test_a_reader_without_a_mapping_tells_its_choices(settings, tmp_path, capsys):
    platform365.write(tmp_path)
    ingest.preview(settings, str(tmp_path))
    said = " ".join(capsys.readouterr().out.split())
    assert "in time: 365_student_purchases -> outcomes" in said
    assert "the following midnight" in said
    ingest.preview(settings, str(tmp_path), as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["choices"]) == 3
    assert shown["mapping"] == []


def test_a_saved_mapping_reads_as_the_vendors_does(settings, source, tmp_path, capsys):
    file = tmp_path / "smarketing.toml"
    file.write_text("[serving]\nport = 3001\n")
    ingest.preview(settings, source, save_to=file, as_json=True)
    loaded = Settings.load(file)
    reader = reader_of(loaded, source, None)
    vendors = reader_of(settings, source, None)
    assert reader.mapping == vendors.mapping
    assert loaded.serving.port == 3001
    with pytest.raises(UsageError, match="already"):
        ingest.preview(settings, source, save_to=file)


def test_reading_twice_changes_nothing(settings, source, capsys):
    first = ingest.run(settings, source, as_json=True)
    second = ingest.run(settings, source, as_json=True)
    assert first.total.accepted > 0
    assert (second.total.accepted, second.total.updated) == (0, 0)
