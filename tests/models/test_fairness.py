"""Groups beside each other, against counts by hand and a law that favours one of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.fairness import MISSING, fairness


@pytest.fixture(scope="module")
def law():
    """Return 3,000 leads: group b converts as often as a, and is promised half of it."""
    rng = np.random.default_rng(4)
    group = pd.Series(rng.choice(["a", "b", "c"], 3000, p=[0.5, 0.48, 0.02])).astype("str")
    group[rng.random(3000) < 0.05] = np.nan
    truth = rng.beta(2, 8, 3000)
    labels = (rng.random(3000) < truth).astype(float)
    promised = np.where(group == "b", truth / 2, truth)
    leads = pd.DataFrame({"lead_id": [f"l{number}" for number in range(3000)]})
    return promised, labels, leads, leads["lead_id"].to_numpy(dtype=object), {"leads.team": group}


def test_counts_are_those_by_hand(law):
    promised, labels, leads, _, groups = law
    table = fairness(*law, capacity=0.1).set_index("value")
    assert list(table.index) == ["a", "b", MISSING, "c"]
    best = set(np.argsort(-promised, kind="stable")[:300])
    for value in ("a", "b"):
        mine = np.flatnonzero(groups["leads.team"] == value)
        row = table.loc[value]
        assert (row["leads"], row["n"]) == (len(mine), len(mine))
        assert row["conversions"] == labels[mine].sum()
        assert row["promised"] == pytest.approx(promised[mine].mean())
        assert row["observed"] == pytest.approx(labels[mine].mean())
        assert row["low"] < row["observed"] < row["high"]
        assert row["forward"] == pytest.approx(np.mean([each in best for each in mine]))
        won = [each for each in mine if labels[each]]
        assert row["reached"] == pytest.approx(np.mean([each in best for each in won]))
    assert len(leads) == table["n"].sum()


def test_a_group_that_is_promised_too_little_is_told(law):
    table = fairness(*law, capacity=0.1).set_index("value")
    assert table.loc["a", "ratio"] == 1.0
    assert table.loc["b", "ratio_low"] < table.loc["b", "ratio"] < 0.5
    assert table["differs"].to_dict() == {"a": False, "b": True, MISSING: False, "c": False}
    assert table.loc["b", "promised"] < table.loc["b", "low"]
    assert table.loc["a", "low"] < table.loc["a", "promised"] < table.loc["a", "high"]


def test_of_few_leads_nothing_is_said(law):
    table = fairness(*law, capacity=0.1).set_index("value")
    assert not table.loc["c", "enough"]
    assert np.isnan(table.loc["c", "ratio"])
    assert table.loc["a", "enough"]
    assert fairness(*law[:4], {}, capacity=0.1).empty
