"""Absolute paths in MLflow's database follow the folder that they are about."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from models.relocation import relocate

TABLES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def database(folder: Path, location: str) -> Path:
    file = folder / "mlflow.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE experiments (experiment_id INT, artifact_location TEXT)")
        connection.execute("CREATE TABLE runs (artifact_uri TEXT)")
        connection.execute("CREATE TABLE logged_models (artifact_location TEXT)")
        connection.execute("CREATE TABLE model_versions (source TEXT, storage_location TEXT)")
        connection.execute("INSERT INTO experiments VALUES (1, ?)", (location,))
        connection.execute("INSERT INTO runs VALUES (?), (?)", (f"{location}/r", "/elsewhere/r"))
        connection.execute("INSERT INTO logged_models VALUES (?)", (f"file://{location}/m",))
        connection.execute("INSERT INTO model_versions VALUES (?, ?)", (f"{location}/m",) * 2)
    return file


def paths(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        found = [connection.execute(f"SELECT {c} FROM {t}").fetchall() for t, c in TABLES]
    return [row[0] for rows in found for row in rows]


def test_every_path_below_the_old_folder_moves(tmp_path):
    now = tmp_path / "now"
    now.mkdir()
    file = database(tmp_path, "/gone/artifacts")
    assert relocate(file, now, "1") == 5
    moved = [f"{now}", f"{now}/r", "/elsewhere/r", f"{now}/m", f"{now}/m", f"{now}/m"]
    assert paths(file) == moved


def test_a_folder_whose_name_only_begins_alike_stays(tmp_path):
    now = tmp_path / "now"
    now.mkdir()
    file = database(tmp_path, "/gone/artifacts")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE runs SET artifact_uri = '/gone/artifacts-2/r'")
    relocate(file, now, "1")
    assert paths(file)[1:3] == ["/gone/artifacts-2/r"] * 2


@pytest.mark.parametrize("name", ["old", "empty"])
def test_nothing_moved_nothing_changes(tmp_path, name):
    for folder in ("old", "empty"):
        (tmp_path / folder).mkdir()
    file = database(tmp_path, str(tmp_path / "old"))
    assert relocate(file, tmp_path / name, "1") == 0


def test_artefacts_on_a_server_are_left_alone(tmp_path):
    assert relocate(database(tmp_path, "s3://bucket/runs"), tmp_path, "1") == 0


def test_a_broken_database_is_an_error(tmp_path):
    file = tmp_path / "mlflow.db"
    file.write_text("no database" * 1000)
    with pytest.raises(OSError, match="not a database"):
        relocate(file, tmp_path, "1")
