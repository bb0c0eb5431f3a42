"""A field is marked as personal after the champion was trained on it."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features import Feature, build_training_set, compute_features, open_leads
from features.training_set import arrow_schema, as_arrow
from history import History, open_store, sample_company
from history.extract import Extract
from history.history import micros
from history.score_log import ServedScore, write_scores
from history.score_reading import read_promises, read_scores
from models.errors import ModelError
from models.registry import Registry
from pipelines import context, personal, report, retrain, score, versions
from pipelines.failures import UsageError
from pipelines.train import train
from serving.app import create_app
from serving.contract import LeadToScore
from serving.desk import Desk
from settings import Settings
from tests.serving.conftest import Client, FixedSource

TEAM = "leads.team"
RED, BLUE = "canary-red", "canary-blue"


@pytest.fixture(scope="module")
def company():
    plain = sample_company(1200, seed=9, days=400, engagements_per_lead=5).history
    won = set(plain.outcomes.loc[(plain.outcomes["stage"] == "won").to_numpy(), "lead_id"])
    likely = np.where(plain.leads["lead_id"].isin(won), 0.7, 0.4)
    red = np.random.default_rng(2).random(len(plain.leads)) < likely
    leads = plain.leads.assign(team=np.where(red, RED, BLUE))
    frames = {**plain.frames(), "leads": leads}
    return History.from_frames(frames, plain.observed_until, plain.current_only)


def settings_in(folder, history, **more):
    """Return settings of a store with a history."""
    folder.mkdir(exist_ok=True)
    url = f"sqlite:///{folder}/history.db"
    store = open_store(url)
    store.ingest(Extract.of(history, "test"), now=history.observed_until)
    store.engine.dispose()
    return Settings(
        history={"url": url},
        training={"horizons": [30], "trials": 1, "folds": 2, "min_conversions": 10},
        **more,
    )


def marked_in(settings):
    history = settings.history.model_copy(update={"personal": (TEAM,)})
    return settings.model_copy(update={"history": history})


@pytest.fixture(scope="module")
def before(tmp_path_factory, company):
    """Return settings of a champion that was trained on the field."""
    folder = tmp_path_factory.mktemp("marked")
    tracking = {"uri": f"sqlite:///{folder}/mlflow.db", "artifacts": f"{folder}/artifacts"}
    settings = settings_in(folder / "plain", company, tracking=tracking)
    made = train(settings, context.history_of(settings, context.store_of(settings)))
    assert "team" in {feature.column for feature in made.tuned.model.features}
    Registry.of(settings.tracking).promote(made.version, who="test", why="test", now=context.now())
    return settings


@pytest.fixture
def marked(before, company, tmp_path):
    """Return settings that mark the field, on a store of their own."""
    settings = settings_in(tmp_path / "own", company, tracking=before.tracking.model_dump())
    return marked_in(settings)


@pytest.fixture
def turned(before, company, tmp_path):
    """Return settings of a store in which everybody's field has the other value."""
    leads = company.leads.assign(team=company.leads["team"].map({RED: BLUE, BLUE: RED}))
    history = History.from_frames(
        {**company.frames(), "leads": leads}, company.observed_until, company.current_only
    )
    return settings_in(tmp_path / "turned", history, tracking=before.tracking.model_dump())


def scores_of(settings, folder):
    out = folder / "scores.parquet"
    score.run(settings, None, out, top_reasons=20)
    return pd.read_parquet(out).sort_values("lead_id", ignore_index=True)


def test_the_value_is_kept_from_the_model(before, marked, turned, tmp_path, capfd):
    plain, other = scores_of(before, tmp_path), scores_of(turned, tmp_path)
    assert not plain["probability_30d"].equals(other["probability_30d"])  # else it shows nothing
    capfd.readouterr()
    one, two = scores_of(marked, tmp_path), scores_of(marked_in(turned), tmp_path)
    assert "version 1 uses leads.team, marked as personal since" in capfd.readouterr().err
    pd.testing.assert_frame_equal(one, two)
    assert "canary" in plain.to_csv()
    assert "canary" not in one.to_csv()


@pytest.fixture
def desk(marked, company, monkeypatch):
    monkeypatch.setattr(Desk, "now", lambda _: company.observed_until)
    source = FixedSource(Registry.of(marked.tracking).load("champion"))
    made = Desk(marked, source, marked.history.url)
    made.patience_s = made.view_patience_s = made.api_patience_s = 30.0
    made.look()
    yield made
    made.close()


def test_the_service_says_that_the_champion_must_be_trained_anew(desk):
    client = Client(create_app(desk))
    said = client.get("/readyz/details").json()
    assert said["ready"]
    assert said["problem"].startswith("version 1 uses leads.team, marked as personal since")
    assert "smarketing retrain" in said["problem"]
    assert said["problem"] in client.get("/pages/health").text


def test_a_mark_that_another_process_makes_is_heeded(before, company, tmp_path):
    settings = settings_in(tmp_path / "own", company, tracking=before.tracking.model_dump())
    desk = Desk(
        settings, FixedSource(Registry.of(before.tracking).load("champion")), settings.history.url
    )
    desk.look()
    assert desk.problem == ""
    open_store(settings.history.url, personal=[TEAM]).engine.dispose()
    desk.look()
    assert desk.scorer.personal == {TEAM}
    assert "leads.team" in desk.problem
    desk.close()


def test_neither_the_store_nor_a_request_tells_the_service_the_value(desk, company):
    lead = company.leads["lead_id"].iloc[0]
    told = [
        desk.scorer.score(
            [(0, LeadToScore(lead_id=lead, attributes=attributes))],
            20,
            micros(company.observed_until),
        )[0]
        for attributes in ({}, {"team": RED}, {"team": BLUE})
    ]
    assert told[0].status in ("ok", "closed")
    assert told[0] == told[1] == told[2]
    assert "canary" not in str(told[1])


def test_no_answer_and_no_page_shows_the_value(desk, company):
    client, lead = Client(create_app(desk)), company.leads["lead_id"].iloc[-1]
    assert "team" not in client.get(f"/leads/{lead}").json()["lead"]
    for path in (f"/leads/{lead}", f"/pages/lead/{lead}", "/queue", "/", "/pages/drivers"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "canary" not in answer.text, path


def test_nor_does_a_page_that_is_saved(marked, tmp_path):
    page = report.run(marked, tmp_path / "report")
    saved = {each.name: each.read_text() for each in page.parent.glob("*.html")}
    assert "lead-1.html" in saved
    assert [name for name, text in saved.items() if "canary" in text] == []


def test_features_that_a_caller_brings_are_kept_from_the_model_too(desk, company):
    model, now = desk.scorer.champion.model, company.observed_until
    matrix = compute_features(company, open_leads(company, now), model.features)
    name = next(each.name for each in model.features if each.column == "team")
    answers = []
    for value in (RED, BLUE):
        told = replace(matrix, values=matrix.values.assign(**{name: value}))
        sink = BytesIO()
        pq.write_table(as_arrow(told, arrow_schema(model.features)), sink)
        answer = Client(create_app(desk)).post("/score/bulk", content=sink.getvalue())
        assert answer.status_code == 200
        answers.append(pq.read_table(BytesIO(answer.content)).to_pydict())
    assert answers[0] == answers[1]


def test_such_a_version_is_not_promoted_and_the_message_says_what_to_do(marked):
    for more in ({}, {"force": True, "why": "we like it"}):
        with pytest.raises(ModelError, match=r"leads\.team.*cannot be promoted: .*train"):
            versions.promote(marked, version="1", **more)


@pytest.mark.slow
def test_it_is_a_cause_to_train_anew_and_the_gate_compares_as_served(marked):
    history = context.history_of(marked, context.store_of(marked))
    served = read_promises(context.store_of(marked), horizons=[30])
    done = retrain.retrain(marked, history, (), served, now=context.now())
    assert (done.ruling.due, done.ruling.rule, done.way) == (True, "personal", "search")
    registry = Registry.of(marked.tracking)
    assert "team" not in {each.column for each in registry.load(done.version).features}
    assert done.decision.against == "champion"
    if not done.decision.promote:
        again = retrain.retrain(marked, history, (), served, now=context.now())
        assert (again.ruling.due, again.ruling.rule) == (False, "wait")


def test_a_notebook_gets_no_feature_of_it_unless_it_names_it(marked):
    context.store_of(marked)
    history = open_store(marked.history.url).history()
    from_notebook = build_training_set(history, ages=(30,))
    assert "team" not in {each.column for each in from_notebook.features}
    team = Feature("team", "its team", "lead", "attribute", column="team", categorical=True)
    with pytest.raises(ValueError, match=r"leads\.team is marked as personal: .*unmarked"):
        build_training_set(history, [team], ages=(30,))
    named = build_training_set(history.unmarked([TEAM]), [team], ages=(30,))
    assert set(named.values["team"].dropna()) == {RED, BLUE}


def test_a_mark_goes_when_it_is_asked_for_and_not_when_the_settings_name_it(marked, capsys):
    plain = marked.model_copy(
        update={"history": marked.history.model_copy(update={"personal": ()})}
    )
    assert personal.run(marked) == {TEAM}
    with pytest.raises(UsageError, match="take it out of the settings first"):
        personal.run(marked, remove=TEAM)
    assert personal.run(plain) == {TEAM}  # the store has kept it
    assert personal.run(plain, remove=TEAM) == frozenset()
    assert "leads.team is not personal any more" in capsys.readouterr().out
    with pytest.raises(UsageError, match="not marked"):
        personal.run(plain, remove=TEAM)
    personal.run(plain, as_json=True)
    assert '"personal": []' in capsys.readouterr().out


def test_what_was_logged_before_the_mark_is_taken_out_when_asked_for(
    before, company, tmp_path, capsys
):
    settings = settings_in(tmp_path / "own", company, tracking=before.tracking.model_dump())
    name = next(f.name for f in Registry.of(before.tracking).load(1).features if f.column == "team")
    reason = {"feature": name, "label": "team", "value": RED, "effect": 0.1}
    logged = ServedScore(
        "l", 0, 1, "1", (30,), (0.5,), 50.0, "C", "ok", [reason], (name,), (RED,), 1, 1
    )
    write_scores(context.store_of(settings), [logged])
    personal.run(marked_in(settings))
    assert "canary" in str(read_scores(context.store_of(settings))[["features", "reasons"]].values)
    personal.run(marked_in(settings), clean=True)
    assert "values taken out of 1 scores, 0 handoffs; the scores stay" in capsys.readouterr().out
    after = read_scores(context.store_of(settings))
    assert (after["features"].tolist(), after["reasons"].tolist()) == ([[None]], [[]])


@pytest.mark.slow
def test_a_rollback_does_not_bring_such_a_version_back_unasked(before, company, tmp_path):
    own = {"uri": f"sqlite:///{tmp_path}/mlflow.db", "artifacts": f"{tmp_path}/artifacts"}
    settings = settings_in(tmp_path / "own", company, tracking=own)
    registry, told = Registry.of(settings.tracking), {"who": "t", "why": "t", "now": context.now()}
    made = train(settings, context.history_of(settings, context.store_of(settings))).tuned
    registry.log_and_register(made.model, made.evaluation, made.trials, **told)
    for number in (1, 2):
        registry.promote(number, **told)
    with pytest.raises(UsageError, match=r"uses leads\.team, marked .*retrain.*rollback --force"):
        versions.rollback(marked_in(settings), why="worse")
    assert Registry.of(settings.tracking).champion().version == 2
    assert versions.rollback(marked_in(settings), why="worse", force=True).version == 1
