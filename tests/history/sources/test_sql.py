"""A database with canonical tables or views."""

from __future__ import annotations

import sqlite3

import pandas as pd
import pytest

from history import SourceError, open_store
from history.sources import read


def test_tables_and_views_with_canonical_columns_are_read(tmp_path):
    file = tmp_path / "crm.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE person (id TEXT, made TEXT, origin TEXT)")
        connection.execute("INSERT INTO person VALUES ('007', '2024-01-01T00:00:00Z', 'web')")
        connection.execute(
            "CREATE VIEW leads AS SELECT id AS lead_id, made AS created_at, origin FROM person"
        )
        connection.execute("CREATE TABLE outcomes (lead_id TEXT, occurred_at TEXT, stage TEXT)")
        connection.execute("INSERT INTO outcomes VALUES ('007', '2024-02-01T00:00:00Z', 'won')")
    connection.close()
    assert read(file).format == "sql"
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    store.ingest(read(f"sqlite:///{file}"), now=pd.Timestamp("2024-03-01T00:00:00Z").as_unit("us"))
    history = store.history()
    assert history.leads[["lead_id", "origin"]].to_numpy().tolist() == [["007", "web"]]
    assert history.outcomes["stage"].tolist() == ["won"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///{}/none.db", "expected a table or view 'leads'"),
        ("oracle+nothing://x/y", "no usable database URL"),
    ],
)
def test_a_database_that_cannot_serve_is_explained(tmp_path, url, words):
    with pytest.raises(SourceError, match=words):
        read(url.format(tmp_path))
