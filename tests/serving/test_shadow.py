"""A challenger scores in the shadow: the same features, behind the answer, shown to nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features import compute_features, open_leads
from history.score_reading import read_promises, read_scores
from models.calibration import Platt
from models.errors import ModelError
from serving.app import create_app
from serving.champion import Champion
from serving.desk import Desk
from tests.serving.conftest import Client, FixedSource, FrozenDesk, fill, settings_of


@pytest.fixture
def rival(model) -> Champion:
    """Return a challenger that promises twice the odds."""
    parts = tuple(replace(part, calibrator=Platt(1.0, np.log(2.0))) for part in model.models)
    return Champion(replace(model, models=parts), "2")


@pytest.fixture
def desk_of(model, small_company, tmp_path):
    made = []

    def make(rival) -> Desk:
        url = f"sqlite:///{tmp_path}/shadow.db"
        fill(url, small_company.history)
        FrozenDesk.stands_at = small_company.history.observed_until
        desk = FrozenDesk(settings_of(url), FixedSource(model, rival=rival), url)
        desk.look()
        made.append(desk)
        return desk

    yield make
    for desk in made:
        desk.close()


def test_the_challenger_says_what_it_would_of_the_same_lead_and_nobody_sees_it(
    desk_of, rival, small_company
):
    desk = desk_of(rival)
    assert desk.shadow.version == "2"
    history = small_company.history
    ids = history.leads["lead_id"].iloc[:20].tolist()
    client = Client(create_app(desk))
    shown = client.post("/score", json={"leads": [{"lead_id": each} for each in ids]}).json()
    assert {each["model_version"] for each in shown["scores"]} == {"1"}
    desk.close()  # what waits is written

    seen = read_scores(desk.store)
    assert set(seen["model_version"]) == {"1"}
    horizons = rival.model.horizons
    ours = read_promises(desk.store, horizons=horizons)
    theirs = read_promises(desk.store, horizons=horizons, shadow=True)
    assert set(theirs["model_version"]) == {"2"}
    assert theirs["lead_id"].tolist() == ours["lead_id"].tolist()
    wanted = rival.model.probabilities(
        compute_features(history, theirs[["lead_id", "as_of"]], rival.model.features).values
    )
    columns = [f"probability_{horizon}d" for horizon in horizons]
    assert np.array_equal(theirs[columns].to_numpy(), wanted)
    told = client.get(f"/leads/{ids[0]}").json()
    assert {each["model_version"] for each in told["scores"]} <= {"1"}


@pytest.fixture(scope="module")
def open_lead(small_company) -> str:
    history = small_company.history
    return str(open_leads(history, history.observed_until)["lead_id"].iloc[0])


def test_a_challenger_that_asks_for_more_is_left_out_and_one_that_goes_away_is_forgotten(
    desk_of, rival, open_lead
):
    more = replace(rival.model.features[0], name="unheard_of")
    model = replace(rival.model, features=(more, *rival.model.features[1:]))
    desk = desk_of(Champion(model, "3"))
    logged = []
    desk.score_log.note = logged.extend
    Client(create_app(desk)).post("/score", json={"leads": [{"lead_id": open_lead}]})
    assert len(logged) == 1
    assert desk.shadow.scores(logged) == []
    desk.source.rival = None
    desk.look()
    assert desk.shadow.version == ""


def test_a_challenger_that_cannot_be_loaded_is_said_once_and_the_champion_serves(
    desk_of, rival, caplog, monkeypatch
):
    def damaged(_source):
        raise ModelError("its files are gone")

    monkeypatch.setattr(FixedSource, "load_challenger", damaged)
    desk = desk_of(rival)
    desk.look()
    desk.look()
    said = [r.message for r in caplog.records if "cannot score in the shadow" in r.message]
    assert said == ["version 2 cannot score in the shadow: its files are gone"]
    assert desk.ready
    assert desk.problem == ""


def test_a_defect_in_the_shadow_costs_no_score_that_was_served(
    desk_of, rival, open_lead, caplog, monkeypatch
):
    desk = desk_of(rival)
    monkeypatch.setattr("serving.shadow.percentile_scores", lambda *_: 1 / 0)
    Client(create_app(desk)).post("/score", json={"leads": [{"lead_id": open_lead}]})
    desk.close()
    assert len(read_scores(desk.store)) == 1
    assert "could not be made" in caplog.text
