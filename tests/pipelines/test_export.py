"""`smarketing export`: a folder that can be ingested, whole or not at all."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from history import open_store
from history.extract import Extract
from history.sources import read
from pipelines import export
from pipelines.failures import UsageError
from settings import Settings

KEY = "a key of thirty-two letters, here"


@pytest.fixture
def settings(tmp_path, small_company):
    url = f"sqlite:///{tmp_path}/history.db"
    store = open_store(url)
    store.ingest(Extract.of(small_company.history, "t"), now=small_company.history.observed_until)
    return Settings(history={"url": url, "personal": ["leads.browser"]})


def test_the_folder_is_read_without_a_bad_row_and_holds_as_many(
    settings, tmp_path, monkeypatch, small_company
):
    monkeypatch.setenv(export.KEY_VARIABLE, KEY)
    facts = export.run(settings, tmp_path / "out")
    assert facts["left_out"]["leads.browser"] == "marked as personal"
    assert json.loads((tmp_path / "out" / "export.json").read_text("utf-8")) == facts
    again = open_store(f"sqlite:///{tmp_path}/again.db")
    extract = read(str(tmp_path / "out"), None, None)
    report = again.ingest(extract, now=pd.Timestamp(facts["made_at"]))
    assert report.rejects == []
    frames = small_company.history.frames()
    assert facts["rows"] == {name: len(frame) for name, frame in frames.items()}
    until = pd.Timestamp(facts["observed_until"])
    assert {n: len(f) for n, f in again.history(until).frames().items()} == facts["rows"]
    assert again.history(until).current_only == {"leads.crm_status"}


def test_without_a_key_or_a_free_folder_nothing_is_written(settings, tmp_path, monkeypatch):
    monkeypatch.delenv(export.KEY_VARIABLE, raising=False)
    with pytest.raises(UsageError, match="SMARKETING_EXPORT_KEY"):
        export.run(settings, tmp_path / "out")
    with pytest.raises(UsageError, match="cannot be read"):
        export.run(settings, tmp_path / "out", key_file=tmp_path / "nowhere")
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        export.run(settings, tmp_path / "full", key_file=tmp_path / "key")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_dir()) == ["full"]
    export.run(settings, tmp_path / "new" / "out", key_file=tmp_path / "key")
    assert (tmp_path / "new" / "out" / "leads.parquet").is_file()
