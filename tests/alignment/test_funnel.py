import numpy as np
import pandas as pd
import pytest

from alignment.funnel import RISING, by_dimension, cohorts, describe_leads, flow, progress, stages
from history import History
from tests.conftest import at


def test_a_later_stage_implies_the_earlier_ones(small_history):
    found = progress(small_history).set_index("lead_id")
    assert (found.loc["ann", list(RISING)] == at("02-10")).all()
    assert found.loc["bob", "mql"] == at("02-01")
    assert found.loc["bob", "lost"] == at("01-15")
    assert found.loc["cyd", list(RISING)].isna().all()


def test_stages_are_counted_as_by_hand(small_company):
    history = small_company.history
    found = stages(progress(history)).set_index("stage")
    seen = {stage: set() for stage in RISING}
    for lead, stage in zip(history.outcomes["lead_id"], history.outcomes["stage"], strict=True):
        for earlier in RISING[: RISING.index(stage) + 1] if stage in RISING else ():
            seen[earlier].add(lead)
    assert found.loc["created", "leads"] == len(history.leads)
    for stage in RISING:
        assert found.loc[stage, "leads"] == len(seen[stage])
    assert found.loc["won", "share"] == pytest.approx(len(seen["won"]) / len(seen["opportunity"]))


def test_dimensions_part_the_leads(small_company):
    history = small_company.history
    steps, described = progress(history), describe_leads(history)
    for name in ("source", "segment", "owner", "channel", "campaign"):
        found = by_dimension(steps, described, name)
        assert found["leads"].sum() == len(history.leads)
        assert found["won"].sum() == steps["won"].notna().sum()
    assert not (describe_leads(history)["source"] == "(unknown)").any()


def test_a_month_counts_what_happened_in_it(small_company):
    history = small_company.history
    found = flow(progress(history))
    created = history.leads["created_at"].dt.strftime("%Y-%m").value_counts()
    assert {str(month): count for month, count in found["created"].items()} == created.to_dict()


def test_a_cohort_is_shown_only_when_all_of_it_had_the_time():
    days = ["01-05", "01-31", "02-02"]
    leads = pd.DataFrame({"lead_id": list("abc"), "created_at": [at(day) for day in days]})
    won = pd.DataFrame({"lead_id": ["a"], "occurred_at": [at("01-20")], "stage": ["won"]})
    history = History.from_frames({"leads": leads, "outcomes": won}, observed_until=at("03-15"))
    found = cohorts(progress(history), history.observed_until, days=(10, 30, 60)).set_index("month")
    assert found.loc["2024-01", "leads"] == 2
    assert found.loc["2024-01", [10, 30]].tolist() == [0.0, 0.5]
    assert np.isnan(found.loc["2024-01", 60])
    assert np.isnan(found.loc["2024-02", 30])


def test_an_empty_history_has_an_empty_funnel():
    history = History.from_frames({}, observed_until=at("01-01"))
    steps = progress(history)
    assert stages(steps)["leads"].tolist() == [0] * 6
    assert by_dimension(steps, describe_leads(history), "source").empty
    assert flow(steps).empty
    assert cohorts(steps, at("01-01")).empty
