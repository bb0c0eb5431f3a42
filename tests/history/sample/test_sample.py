"""The sample company: the same every time, true to its law, with every trap in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import build_training_set
from history import STAGES, sample_company


def test_the_same_seed_gives_the_same_history(small_company):
    assert sample_company(600, seed=11).history.digest() == small_company.history.digest()
    assert sample_company(600, seed=12).history.digest() != small_company.history.digest()


def test_nothing_is_recorded_before_it_happened_or_after_the_end(small_company):
    history = small_company.history
    for frame in (history.engagements, history.outcomes, history.dispositions):
        assert (frame["recorded_at"] >= frame["occurred_at"]).all()
        assert (frame["recorded_at"] < history.observed_until).all()


def test_engagements_follow_the_creation_of_their_lead(small_company):
    history = small_company.history
    created = history.engagements["lead_id"].map(history.leads.set_index("lead_id")["created_at"])
    assert (history.engagements["occurred_at"] >= created).all()


def test_it_holds_what_real_histories_hold(small_company):
    history = small_company.history
    assert set(history.outcomes["stage"].dropna().unique()) == set(STAGES)
    assert set(history.dispositions["action"].dropna().unique()) == {"accept", "reject", "recycle"}
    refused = history.dispositions[history.dispositions["action"] != "accept"]
    assert refused["reason"].notna().all()
    late = history.engagements["recorded_at"] - history.engagements["occurred_at"]
    assert 0.005 < (late > pd.Timedelta(hours=12)).mean() < 0.2
    assert history.current_only == {"leads.crm_status"}
    assert set(history.attribute_history["field"]) == {"employees"}
    assert history.engagements["campaign"].nunique() > 10


def test_some_lost_leads_are_opened_again(small_company):
    outcomes = small_company.history.outcomes.sort_values(["lead_id", "occurred_at"])
    stage = outcomes["stage"].astype("str")
    same = outcomes["lead_id"] == outcomes["lead_id"].shift()
    assert ((stage != "lost") & (stage.shift() == "lost") & same).any()


def test_wins_happen_as_often_as_the_truth_says():
    sample = sample_company(3000, seed=5)
    training_set = build_training_set(sample.history, ages=(14,), horizons=(90,))
    known = training_set.take(training_set.labels[90].notna().to_numpy())
    promised = sample.truth.probability(known.snapshots, 90)
    inside = ~np.isnan(promised)
    promised, happened = promised[inside], known.labels[90].to_numpy()[inside]
    for part in np.array_split(np.argsort(promised), 4):
        spread = np.sqrt((promised[part] * (1 - promised[part])).sum())
        assert abs(happened[part].sum() - promised[part].sum()) < 4 * spread + 1


def test_the_truth_is_silent_beyond_the_simulated_days(small_company):
    last = small_company.history.observed_until
    leads = small_company.history.leads["lead_id"].head(3)
    snapshots = pd.DataFrame({"lead_id": leads, "as_of": last - pd.Timedelta(days=10)})
    assert np.isnan(small_company.truth.probability(snapshots, 90)).all()


def test_a_company_needs_leads_and_time():
    with pytest.raises(ValueError, match="at least 1 lead"):
        sample_company(0)
