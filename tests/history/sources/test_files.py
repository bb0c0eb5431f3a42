"""The canonical folder, and how sources are recognised."""

from __future__ import annotations

import pandas as pd
import pytest

from history import SourceError, open_store
from history.sources import read

NOW = pd.Timestamp("2024-06-01T12:00:00Z").as_unit("us")


def write(folder, name, text):
    (folder / name).write_text(text, "utf-8")


@pytest.fixture
def folder(tmp_path):
    write(
        tmp_path,
        "leads.csv",
        "lead_id,created_at,source,status\n007,2024-01-01T00:00:00Z,web,open\n8,2024-01-02T00:00:00Z,,won\n",
    )
    write(
        tmp_path,
        "engagements.csv",
        "lead_id,occurred_at,kind\n007,2024-01-03T10:00:00+01:00,visit\n",
    )
    write(tmp_path, "current_only.txt", "# today's values\nleads.status\n")
    return tmp_path


def test_a_canonical_folder_is_recognised_and_read(folder):
    extract = read(folder)
    assert extract.format == "canonical"
    assert extract.tables["leads"].frame["lead_id"].tolist() == ["007", "8"]
    assert extract.current_only == {"leads.status"}


def test_parquet_and_csv_give_the_same_history(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("parquet")
    pd.read_csv(folder / "leads.csv", dtype=str).to_parquet(other / "leads.parquet")
    engagements = pd.read_csv(folder / "engagements.csv", dtype={"lead_id": str})
    engagements["occurred_at"] = pd.to_datetime(engagements["occurred_at"], utc=True)
    engagements.to_parquet(other / "engagements.parquet")
    write(other, "current_only.txt", "leads.status\n")
    digests = []
    for number, source in enumerate((folder, other)):
        store = open_store(f"sqlite:///{other}/{number}.db")
        store.ingest(read(source), now=NOW)
        digests.append(store.history().digest())
    assert digests[0] == digests[1]


def test_a_byte_order_mark_does_no_harm(folder):
    (folder / "leads.csv").write_bytes(b"\xef\xbb\xbf" + (folder / "leads.csv").read_bytes())
    assert "lead_id" in read(folder).tables["leads"].frame


def test_a_file_that_is_no_table_is_noted(folder):
    write(folder, "deals.csv", "id\n1\n")
    assert any("deals.csv" in note for note in read(folder).notes)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("leads.parquet", b"PAR1 not really", "as CSV and as Parquet"),
        ("engagements.csv", "lead_id\n\xe9".encode("latin-1"), "not UTF-8"),
        ("outcomes.csv", b"", "cannot be read as csv"),
        ("accounts.parquet", b"nonsense", "cannot be read as parquet"),
        ("current_only.txt", b"status", "expected leads.COLUMN"),
    ],
)
def test_what_cannot_be_read_is_named(folder, name, content, words):
    (folder / name).write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read(folder)


def test_an_unknown_format_lists_the_known_ones(folder):
    with pytest.raises(
        SourceError, match="unknown format 'excel'; the formats are canonical, bpic2012"
    ):
        read(folder, format="excel")


def test_a_source_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(SourceError, match="no such file or folder"):
        read(tmp_path / "nowhere")


def test_a_folder_that_nobody_recognises_says_what_is_expected(tmp_path):
    with pytest.raises(SourceError, match=r"a canonical folder holds leads.csv"):
        read(tmp_path)
