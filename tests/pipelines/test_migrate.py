"""`smarketing migrate`: what it says, the copy it keeps, and what it leaves alone."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from history import open_store
from history.keys import create_key
from history.upgrading import upgrade
from pipelines import context, migrate
from pipelines.failures import UsageError
from settings import Settings
from tests.history.test_upgrading import NEXT, scripts_with


def settings_of(url):
    return Settings(history={"url": url})


@pytest.fixture
def upgradable(tmp_path, monkeypatch):
    """Let there be one revision more than this release has."""
    scripts = scripts_with(tmp_path / "scripts", NEXT)
    monkeypatch.setattr(migrate, "upgrade", partial(upgrade, scripts=scripts))


@pytest.fixture
def settings(store_url):
    store = open_store(store_url)
    create_key(store, "crm", "kept", context.now())
    store.engine.dispose()
    return settings_of(store_url)


def keys_in(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT note FROM api_keys").fetchall()


def revision_in(file):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT version_num FROM smarketing_version").fetchall()


def test_a_store_of_this_release_has_nothing_to_do(settings, capsys):
    done = migrate.run(settings)
    said = capsys.readouterr().out
    assert "revision 0002, the newest is 0002" in said
    assert "nothing to do" in said
    assert (done["steps"], done["backup"]) == ([], None)


@pytest.mark.usefixtures("upgradable")
def test_it_says_what_it_does_and_where_the_copy_is(settings, capsys):
    done = migrate.run(settings)
    said = capsys.readouterr().out
    assert "revision 0002, the newest is 0003\n  0003  Leads have a rank\n" in said
    assert (done["backup"] is None) == settings.history.url.startswith("postgresql")
    if done["backup"]:
        assert f"as it was before: {done['backup']}" in said
        assert (revision_in(done["backup"]), keys_in(done["backup"])) == ([("0002",)], [("kept",)])
    assert migrate.run(settings)["steps"] == []


@pytest.mark.usefixtures("upgradable")
def test_a_dry_run_shows_the_sql_as_text_and_as_json(settings, capsys, tmp_path):
    before = set(tmp_path.iterdir())
    migrate.run(settings, dry_run=True)
    said = capsys.readouterr().out
    assert "ALTER TABLE leads ADD COLUMN rank INTEGER;" in said
    assert "taken back: nothing was changed" in said
    migrate.run(settings, dry_run=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["from"], told["to"], told["dry_run"]) == ("0002", "0003", True)
    assert any("UPDATE smarketing_version" in each for each in told["sql"])
    assert {each for each in tmp_path.iterdir() if each.suffix not in (".db-wal", ".db-shm")} == (
        before
    )
    open_store(settings.history.url).engine.dispose()  # still of this release


@pytest.mark.usefixtures("upgradable")
def test_the_copy_may_be_read_by_whom_the_store_may(tmp_path):
    file = tmp_path / "history.db"
    open_store(f"sqlite:///{file}").engine.dispose()
    file.chmod(0o600)
    copy = migrate.run(settings_of(f"sqlite:///{file}"))["backup"]
    assert stat.S_IMODE(Path(copy).stat().st_mode) == 0o600


@pytest.mark.usefixtures("upgradable")
def test_without_a_copy_nothing_is_changed(tmp_path, monkeypatch):
    def full(_file, out):
        out.write_text("a part")
        raise sqlite3.OperationalError("database or disk is full")

    file = tmp_path / "history.db"
    open_store(f"sqlite:///{file}").engine.dispose()
    monkeypatch.setattr(migrate, "copy_database", full)
    with pytest.raises(UsageError, match=r"disk is full\); nothing was changed"):
        migrate.run(settings_of(f"sqlite:///{file}"))
    assert revision_in(file) == [("0002",)]
    assert sorted(each.name for each in tmp_path.glob("history.db.*")) == []


def test_a_new_store_is_made(tmp_path, capsys):
    settings = settings_of(f"sqlite:///{tmp_path}/new/history.db")
    with pytest.raises(UsageError, match="there is no store yet"):
        migrate.run(settings, dry_run=True)
    done = migrate.run(settings)
    assert "no store yet, the newest is 0002\n  0001  0.1.0 baseline" in capsys.readouterr().out
    assert done["backup"] is None
    assert open_store(settings.history.url).counts()["leads"] == 0
