from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from alignment.attribution import attribute, campaign_quality, paths
from alignment.funnel import describe_leads


def touched(**journeys):
    rows = []
    for lead, (path, converted) in journeys.items():
        rows += [{"lead_id": lead, "touch": each, "converted": converted} for each in path]
    return pd.DataFrame(rows)


def by_walks(journeys, removed=None, walks=60_000):
    """Walk the chain at random instead of solving it."""
    moves = {}
    for path, converted in journeys.values():
        steps = ["start", *path, "won" if converted else "null"]
        for one, other in pairwise(steps):
            moves.setdefault(one, []).append(other)
    rng = np.random.default_rng(3)
    won = 0
    for _ in range(walks):
        here = "start"
        while here not in ("won", "null"):
            here = moves[here][rng.integers(len(moves[here]))]
            here = "null" if here == removed else here
        won += here == "won"
    return won / walks


JOURNEYS = {
    "a": (["web", "email"], True),
    "b": (["web"], False),
    "c": (["ad", "web", "email"], True),
    "d": (["ad", "email"], False),
    "e": (["web", "ad"], True),
}


def test_removal_effects_are_those_of_random_walks():
    found = attribute(touched(**JOURNEYS)).set_index("touch")["data_driven"]
    whole = by_walks(JOURNEYS)
    effects = {name: 1 - by_walks(JOURNEYS, name) / whole for name in ("web", "email", "ad")}
    for name, effect in effects.items():
        assert found[name] == pytest.approx(3 * effect / sum(effects.values()), abs=0.03)


def test_every_rule_gives_out_every_win_once():
    found = attribute(touched(**JOURNEYS))
    for rule in ("first_touch", "last_touch", "data_driven"):
        assert found[rule].sum() == pytest.approx(3)
    rows = found.set_index("touch")
    assert rows["first_touch"].to_dict() == {"web": 2, "email": 0, "ad": 1}
    assert rows["last_touch"].to_dict() == {"web": 0, "email": 2, "ad": 1}
    assert rows["leads"].to_dict() == {"web": 4, "email": 3, "ad": 3}


def test_a_channel_that_every_win_needs_gets_the_most():
    found = attribute(touched(a=(["x", "key"], True), b=(["x"], False), c=(["key"], True)))
    assert found["touch"].tolist()[0] == "key"


def test_nothing_to_attribute():
    empty = attribute(pd.DataFrame({"lead_id": [], "touch": [], "converted": []}))
    assert list(empty) == ["touch", "leads", "first_touch", "last_touch", "data_driven"]
    assert attribute(touched(a=(["x"], False)))["data_driven"].tolist() == [0.0]


def test_paths_end_at_the_win_and_leave_out_sales(small_company):
    history = small_company.history
    found = paths(history)
    won = history.outcomes[history.outcomes["stage"] == "won"]
    assert set(found.loc[found["converted"], "lead_id"]) <= set(won["lead_id"])
    assert "phone" not in set(found["touch"])
    again = (found["lead_id"] == found["lead_id"].shift()) & (
        found["touch"] == found["touch"].shift()
    )
    assert not again.any()


def test_campaigns_show_what_their_leads_are_worth(small_company):
    history = small_company.history
    found = campaign_quality(
        history, describe_leads(history), pd.Series({"L000001": 0.5}), {"email_01": 1000.0}
    )
    row = found.set_index("campaign").loc["email_01"]
    told = history.engagements.dropna(subset=["campaign"])
    first = told.groupby("lead_id").head(1)
    mine = set(first.loc[first["campaign"] == "email_01", "lead_id"])
    won = history.outcomes[history.outcomes["stage"] == "won"]
    assert row["leads"] == len(mine)
    assert row["wins"] == won["lead_id"].isin(mine).sum()
    assert row["cost_per_win"] == pytest.approx(1000 / row["wins"])
    assert found["spend"].notna().sum() == 1
