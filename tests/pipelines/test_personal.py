"""Fields marked personal: in no model, no run of MLflow and no score log; compared all the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from features import default_features
from history import History, open_store, sample_company
from history.extract import Extract
from history.history import micros
from models.registry import Registry
from pipelines import context
from pipelines.failures import UsageError
from pipelines.train import train
from serving.contract import LeadToScore
from serving.desk import Desk
from settings import Settings, SettingsError
from tests.serving.conftest import FixedSource

MAIL, PHONE, TEAM = "canary-mail", "+49 555 0100", "leads.team"


@pytest.fixture(scope="module")
def company():
    plain = sample_company(1200, seed=9, days=400, engagements_per_lead=5).history
    random, count = np.random.default_rng(2), len(plain.leads)
    leads = plain.leads.assign(
        email=[f"{MAIL}-{number}@example.org" for number in range(count)],
        phone=[f"{PHONE} {number:04d}" for number in range(count)],
        team=random.choice(["red", "blue"], count),
    )
    frames = {**plain.frames(), "leads": leads}
    return History.from_frames(frames, plain.observed_until, plain.current_only)


@pytest.fixture(scope="module")
def settings(tmp_path_factory, company):
    folder = tmp_path_factory.mktemp("personal")
    url = f"sqlite:///{folder}/history.db"
    open_store(url).ingest(Extract.of(company, "test"), now=company.observed_until)
    return Settings(
        history={"url": url, "personal": ["leads.email", "leads.phone", TEAM]},
        training={
            "horizons": [30],
            "trials": 1,
            "folds": 2,
            "min_conversions": 10,
            "fairness": [TEAM, "leads.source"],
        },
        tracking={"uri": f"sqlite:///{folder}/mlflow.db", "artifacts": f"{folder}/artifacts"},
    )


@pytest.mark.slow
def test_no_trace_is_left_in_models_runs_and_the_score_log(settings):
    store = context.store_of(settings)
    history = context.history_of(settings, store)
    trained = train(settings, history)
    names = {feature.column for feature in trained.tuned.model.features}
    assert not names & {"email", "phone", "team"}
    registry = Registry.of(settings.tracking)
    registry.promote(registry.challenger(), who="test", why="test", now=context.now())

    model = registry.load("champion")
    desk = Desk(settings, FixedSource(model), settings.history.url)
    desk.look()
    desk.situation(30.0)
    lead = history.leads["lead_id"].iloc[-1]
    desk.scorer.score([(0, LeadToScore(lead_id=lead))], 3, micros(history.observed_until))
    desk.close()

    folder = settings.tracking.artifacts.rpartition("/")[0]
    files = [each for each in Path(folder).rglob("*") if each.is_file()]
    files = [each for each in files if not each.name.startswith("history.db")]
    assert len(files) > 10
    for file in files:
        content = file.read_bytes()
        assert MAIL.encode() not in content, file
        assert PHONE.encode() not in content, file
    with sqlite3.connect(f"{folder}/history.db") as connection:
        logged = connection.execute("SELECT * FROM scores").fetchall()
    assert logged
    assert MAIL not in str(logged)
    assert PHONE not in str(logged)

    # The group is compared although no model may look at it.
    told = registry.evaluation_report("champion")["fairness"]
    assert {row["value"] for row in told if row["by"] == TEAM} == {"red", "blue"}
    assert {row["by"] for row in told} == {TEAM, "leads.source"}


def test_no_feature_is_made_of_a_personal_field(settings, company):
    history = context.history_of(settings, context.store_of(settings))
    made = {feature.column for feature in default_features(history)}
    assert "team" not in made
    assert "team" in {feature.column for feature in default_features(company)}


def test_a_field_without_its_table_and_groups_of_one_lead_each_are_refused(settings, tmp_path):
    (tmp_path / "smarketing.toml").write_text('[history]\npersonal = ["email"]\n')
    with pytest.raises(SettingsError, match=r"leads\.column or accounts\.column"):
        Settings.load(tmp_path / "smarketing.toml")
    training = settings.training.model_copy(update={"fairness": ("leads.email",)})
    wide = settings.model_copy(update={"training": training})
    history = context.history_of(settings, context.store_of(settings))
    with pytest.raises(UsageError, match=r"fairness: leads\.email has .* values"):
        train(wide, history)
