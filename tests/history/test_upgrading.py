"""Upgrades of a store: the same tables as a new one, nothing lost, all or nothing, one at a time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from history import Store, StoreError, revisions
from history.engine import open_engine
from history.extract import Extract, RawTable
from history.keys import create_key
from history.revisions import BASELINE, REVISIONS, VERSION, current
from history.schema import metadata
from history.upgrading import SCRIPTS, upgrade

NEXT = '''"""Leads have a rank."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    op.add_column("leads", sa.Column("rank", sa.Integer(), nullable=True))
    op.execute("UPDATE leads SET rank = 1")
    with op.batch_alter_table("leads") as batch:
        batch.alter_column("rank", existing_type=sa.Integer(), nullable=False)
        batch.create_index("ix_leads_rank", ["rank"])
    op.rename_table("quarantine", "set_aside")
'''
BROKEN = NEXT + "    op.execute(\"INSERT INTO meta (name) VALUES ('no value')\")\n"
RUN = """
import sys
from pathlib import Path
from history.engine import open_engine
from history.upgrading import upgrade
print("begins", flush=True)
done = upgrade(open_engine(sys.argv[1]), scripts=Path(sys.argv[2]))
print(" ".join(step.revision for step in done.steps) or "nothing", flush=True)
"""


def scripts_with(folder: Path, revision: str) -> Path:
    """Return a folder with the revisions and one more."""
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "r0003_next.py").write_text(revision)
    return folder


@pytest.fixture
def engine(store_url):
    made = open_engine(store_url)
    yield made
    made.dispose()


@pytest.fixture
def filled(engine, small_company) -> Store:
    """Return a store with a company, rows set aside, a key and a row in the outbox."""
    store, history = Store(engine), small_company.history
    frames = history.frames() | {
        "engagements": pd.concat([history.engagements, history.engagements[:3].assign(kind=None)])
    }
    tables = {name: RawTable(frame, f"{name}.csv") for name, frame in frames.items()}
    now = pd.Timestamp("2030-01-01", tz="UTC")
    store.ingest(Extract("test", tables, history.current_only, history.observed_until), now=now)
    create_key(store, "crm", "kept", now)
    assert len(store.quarantine()) == 3
    return store


def rows(engine) -> dict[str, list[str]]:
    """Return every row of every table there is, as the database tells them."""
    found = {}
    with engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            read = connection.execute(text(f'SELECT * FROM "{name}"')).mappings()
            found[name] = sorted(repr(sorted(row.items())) for row in read)
    return found


def layout(engine) -> dict[str, object]:
    """Return columns and indexes of every table."""
    tables = inspect(engine)
    return {
        name: (
            [
                (each["name"], str(each["type"]), each["nullable"])
                for each in tables.get_columns(name)
            ],
            sorted(str(each["name"]) for each in tables.get_indexes(name)),
        )
        for name in tables.get_table_names()
    }


def unstamped(engine) -> None:
    """Make a store look as it did before revisions were written down."""
    with engine.begin() as connection:
        VERSION.drop(connection)
        connection.execute(text("ALTER TABLE erased DROP COLUMN person"))
        connection.execute(text("DROP TABLE outbox"))  # made when first used, in those days
        connection.execute(text("INSERT INTO meta VALUES ('schema_version', '1')"))


def revision_of(engine) -> str | None:
    with engine.connect() as connection:
        return current(connection)


def test_the_revisions_told_are_the_ones_there_are():
    known = [each.revision for each in ScriptDirectory(SCRIPTS).walk_revisions()]
    assert tuple(reversed(known)) == REVISIONS
    for each in ScriptDirectory(SCRIPTS).walk_revisions():
        assert Path(each.path).name.startswith(f"r{each.revision}_")


def test_an_upgraded_store_has_the_tables_of_a_new_one(engine, tmp_path):
    done = upgrade(engine)
    assert (done.before, done.after) == (None, REVISIONS[-1])
    options = {
        "version_table": VERSION.name,
        "compare_type": True,
        "compare_server_default": True,
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    upgraded = layout(engine)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        VERSION.drop(connection)
    Store(engine)
    assert layout(engine) == upgraded


def test_the_comparison_sees_a_missing_column_and_another_type(engine):
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE spend DROP COLUMN who"))
        connection.execute(text("DROP TABLE erased"))
        context = MigrationContext.configure(connection, opts={"version_table": VERSION.name})
        assert {each[0] for each in compare_metadata(context, metadata)} == {
            "add_column",
            "add_table",
        }


def test_a_new_store_is_stamped_and_needs_no_upgrade(engine):
    Store(engine)
    before = rows(engine)
    assert before["smarketing_version"] == [f"[('version_num', '{REVISIONS[-1]}')]"]
    done = upgrade(engine, beforehand=lambda _: pytest.fail("nothing is to be done"))
    assert (done.steps, done.sql) == ((), ())
    assert rows(engine) == before


def test_a_store_from_before_revisions_is_recognised_and_kept(filled, engine):
    before = rows(engine)
    unstamped(engine)
    with pytest.raises(StoreError, match=f"at revision {BASELINE}, .*`smarketing migrate`$"):
        Store(engine)
    upgrade(engine)
    after = rows(engine)
    assert after.pop("meta") != before.pop("meta")  # the old mark stays, and is no longer asked
    assert after == before
    assert revision_of(engine) == REVISIONS[-1]


def test_people_erased_before_ids_were_linked_stay_out_and_come_back_one_by_one(engine):
    upgrade(engine, scripts=SCRIPTS)
    ids = pd.DataFrame({"lead_id": ["ann", "bob"], "created_at": ["2024-01-01T00:00:00Z"] * 2})
    now = pd.Timestamp("2030-01-01", tz="UTC")
    store = Store(engine)
    store.upsert("leads", ids, now=now)
    for each in ids["lead_id"]:
        store.erase(each)
    with engine.begin() as connection:  # as the first revision has it
        connection.execute(text("ALTER TABLE erased DROP COLUMN person"))
        connection.execute(text("UPDATE smarketing_version SET version_num = '0001'"))
    before = rows(engine)
    done = upgrade(engine)
    assert [(each.revision, each.title) for each in done.steps] == [
        ("0002", "Erased ids of one person are linked")
    ]
    after = rows(engine)
    kept = [each.replace(", ('person', None)", "") for each in after["erased"]]
    assert (kept, after["leads"]) == (before["erased"], [])
    store = Store(engine)
    assert store.upsert("leads", ids, now=now)[0].erased == 2
    assert store.readmit("ann") == 1
    assert store.upsert("leads", ids, now=now)[0].accepted == 1


def test_every_row_survives_an_upgrade(filled, engine, tmp_path):
    before = rows(engine)
    seen = []
    scripts = scripts_with(tmp_path / "scripts", NEXT)
    done = upgrade(engine, scripts=scripts, beforehand=seen.append)
    assert [(each.revision, each.title) for each in done.steps] == [("0003", "Leads have a rank")]
    assert [each.steps for each in seen] == [done.steps]
    after = rows(engine)
    leads = [each.replace("('rank', 1)", "").replace(", ]", "]") for each in after.pop("leads")]
    assert len(leads) == 600
    assert sorted(leads) == sorted(before.pop("leads"))
    assert after.pop("set_aside") == before.pop("quarantine")
    assert after.pop("smarketing_version") == ["[('version_num', '0003')]"]
    del before["smarketing_version"]
    assert after == before
    names = {each["name"]: each["nullable"] for each in inspect(engine).get_columns("leads")}
    assert names["rank"] is False
    indexes = {each["name"] for each in inspect(engine).get_indexes("leads")}
    assert indexes == {"ix_leads_account", "ix_leads_rank"}


def test_a_store_from_before_revisions_goes_all_the_way(filled, engine, tmp_path):
    unstamped(engine)
    done = upgrade(engine, scripts=scripts_with(tmp_path / "scripts", NEXT))
    assert [each.revision for each in done.steps] == ["0001", "0002", "0003"]
    assert len(rows(engine)["leads"]) == 600
    assert revision_of(engine) == "0003"


def test_a_revision_that_fails_leaves_the_store_as_it_was(filled, engine, tmp_path):
    before = rows(engine), layout(engine)
    with pytest.raises(StoreError, match=r"not upgraded, the store is as it was: .*meta"):
        upgrade(engine, scripts=scripts_with(tmp_path / "scripts", BROKEN))
    assert (rows(engine), layout(engine)) == before
    assert Store(engine).counts()["leads"] == 600


def test_what_fails_beforehand_keeps_the_upgrade_from_beginning(filled, engine, tmp_path):
    def refuse(_plan):
        raise OSError("no space")

    before = rows(engine), layout(engine)
    with pytest.raises(OSError, match="no space"):
        upgrade(engine, scripts=scripts_with(tmp_path / "scripts", NEXT), beforehand=refuse)
    assert (rows(engine), layout(engine)) == before


def test_a_rehearsal_tells_the_sql_and_changes_nothing(filled, engine, tmp_path):
    before = rows(engine), layout(engine)
    scripts = scripts_with(tmp_path / "scripts", NEXT)
    told = upgrade(engine, rehearse=True, scripts=scripts)
    assert (rows(engine), layout(engine)) == before
    assert any(each.startswith("ALTER TABLE leads ADD COLUMN rank") for each in told.sql)
    assert upgrade(engine, scripts=scripts).sql == told.sql


def test_an_older_store_is_told_to_migrate_and_left_alone(filled, engine, monkeypatch):
    before = rows(engine), layout(engine)
    monkeypatch.setattr(revisions, "REVISIONS", (*REVISIONS, "0003"))
    monkeypatch.setattr("history.opening.REVISIONS", (*REVISIONS, "0003"))
    with pytest.raises(StoreError, match=r"at revision 0002, .* 0003: .*`smarketing migrate`$"):
        Store(engine)
    assert (rows(engine), layout(engine)) == before


def test_a_newer_store_is_refused_by_both_and_left_alone(filled, engine, tmp_path):
    upgrade(engine, scripts=scripts_with(tmp_path / "scripts", NEXT))
    before = rows(engine), layout(engine)
    for bring in (Store, upgrade):
        with pytest.raises(
            StoreError, match=r"at revision 0003, .* up to 0002: upgrade smarketing"
        ):
            bring(engine)
    assert (rows(engine), layout(engine)) == before


def test_a_store_in_use_is_left_alone_after_a_while(filled, engine, tmp_path, monkeypatch):
    monkeypatch.setattr(revisions, "_PATIENCE", "100ms")
    other = open_engine(engine.url.render_as_string(hide_password=False), patience_s=0.1)
    before = rows(engine), layout(engine)
    with engine.begin() as busy:
        busy.execute(text("UPDATE leads SET attributes = attributes"))
        with pytest.raises(StoreError, match=r"the store is as it was: .*(locked|lock timeout)"):
            upgrade(other, scripts=scripts_with(tmp_path / "scripts", NEXT))
    other.dispose()
    assert (rows(engine), layout(engine)) == before


def test_of_two_at_once_one_works_and_the_other_finds_nothing_to_do(filled, engine, tmp_path):
    scripts = scripts_with(tmp_path / "scripts", NEXT)
    url = engine.url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        revisions.lock_schema(connection)
        both = [
            subprocess.Popen(
                [sys.executable, "-c", RUN, url, str(scripts)], stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        assert [each.stdout.readline() for each in both] == ["begins\n"] * 2
    assert sorted(each.communicate(timeout=100)[0] for each in both) == ["0003\n", "nothing\n"]
    assert len(rows(engine)["leads"]) == 600


def test_new_stores_may_be_opened_by_several_at_once(engine):
    url = engine.url.render_as_string(hide_password=False)
    words = [sys.executable, "-c", f"from history import open_store; open_store({url!r})"]
    several = [subprocess.Popen(words) for _ in range(3)]
    assert [each.wait(timeout=100) for each in several] == [0, 0, 0]
    assert Store(engine).counts()["leads"] == 0


def test_tables_of_others_in_the_same_database_are_left_alone(engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('of mlflow')"))
    upgrade(engine)
    assert rows(engine)["alembic_version"] == ["[('version_num', 'of mlflow')]"]
    assert revision_of(engine) == REVISIONS[-1]


def test_opening_a_store_does_not_load_alembic(tmp_path):
    code = (
        "import sys; from history import open_store; "
        f"open_store('sqlite:///{tmp_path}/history.db'); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
