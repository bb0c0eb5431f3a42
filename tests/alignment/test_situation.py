"""The open leads as both teams look at them, and the queue when it is long."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd

from alignment.agreement import Agreement
from alignment.pages import render, served_links, today
from models import score
from settings.agreement import AgreementSettings
from settings.settings import GradeSettings


def test_every_open_lead_is_in_one_state(situation):
    work = situation.worklist
    assert len(work) == len(situation.frame)
    assert set(work["state"]) <= {"waiting", "working", "ready", "nurture"}
    assert work.loc[work["state"] == "working", "stage"].isin(["sal", "sql", "opportunity"]).all()
    assert work.loc[work["state"] == "ready", "qualified"].all()
    assert (work["probability"].diff().dropna() <= 0).all()


def test_the_weeks_hold_scores_as_of_then_of_leads_that_sales_did_not_have(situation):
    chances, leads, share = situation.quarter_view
    assert share == 1.0
    assert chances.shape == (len(situation.history.leads), 13)
    created = leads.map(situation.history.leads.set_index("lead_id")["created_at"])
    for week in (0, 6, 12):
        start = situation.now - pd.Timedelta(weeks=13 - week)
        assert np.isnan(chances[(created >= start).to_numpy(), week]).all()
        held = situation.steps.set_index("lead_id").reindex(leads)
        won = (held["won"] < start - pd.Timedelta(days=10)).to_numpy()
        assert np.isnan(chances[won, week]).all()


def test_the_cut_is_the_agreed_one_else_the_solved_one(situation):
    assert situation.cut == situation.curve.best
    assert situation.terms.capacity_per_week >= 1
    assert {row["lead_id"] for row in situation.crossing_now} == set(
        situation.worklist.loc[situation.worklist["state"] == "ready", "lead_id"]
    )


def test_the_forecast_counts_wins_of_the_quarter_and_the_open_leads(situation):
    found = situation.forecast
    assert found.won == situation.figures.wins
    assert found.leads == len(situation.frame)
    assert found.low <= found.total + 1
    assert found.high >= found.total - 1


def test_a_hundred_thousand_leads_are_paged_in_time(situation):
    """A page of a long queue is rendered within 300 ms, once the situation stands."""
    times = -(-100_000 // len(situation.worklist))
    work = pd.concat([situation.worklist] * times, ignore_index=True)
    work["lead_id"] = [f"L{number:07d}" for number in range(len(work))]
    work["probability"] = np.sort(work["probability"].to_numpy())[::-1]
    long = replace(situation, kept={})
    long.__dict__["worklist"] = work
    taken = []
    for page in (1, 2, 700):
        choice = today.Choice(show="all", page=page)
        begun = time.perf_counter()
        text = render("today", today.view(long, choice, {"L0000001": "accept"}), served_links())
        taken.append(time.perf_counter() - begun)
        assert text.count('class="card lead') == today.PER_PAGE
    assert min(taken) < 0.3


def test_the_reasons_of_a_few_leads_are_those_that_scoring_all_would_give(situation):
    shown = situation.worklist.iloc[[0, 3, 41]]
    told = situation.explained(shown)
    every = score(
        situation.model, situation.matrix, grades=GradeSettings(), top_reasons=3, version="1"
    ).frame.set_index("lead_id")["reasons"]
    assert told["reasons"].tolist() == every.reindex(told["lead_id"]).tolist()
    assert all(len(each) == 3 for each in told["reasons"])


def test_what_holds_under_any_agreement_is_not_computed_again(situation):
    kept = situation.effects, situation.steps, situation.quarter_view
    agreement = Agreement(1, AgreementSettings(least_probability=0.5), who="a", why="b")
    anew = situation.agreed_anew(GradeSettings(), agreement=agreement)
    again = anew.effects, anew.steps, anew.quarter_view
    assert all(one is other for one, other in zip(kept, again, strict=True))
    assert anew.cut == 0.5
    assert situation.cut != 0.5
