"""The open leads with all that a person needs to work them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from alignment import funnel, routing
from alignment.handoff import WORKED
from alignment.qualification import qualified
from features.logs import codes_in
from history import History

if TYPE_CHECKING:
    from alignment.situation import Situation


def worklist(situation: Situation) -> pd.DataFrame:
    """Return the open leads of a situation, best first; `Situation.worklist` says the columns."""
    found = _crossed(situation, _described(situation))
    found = found.join(qualified(found, situation.agreement.terms, situation.cut))
    return _routed(situation, _placed(found))


def _described(situation: Situation) -> pd.DataFrame:
    """Return who the leads are, what they are worth and what they did."""
    history = situation.history
    found = situation.frame.assign(probability=situation.probability)
    found["expected_value"] = found["probability"] * float(situation.terms.win_value or 0.0)
    leads = pd.Index(history.leads["lead_id"])
    place = codes_in(leads, found["lead_id"])
    described = situation.described
    for name in described.columns.drop("lead_id"):
        found[str(name)] = described[name].array.take(place)
    found["account_id"] = history.leads["account_id"].array.take(place).astype(object)
    found["created_at"] = history.leads["created_at"].array.take(place)
    for rule in situation.agreement.terms.excluded:
        name = rule.partition("=")[0].strip()
        if name in history.leads and name not in found:
            found[name] = history.leads[name].array.take(place)
    recent = history.engagements["occurred_at"] >= situation.now - pd.Timedelta(days=30)
    found["engagements"] = _counts(leads, history.engagements["lead_id"][recent])[place]
    found["stage"] = _last_stage(leads, history)[place]
    found["seen"] = _counts(leads, history.dispositions["lead_id"])[place]
    return found


def _counts(leads: pd.Index, ids: pd.Series) -> npt.NDArray[np.int64]:
    """Return how often each lead is named."""
    lead = codes_in(leads, ids)
    return np.bincount(lead[lead >= 0], minlength=len(leads))


def _last_stage(leads: pd.Index, history: History) -> npt.NDArray[np.object_]:
    """Return the last stage of each lead; a history is in the order of leads and time."""
    lead = codes_in(leads, history.outcomes["lead_id"])
    last = np.flatnonzero(np.append(lead[1:] != lead[:-1], True)[: len(lead)] & (lead >= 0))
    found = np.full(len(leads), "new", dtype=object)
    found[lead[last]] = history.outcomes["stage"].iloc[last].astype(object).to_numpy()
    return found


def _crossed(situation: Situation, found: pd.DataFrame) -> pd.DataFrame:
    """Add what the ledger says of each lead's latest crossing."""
    ids, crossed = found["lead_id"], situation.crossed
    latest = crossed.drop_duplicates("lead_id", keep="last").set_index("lead_id")
    found["cycle"] = ids.map(crossed["lead_id"].value_counts()).fillna(0).astype(int)
    for name in ("handed_at", "due_at"):
        found[name] = latest[name].reindex(ids.to_numpy()).astype("datetime64[us, UTC]").array
    found["overdue"] = ids.isin(latest.index[latest["overdue"].to_numpy(dtype=bool)])
    found["crossing"] = ids.map(latest["state"].astype(object)).astype(object)
    return found


def _placed(found: pd.DataFrame) -> pd.DataFrame:
    """Say whose turn it is with each lead."""
    working = found["stage"].isin(WORKED)
    waiting = found["crossing"].isin(["waiting", "touched"]) & ~working
    found["touched"] = (found["crossing"] == "touched").to_numpy()
    found["state"] = np.select(
        [working, waiting, found["qualified"]], ["working", "waiting", "ready"], "nurture"
    )
    found["turn"] = found["cycle"] - (found["state"] == "waiting").astype(int)
    return found.drop(columns="crossing")


def _routed(situation: Situation, found: pd.DataFrame) -> pd.DataFrame:
    """Say who has each lead that waits for sales, and who is given those that nobody has."""
    found["routed"], found["given"] = "", False
    owners = situation.agreement.terms.owners
    waits = found["state"].isin(["waiting", "ready"]) & found["qualified"]
    if not owners or not waits.any():
        return found
    asked = found.loc[waits, ["lead_id", "turn", "owner", "segment"]]
    known = situation.assigned.set_index(["lead_id", "turn"])
    before = known.reindex(pd.MultiIndex.from_frame(asked[["lead_id", "turn"]].astype(object)))
    had = asked["owner"].where(asked["owner"] != funnel.UNKNOWN, "")
    kept = pd.Series(before["owner"].fillna("").to_numpy(dtype=object), index=asked.index)
    asked = asked.assign(owner=kept.where(kept != "", had))
    given = routing.route(asked, owners, routing.load_of(situation.assigned, situation.now))
    why = pd.Series(before["why"].fillna("").to_numpy(dtype=object), index=asked.index)
    given["routed"] = why.where(kept != "", given["routed"])
    found.loc[waits, "routed"] = given["routed"]
    found.loc[waits, "owner"] = given["owner"].where(given["owner"] != "", funnel.UNKNOWN)
    found.loc[waits, "given"] = (asked["owner"] == "") & (given["owner"] != "")
    return found
