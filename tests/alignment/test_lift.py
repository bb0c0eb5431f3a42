import numpy as np
import pandas as pd
import pytest

from alignment.agreement import Agreement
from alignment.lift import lifts, needed_leads, newcombe
from alignment.qualification import drawn
from history import History
from settings.agreement import AgreementSettings

BEGUN = pd.Timestamp("2025-01-01", tz="UTC").as_unit("us")
UNTIL = pd.Timestamp("2025-12-31", tz="UTC").as_unit("us")


def agreed(version=0, at=None, **terms):
    return Agreement(version, AgreementSettings(**terms), at=at)


def company(count, chance, seed=3):
    """Leads that crossed one after the other, each won by its own chance ten days later."""
    ids = pd.Series([f"L{number:05d}" for number in range(count)])
    handed = BEGUN + pd.to_timedelta(np.linspace(0, 200, count), unit="D").as_unit("us")
    won = np.random.default_rng(seed).random(count) < chance(ids)
    outcomes = pd.DataFrame(
        {
            "lead_id": ids[won],
            "occurred_at": handed[won] + pd.Timedelta(days=10),
            "stage": "won",
        }
    )
    leads = pd.DataFrame({"lead_id": ids, "created_at": BEGUN - pd.Timedelta(days=1)})
    tables = {"leads": leads, "outcomes": outcomes.assign(outcome_id=outcomes["lead_id"])}
    crossed = pd.DataFrame({"lead_id": ids, "handed_at": handed, "explored": False})
    crossed["logged_at"] = crossed["handed_at"]
    return History.from_frames(tables, observed_until=UNTIL), crossed


def test_newcombe_knows_the_published_example():
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert np.isnan(newcombe(0, 0, 1, 2)).all()


def test_a_planted_effect_of_the_order_is_found():
    def chance(ids):
        return np.where(drawn(ids, 0.4, "holdout"), 0.1, 0.2)

    history, crossed = company(4000, chance)
    versions = [agreed(holdout_share=0.4)]
    (found,) = lifts(crossed, history, versions, until=UNTIL, days=90)
    assert found.low < 0.1 < found.high
    assert found.low > 0
    assert found.told
    assert found.ours.leads + found.other.leads == len(crossed)


def test_nothing_is_made_of_chance():
    history, crossed = company(300, lambda ids: np.full(len(ids), 0.1))
    (found,) = lifts(crossed, history, [agreed(holdout_share=0.2)], until=UNTIL, days=90)
    assert found.low < 0 < found.high
    assert not found.told
    assert found.needed > found.other.leads


def test_explored_leads_stand_beside_those_above_the_cut():
    history, crossed = company(2000, lambda ids: np.where(drawn(ids, 0.3, "x"), 0.02, 0.2))
    crossed["explored"] = drawn(crossed["lead_id"], 0.3, "x")
    crossed["explored"] = crossed["explored"].astype(object)
    crossed.loc[:99, ["explored", "logged_at"]] = None  # before the ledger told
    (found,) = lifts(crossed, history, [agreed(exploration_share=0.1)], until=UNTIL, days=90)
    assert found.low < 0.18 < found.high
    assert found.told
    assert found.ours.leads + found.other.leads == 1900


def test_only_leads_that_crossed_while_leads_were_drawn_count():
    history, crossed = company(1000, lambda ids: np.full(len(ids), 0.1))
    begins = BEGUN + pd.Timedelta(days=100)
    versions = [agreed(), agreed(1, begins, holdout_share=0.5)]
    (found,) = lifts(crossed, history, versions, until=UNTIL, days=90)
    assert found.ours.leads + found.other.leads == (crossed["handed_at"] >= begins).sum()
    assert lifts(crossed, history, [agreed()], until=UNTIL, days=90) == []


def test_young_leads_wait():
    history, crossed = company(100, lambda ids: np.full(len(ids), 0.1))
    early = BEGUN + pd.Timedelta(days=50)
    (found,) = lifts(crossed, history, [agreed(holdout_share=0.5)], until=early, days=90)
    assert (found.ours.leads, found.other.leads) == (0, 0)
    assert found.ours.young + found.other.young == (crossed["handed_at"] < early).sum()
    assert not found.told


def test_fewer_wins_need_more_leads():
    assert needed_leads(0.02) > needed_leads(0.2) > 100
    assert needed_leads(float("nan")) == 0


def test_leads_that_crossed_before_anything_was_kept_here_count_for_nothing():
    """A history that was taken in was worked in somebody else's order."""
    history, crossed = company(1000, lambda ids: np.full(len(ids), 0.1))
    versions = [agreed(holdout_share=0.5, exploration_share=0.5)]
    crossed[["explored", "logged_at"]] = None
    crossed["logged_at"] = crossed["logged_at"].astype(crossed["handed_at"].dtype)
    for found in lifts(crossed, history, versions, until=UNTIL, days=90):
        assert (found.ours.leads, found.other.leads, found.told) == (0, 0, False)
    # The first one that is kept crossed by a record of long ago; those after it are a CRM's own.
    crossed.loc[0, "explored"] = True
    crossed.loc[0, "logged_at"] = crossed.loc[600, "handed_at"]
    order, cut = lifts(crossed, history, versions, until=UNTIL, days=90)
    assert order.ours.leads + order.other.leads == 400
    assert (cut.ours.leads, cut.other.leads) == (0, 0)
