"""The registry: what goes in comes out bit for bit, and there is always a way back."""

import multiprocessing
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.declaration import Feature
from models.access import RegistryError
from models.conversion import ConversionModel, HorizonModel, Prior
from models.errors import ModelError
from models.evaluation import Evaluation
from models.lock import alone
from models.records import NoChampionError
from models.registry import Registry

NOW = pd.Timestamp("2025-06-01T12:00:00Z")
VALUES = pd.DataFrame({"clicks": [1.0, np.nan, 7.0]})


def prior_model(wins: int) -> ConversionModel:
    feature = Feature("clicks", "clicks", "engagements", "count")
    models = tuple(HorizonModel(days, Prior(wins * days / 90, 100.0, 1)) for days in (30, 90))
    about = {"trained_until": "2025-05-01T00:00:00+00:00", "data_digest": f"data-{wins}"}
    about |= {"definitions_digest": "definitions", "snapshots": 100, "conversions": wins}
    return ConversionModel((feature,), {}, models, "won", np.array([0.1, 0.2]), about)


def evaluation() -> Evaluation:
    row = {"segment": "future", "horizon": 90, "predictor": "model", "metric": "log_loss"}
    figures = pd.DataFrame([{**row, "value": 0.4, "low": 0.3, "high": 0.5}])
    counts = pd.DataFrame([{"segment": "future", "horizon": 90, "n": 100, "conversions": 9}])
    return Evaluation(figures, counts, pd.DataFrame(), pd.DataFrame(), 0.1)


class Drawing:
    def savefig(self, fname, *, format, metadata):
        fname.write(f"<svg>{format}</svg>")


def add(registry: Registry, wins: int = 10, **more):
    trials = pd.DataFrame({"number": [0], "value": [0.4]})
    return registry.log_and_register(
        prior_model(wins), evaluation(), trials, who="Ada", why="a test", now=NOW, **more
    )


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory) -> Path:
    """MLflow takes a second to make its tables: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("empty")
    Registry(f"sqlite:///{folder}/mlflow.db", str(folder), "another").versions()
    return folder / "mlflow.db"


@pytest.fixture
def registry(tmp_path: Path, empty_database: Path) -> Registry:
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_database, tmp_path / "mlruns" / "mlflow.db")
    return at(tmp_path)


def at(folder: Path) -> Registry:
    runs = folder / "mlruns"
    return Registry(f"sqlite:///{runs}/mlflow.db", str(runs / "artifacts"), lock_seconds=0.2)


def promote(registry: Registry, version: int):
    return registry.promote(version, who="Ada", why="better", now=NOW)


def rollback(registry: Registry):
    return registry.rollback(who="Ada", why="worse", now=NOW)


def test_nothing_is_made_before_the_first_call(tmp_path):
    registry = at(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert registry.versions() == ()
    assert (tmp_path / "mlruns" / "mlflow.db").is_file()


def test_an_empty_registry_says_what_to_do(registry):
    assert registry.versions() == ()
    assert registry.promotions() == ()
    with pytest.raises(NoChampionError, match="smarketing train"):
        registry.load()
    with pytest.raises(RegistryError, match="challenger"):
        registry.challenger()
    with pytest.raises(NoChampionError):
        rollback(registry)


def test_a_registered_model_is_the_challenger_and_comes_back_bit_for_bit(registry):
    version = add(registry)
    assert (version.version, version.aliases) == (1, ("challenger",))
    loaded = registry.load(1)
    assert np.array_equal(loaded.probabilities(VALUES), prior_model(10).probabilities(VALUES))


def test_a_version_knows_who_when_why_and_of_what(registry):
    version = add(registry)
    assert version.created_at == NOW
    assert version.metrics["future_90d_log_loss"] == 0.4
    told = {name: version.tags[name] for name in ("who", "why", "data_digest", "conversions")}
    assert told == {"who": "Ada", "why": "a test", "data_digest": "data-10", "conversions": "10"}


def test_figures_and_plots_of_the_training_are_read_back(registry):
    version = add(registry, plots={"gain": Drawing()})
    pd.testing.assert_frame_equal(registry.evaluation_figures(version), evaluation().figures)
    assert registry.plot(version, "gain") == "<svg>svg</svg>"
    assert registry.plot(version, "no such plot") == ""


def test_the_twin_that_saw_the_past_alone_is_kept(registry):
    add(registry, judged=prior_model(3))
    assert registry.judged(1).metadata["data_digest"] == "data-3"


def test_files_on_this_machine_are_read_where_they_lie(registry, tmp_path, monkeypatch):
    add(registry)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    assert registry.folder(1).is_relative_to(tmp_path / "mlruns")
    assert registry.judged(1).names == ["clicks"]
    assert not (tmp_path / "scratch").exists()


def test_promotion_moves_the_alias_and_ends_the_challenge(registry):
    add(registry)
    champion = registry.promote(who="Ada", why="first", now=NOW)
    assert champion.aliases == ("champion",)
    assert champion.tags["promoted_why"] == "first"
    assert registry.load().metadata["data_digest"] == "data-10"


def test_rollback_returns_step_by_step_to_each_earlier_champion(registry):
    for wins in (10, 20, 30):
        promote(registry, add(registry, wins).version)
    assert [rollback(registry).version for _ in range(2)] == [2, 1]
    expected = prior_model(10).probabilities(VALUES)
    assert np.array_equal(registry.load().probabilities(VALUES), expected)
    with pytest.raises(RegistryError, match="none to go back to"):
        rollback(registry)


def test_after_a_rollback_the_way_back_skips_what_was_rolled_back(registry):
    for wins in (10, 20, 30):
        add(registry, wins)
    promote(registry, 1)
    promote(registry, 2)
    rollback(registry)
    promote(registry, 3)
    assert rollback(registry).version == 1
    kinds = [(entry.kind, entry.version, entry.replaced) for entry in registry.promotions()]
    told = [("promote", 1, None), ("promote", 2, 1), ("rollback", 1, 2)]
    assert kinds == [*told, ("promote", 3, 1), ("rollback", 1, 3)]


def test_a_champion_set_by_mlflow_itself_can_be_rolled_back_too(registry):
    for wins in (10, 20):
        add(registry, wins)
    promote(registry, 1)
    registry.tracking.client.set_registered_model_alias("smarketing", "champion", "2")
    assert registry.champion().version == 2
    assert rollback(registry).version == 1


def test_the_champion_is_not_promoted_twice(registry):
    add(registry)
    promote(registry, 1)
    with pytest.raises(RegistryError, match="already the champion"):
        promote(registry, 1)


def test_an_unknown_version_is_named(registry):
    add(registry)
    with pytest.raises(RegistryError, match="no version 7"):
        promote(registry, 7)


def test_a_damaged_model_is_named_and_never_becomes_champion(registry):
    add(registry)
    file = registry.folder(1) / "model.json"
    file.write_text(file.read_text().replace("won", "win"))
    with pytest.raises(ModelError, match=r"version 1 .*model\.json: missing or damaged"):
        promote(registry, 1)
    with pytest.raises(NoChampionError):
        registry.champion()


def test_lost_files_are_a_clear_error(registry):
    version = add(registry)
    shutil.rmtree(registry.folder(1))
    with pytest.raises(ModelError, match=r"version 1 .* cannot be loaded"):
        registry.load(version)


def test_two_promotions_at_once_are_refused(registry, tmp_path):
    add(registry)
    with (
        alone(tmp_path / "mlruns" / "mlflow.db.promotion", 1),
        pytest.raises(RegistryError, match="another promotion"),
    ):
        promote(registry, 1)
    assert promote(registry, 1).is_champion


def promote_in_a_process(folder: Path, version: int) -> int:
    registry = Registry(f"sqlite:///{folder}/mlruns/mlflow.db", f"{folder}/mlruns/artifacts")
    return promote(registry, version).version


@pytest.mark.slow
def test_promotions_of_several_processes_are_all_logged(registry, tmp_path):
    for wins in (10, 20, 30):
        add(registry, wins)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(promote_in_a_process, [(tmp_path, version) for version in (1, 2, 3)])
    entries = registry.promotions()
    assert sorted(entry.version for entry in entries) == [1, 2, 3]
    assert entries[-1].version == registry.champion().version
    assert len(entries[-1].earlier) == 2


def test_a_moved_checkout_works(tmp_path, empty_database):
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "mlruns").mkdir(parents=True)
    shutil.copy(empty_database, old / "mlruns" / "mlflow.db")
    registry = at(old)
    promote(registry, add(registry, plots={"gain": Drawing()}).version)
    shutil.move(old, new)
    moved = at(new)
    assert np.array_equal(moved.load().probabilities(VALUES), prior_model(10).probabilities(VALUES))
    assert moved.judged("champion").metadata["data_digest"] == "data-10"
    assert moved.plot("champion", "gain")
    assert add(moved, 20).version == 2
    assert not old.exists()


def test_a_copied_checkout_reads_its_own_files(tmp_path, empty_database):
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "mlruns").mkdir(parents=True)
    shutil.copy(empty_database, old / "mlruns" / "mlflow.db")
    registry = at(old)
    promote(registry, add(registry).version)
    shutil.copytree(old, new)
    assert at(new).folder().is_relative_to(new)
    assert at(old).folder().is_relative_to(old)


def test_a_relative_address_is_read_where_the_process_stands(tmp_path, monkeypatch, empty_database):
    for name, wins in (("one", 10), ("two", 20)):
        (tmp_path / name / "mlruns").mkdir(parents=True)
        shutil.copy(empty_database, tmp_path / name / "mlruns" / "mlflow.db")
        monkeypatch.chdir(tmp_path / name)
        add(Registry(), wins)
        assert Registry().load(1).metadata["data_digest"] == f"data-{wins}"


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_text("this is no database at all" * 100)
    with pytest.raises(RegistryError, match=r"mlflow\.db is not a database of MLflow"):
        at(tmp_path).versions()


@pytest.mark.slow
def test_a_locked_database_is_a_clear_error(registry, tmp_path):
    add(registry)
    holder = sqlite3.connect(tmp_path / "mlruns" / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(RegistryError, match="is locked by another process"):
            promote(registry, 1)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert promote(registry, 1).is_champion


def test_mlflow_is_told_not_to_report_home(registry):
    registry.versions()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "True"


def test_a_registry_is_silent(registry, capfd):
    promote(registry, add(registry).version)
    registry.load()
    assert capfd.readouterr() == ("", "")
