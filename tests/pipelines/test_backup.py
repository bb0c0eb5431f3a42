"""`smarketing backup` and `restore`: the drill, and what is refused."""

from __future__ import annotations

import json
import zipfile

import pandas as pd
import pytest
from sqlalchemy import BigInteger, Float, Integer, text

from delivery.outbox import Outbox
from history import open_store
from history.dump import store_tables
from history.extract import Extract, RawTable
from history.keys import create_key
from history.schema import SCORES
from pipelines import backup, retrain, score
from pipelines.failures import UsageError
from settings import Settings

ONE_SCORE = {
    column.name: 1 if isinstance(column.type, BigInteger | Integer | Float) else "x"
    for column in SCORES.columns
    if column.name != "number"
}


def settings_in(folder, url=None):
    return Settings(
        history={"url": url or f"sqlite:///{folder}/history.db"},
        training={"horizons": [30], "trials": 2, "timeout_s": 30.0},
        tracking={"uri": f"sqlite:///{folder}/mlflow.db", "artifacts": f"{folder}/artifacts"},
    )


def fill(settings, history):
    tables = {name: RawTable(frame, f"{name}.csv") for name, frame in history.frames().items()}
    extract = Extract("test", tables, history.current_only, history.observed_until)
    store = open_store(settings.history.url)
    store.ingest(extract, now=history.observed_until)
    return store


def contents(store):
    with store.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(table.select()).all()))
            for table in store_tables()
        }


def contents_ids(store):
    with store.engine.connect() as connection:
        return (
            connection.execute(text("SELECT lead_id FROM leads ORDER BY lead_id")).scalars().all()
        )


@pytest.fixture
def filled(tmp_path, small_company):
    settings = settings_in(tmp_path / "one")
    store = fill(settings, small_company.history)
    create_key(store, "crm", "for the drill", pd.Timestamp("2025-01-01", tz="UTC"))
    Outbox(store.engine).put("hubspot", {"L1": {"score": 50}})
    return settings, store


@pytest.mark.slow
def test_the_drill_ends_with_the_same_scores_to_the_last_bit(filled, tmp_path, capsys):
    settings, _ = filled
    retrain.run(settings)
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    score.run(settings, None, before)
    capsys.readouterr()
    file = tmp_path / "kept" / "backup.zip"
    made = backup.run(settings, file, as_json=True)
    assert json.loads(capsys.readouterr().out)["rows"]["leads"] == made["rows"]["leads"] > 0
    elsewhere = settings_in(tmp_path / "another machine")
    backup.restore(elsewhere, file)
    assert "restored" in capsys.readouterr().out
    score.run(elsewhere, None, after)
    pd.testing.assert_frame_equal(pd.read_parquet(before), pd.read_parquet(after), check_exact=True)


def test_every_table_comes_back_as_it_was(filled, tmp_path):
    settings, store = filled
    file = tmp_path / "backup.zip"
    backup.run(settings, file)
    again = settings_in(tmp_path / "two")
    backup.restore(again, file)
    found = open_store(again.history.url)
    assert contents(found) == contents(store)
    pd.testing.assert_frame_equal(Outbox(found.engine).rows(), Outbox(store.engine).rows())


def test_a_sqlite_backup_is_restored_into_postgresql_and_counts_on(filled, tmp_path, postgres_url):
    settings, store = filled
    with store.engine.begin() as connection:
        connection.execute(SCORES.insert(), [{**ONE_SCORE, "number": 41}])
    file, there = tmp_path / "backup.zip", settings_in(tmp_path / "two", postgres_url)
    backup.run(settings, file)
    backup.restore(there, file)
    found = open_store(postgres_url)
    assert contents(found) == contents(store)
    with found.engine.begin() as connection:
        connection.execute(SCORES.insert(), [ONE_SCORE])
        assert connection.execute(text("SELECT max(number) FROM scores")).scalar_one() == 42
    back = settings_in(tmp_path / "three")
    backup.run(there, tmp_path / "again.zip")
    backup.restore(back, tmp_path / "again.zip")
    assert contents(open_store(back.history.url)) == contents(found)
    found.engine.dispose()


def test_what_is_there_is_not_replaced_unasked(filled, tmp_path):
    settings, store = filled
    file = tmp_path / "backup.zip"
    backup.run(settings, file)
    before = contents(store)
    with pytest.raises(UsageError, match=r"holds .* leads: restore into an empty installation"):
        backup.restore(settings, file)
    store.erase(contents_ids(store)[0])
    assert contents(store) != before
    backup.restore(settings, file, force=True)
    assert contents(store) == before


@pytest.mark.parametrize("part", ["history/leads.parquet", "manifest.json"])
def test_a_damaged_part_is_named_and_nothing_changes(filled, tmp_path, part):
    settings, store = filled
    whole, broken = tmp_path / "backup.zip", tmp_path / "broken.zip"
    backup.run(settings, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[:-9] + b"tampered!" if name == part else data)
    before = contents(store)
    with pytest.raises(UsageError, match=r"damaged"):
        backup.restore(settings, broken, force=True)
    assert contents(store) == before


def test_a_backup_of_other_tables_is_refused_and_nothing_changes(filled, tmp_path, monkeypatch):
    settings, store = filled
    file = tmp_path / "backup.zip"
    monkeypatch.setattr(backup, "head", lambda: "0009")
    backup.run(settings, file)
    monkeypatch.undo()
    before = contents(store)
    with pytest.raises(UsageError, match=r"at revision 0009, this release has 0002: restore with"):
        backup.restore(settings, file, force=True)
    assert contents(store) == before


@pytest.mark.parametrize("content", [None, b"PK nonsense", b""])
def test_what_is_no_backup_is_refused(tmp_path, content):
    file = tmp_path / "backup.zip"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"no such file|no backup of smarketing"):
        backup.restore(settings_in(tmp_path / "x"), file)
    assert not (tmp_path / "x").exists()


def test_a_path_that_leads_out_is_not_followed(filled, tmp_path):
    settings, _ = filled
    whole, odd = tmp_path / "backup.zip", tmp_path / "odd.zip"
    backup.run(settings, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(odd, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        target.writestr("../outside", b"x")
    with pytest.raises(UsageError, match="outside"):
        backup.restore(settings, odd, force=True)
    assert not (tmp_path.parent / "outside").exists()


def test_a_server_elsewhere_is_named(filled, tmp_path, capsys):
    settings, _ = filled
    remote = settings.model_copy(
        update={"tracking": settings.tracking.model_copy(update={"uri": "http://127.0.0.1:9"})}
    )
    assert backup.run(remote, tmp_path / "backup.zip")["elsewhere"] == ["http://127.0.0.1:9"]
    assert "not in it: http://127.0.0.1:9" in capsys.readouterr().out
