"""Tables as they lie in files and databases: all of them, as text, or a clear word."""

from __future__ import annotations

import sqlite3

import pandas as pd
import pytest

from history.errors import SourceError
from history.mapping.catalog import FolderCatalog, SqlCatalog, as_text

ROWS = "pid,name\n007,Anna\n8,Jos\u00e9\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_every_encoding_is_read_to_the_last_letter(tmp_path, encoding):
    (tmp_path / "people.csv").write_bytes(ROWS.encode(encoding))
    found = FolderCatalog(tmp_path).read("people")
    assert found.to_dict("list") == {"pid": ["007", "8"], "name": ["Anna", "Jos\u00e9"]}


def test_a_folder_that_is_named_like_a_file_is_no_table(tmp_path):
    (tmp_path / "people.csv").mkdir()
    assert FolderCatalog(tmp_path).tables == ()


def test_two_files_of_one_table_are_refused(tmp_path):
    (tmp_path / "People.csv").write_text(ROWS, "utf-8")
    pd.DataFrame({"pid": ["1"]}).to_parquet(tmp_path / "people.parquet")
    with pytest.raises(SourceError, match="would be the same table; leave one"):
        FolderCatalog(tmp_path)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "people.parquet").write_bytes(b"no parquet")
    with pytest.raises(SourceError, match=r"people\.parquet: cannot be read as parquet"):
        FolderCatalog(tmp_path).columns("people")


def test_sqlite_columns_are_read_as_they_are_whatever_type_they_claim(tmp_path):
    with sqlite3.connect(tmp_path / "w.db") as made:
        made.execute("CREATE TABLE t (id INTEGER, at DATETIME, amount WHATEVER, _synced DATETIME)")
        made.execute("INSERT INTO t VALUES (7, '2024-01-01T10:00:00Z', '1.5', '2024-01-02')")
    made.close()
    found = SqlCatalog(f"sqlite:///{tmp_path}/w.db").read(
        "t", "synced", "2024-01-01T00:00:00+00:00"
    )
    assert found.iloc[0].tolist() == ["7", "2024-01-01T10:00:00Z", "1.5", "2024-01-02"]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(
            [pd.Timestamp("2024-01-01T10:00:00Z"), pd.Timestamp("2024-01-01T10:00:00.25Z"), None]
        ),
        pd.Series([pd.Timestamp("2024-01-01"), None]),
        pd.Series([True, False, None], dtype=object),
        pd.Series([1, 2**60, None], dtype="Int64"),
        pd.Series([" a ", "", None]),
    ],
)
def test_arrow_columns_are_the_same_text_as_python_values(values):
    arrow = values.convert_dtypes(dtype_backend="pyarrow")
    assert as_text(arrow).tolist() == as_text(pd.Series(values.tolist(), dtype=object)).tolist()
