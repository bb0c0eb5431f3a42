import asyncio
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import compute_features, open_leads
from history import Sample
from history.history import micros
from models import score
from serving.assembly import assembled, stored_rows
from serving.body import understand
from serving.contract import LeadToScore
from serving.desk import Desk
from serving.scoring import scores_of


@pytest.fixture
def now(small_company: Sample) -> pd.Timestamp:
    return small_company.history.observed_until


@pytest.fixture
def some_open(small_company: Sample, now) -> list[str]:
    return open_leads(small_company.history, now)["lead_id"].head(12).tolist()


def scored(desk: Desk, leads, now, top_reasons=0):
    asked = [(i, LeadToScore.model_validate(lead)) for i, lead in enumerate(leads)]
    answers = desk.scorer.score(asked, top_reasons, micros(now))
    return [answers[place] for place in range(len(asked))]


def test_served_scores_equal_bulk_scores_to_the_last_bit(
    desk: Desk, small_company: Sample, some_open, now
):
    model = desk.scorer.champion.model
    snapshots = open_leads(small_company.history, now).head(12)
    matrix = compute_features(small_company.history, snapshots, model.features)
    bulk = score(model, matrix, grades=desk.settings.grades, top_reasons=2).frame
    served = scored(desk, [{"lead_id": lead} for lead in some_open], now, top_reasons=2)
    last = f"probability_{model.horizons[-1]}d"
    assert [each.probability for each in served] == bulk[last].tolist()
    assert [each.grade for each in served] == bulk["grade"].tolist()
    assert [each.reasons[0].feature for each in served] == [
        reasons[0]["feature"] for reasons in bulk["reasons"]
    ]


def test_a_neighbour_does_not_move_a_score(desk: Desk, some_open, now):
    lead = some_open[0]
    (alone,) = scored(desk, [{"lead_id": lead}], now)
    told = {"attributes": {"source": "partner"}, "account": {"industry": "mining"}}
    together = scored(desk, [{"lead_id": lead, **told}, {"lead_id": lead}], now)
    assert together[1] == alone


def test_a_lead_told_in_full_scores_as_if_it_were_stored(empty_desk: Desk, now):
    born = (now - pd.Timedelta(days=40)).isoformat()
    attributes = {"source": "referral", "job_level": "director", "created_at": born}
    account = {"industry": "software", "employees": 250}
    touches = [
        {"occurred_at": (now - pd.Timedelta(days=day, hours=3)).isoformat(), "kind": kind}
        | {"channel": "web", "team": "marketing", "direction": "inbound"}
        for day in range(1, 35, 3)
        for kind in ("web_visit", "email_click")
    ]
    empty_desk.write("accounts", [{"account_id": "A", **account}])
    empty_desk.write("leads", [{"lead_id": "stored", "account_id": "A", **attributes}])
    empty_desk.write("engagements", [{"lead_id": "stored", **touch} for touch in touches])
    told = {"lead_id": "told", "attributes": attributes, "account": account, "engagements": touches}
    stored, told = scored(empty_desk, [{"lead_id": "stored"}, told], now, top_reasons=5)
    assert stored.status == told.status == "ok"
    assert replace(told, lead_id="stored") == stored


def test_zero_reasons_skip_the_explanation(desk: Desk, some_open, now):
    (answer,) = scored(desk, [{"lead_id": some_open[0]}], now)
    assert answer.reasons == []


def test_an_unknown_lead_is_told_what_to_send(desk: Desk, now):
    (answer,) = scored(desk, [{"lead_id": "nobody"}], now)
    assert answer.status == "unknown_lead"
    assert "attributes" in answer.message


def test_a_cutoff_before_creation_is_refused(desk: Desk, some_open, now):
    (answer,) = scored(desk, [{"lead_id": some_open[0], "as_of": "1990-01-01T00:00:00Z"}], now)
    assert answer.status == "invalid"
    assert answer.message.startswith("as_of: ")


def test_a_won_lead_is_closed(desk: Desk, small_company: Sample, now):
    outcomes = small_company.history.outcomes
    won = outcomes.loc[outcomes["stage"] == "won", "lead_id"].iloc[0]
    (answer,) = scored(desk, [{"lead_id": won}], now)
    assert answer.status == "closed"


def test_probabilities_never_fall_with_the_horizon(desk: Desk, some_open, now):
    for answer in scored(desk, [{"lead_id": lead} for lead in some_open], now):
        chances = [each.probability for each in answer.probabilities]
        assert chances == sorted(chances)


def test_a_known_lead_had_its_fixed_values_until_a_request_tells_others(empty_desk: Desk, now):
    source = next(
        feature.column
        for feature in empty_desk.scorer.champion.model.features
        if feature.source == "lead" and feature.categorical
    )
    born = {"created_at": "2025-11-01T08:00:00Z", source: "referral"}
    empty_desk.write("leads", [{"lead_id": "L1", **born}])
    changed = {"lead_id": "L1", "attributes": {source: "web"}}
    store, engine = empty_desk.store, empty_desk.scorer.engine
    (wanted,), _ = understand([(0, LeadToScore.model_validate(changed))], micros(now), None)
    known = assembled(stored_rows(store, [wanted]), [wanted])
    values = engine.compute(known, ["L1", "L1"], np.array([wanted.cutoff, wanted.cutoff - 1]))
    place = next(n for n, each in enumerate(engine.features) if each.column == source)
    assert values.texts[place].tolist() == ["web", "referral"]


def test_one_lead_in_place_is_scored_as_in_a_thread(client, desk: Desk, some_open, monkeypatch):
    body = {"leads": [{"lead_id": some_open[0]}], "top_reasons": 3}
    in_thread = []
    monkeypatch.setattr("serving.scoring.asyncio.to_thread", spied(asyncio.to_thread, in_thread))
    at_once = client.post("/score", json=body).json()
    assert scores_of not in in_thread
    monkeypatch.setattr("history.lead_rows._MOST_IN_PLACE", 0)
    assert client.post("/score", json=body).json() == at_once
    assert in_thread.count(scores_of) == 1


def test_a_plugged_classifier_does_not_hold_up_the_loop(client, desk: Desk, some_open, monkeypatch):
    in_thread = []
    monkeypatch.setattr("serving.scoring.asyncio.to_thread", spied(asyncio.to_thread, in_thread))
    monkeypatch.setattr("models.conversion.ConversionModel.is_quick", False)
    answer = client.post("/score", json={"leads": [{"lead_id": some_open[0]}]})
    assert answer.status_code == 200
    assert in_thread.count(scores_of) == 1


def spied(to_thread, seen):
    """Return `to_thread`, noting what it is asked to do."""

    async def spy(work, *what, **more):
        seen.append(work)
        return await to_thread(work, *what, **more)

    return spy
