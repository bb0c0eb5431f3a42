"""Which channels and campaigns wins are credited to, by three rules side by side.

First touch and last touch are what most tools show. The data-driven rule is the removal effect
in a first-order Markov chain over touches: how many wins would be missing if every path through
a channel ended there. All three are bookkeeping of association, not proof of cause.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from alignment.funnel import UNKNOWN
from features.logs import codes_in, microseconds
from history import History

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def paths(history: History, by: str = "channel", target: str = "won") -> pd.DataFrame:
    """Return marketing's touches on each lead up to its conversion, in order.

    Parameters
    ----------
    history : what happened.
    by : ``channel`` or ``campaign``.
    target : the stage that counts as a conversion.

    Returns
    -------
    Frame with ``lead_id``, ``touch`` and ``converted``, sorted by lead and time; repeated
    touches of one kind in a row are one.
    """
    touches = history.engagements
    touches = touches[((touches["team"] != "sales") & touches[by].notna()).to_numpy()]
    reached = history.outcomes[(history.outcomes["stage"] == target).to_numpy()]
    leads = pd.Index(history.leads["lead_id"])
    lead = codes_in(leads, touches["lead_id"])
    end = np.full(len(leads), _NEVER)  # of a lead that did not convert every touch counts
    of = codes_in(leads, reached["lead_id"])
    np.minimum.at(end, of[of >= 0], microseconds(reached["occurred_at"])[of >= 0])
    at = microseconds(touches["occurred_at"])
    # A history is in the order of leads and time: nothing needs to be sorted.
    kept = np.flatnonzero((lead >= 0) & (at <= end[lead]))
    touch = touches[by].astype("category")
    lead, code = lead[kept], touch.cat.codes.to_numpy()[kept]
    changed = np.append(True, (lead[1:] != lead[:-1]) | (code[1:] != code[:-1]))[: len(kept)]
    rows = kept[changed]
    return pd.DataFrame(
        {
            "lead_id": touches["lead_id"].iloc[rows].array,
            "touch": touch.iloc[rows].astype("str").array,
            "converted": end[lead[changed]] != _NEVER,
        }
    )


_NEVER = np.iinfo(np.int64).max


def attribute(touched: pd.DataFrame) -> pd.DataFrame:
    """Credit conversions to touches by three rules.

    Parameters
    ----------
    touched : from `paths`.

    Returns
    -------
    One row per touch, most data-driven credit first: ``touch``, ``leads`` that had it, and the
    wins by ``first_touch``, ``last_touch`` and ``data_driven``; each of the three sums to the
    number of converted leads with a touch.
    """
    touch = touched["touch"].astype("category")
    names = touch.cat.categories.to_numpy(dtype=str)
    code = touch.cat.codes.to_numpy().astype(np.int64)
    if not len(names):
        columns = ["touch", "leads", "first_touch", "last_touch", "data_driven"]
        return pd.DataFrame(columns=columns)
    lead = pd.factorize(touched["lead_id"])[0]
    won = touched["converted"].to_numpy(dtype=bool)
    starts = np.append(True, lead[1:] != lead[:-1])
    ends = np.append(starts[1:], True)
    count = len(names)
    pairs = np.unique(lead * count + code) % count
    wins = float(np.sum(ends & won))
    removal = removal_effects(transitions(code, starts, ends, won, count))
    total = removal.sum()
    frame = pd.DataFrame(
        {
            "touch": names,
            "leads": np.bincount(pairs, minlength=count),
            "first_touch": np.bincount(code[starts & won], minlength=count).astype(float),
            "last_touch": np.bincount(code[ends & won], minlength=count).astype(float),
            "data_driven": wins * removal / total if total > 0 else np.zeros(count),
        }
    )
    # A lead converts or does not: whether it did is known at each of its touches.
    return frame.sort_values(["data_driven", "touch"], ascending=[False, True], ignore_index=True)


def transitions(
    code: Ints,
    starts: npt.NDArray[np.bool_],
    ends: npt.NDArray[np.bool_],
    won: npt.NDArray[np.bool_],
    count: int,
) -> Floats:
    """Return the probabilities of moving between touches, with start, won and not won.

    Returns
    -------
    Shape (count + 1, count + 2): rows are the touches and then the start, columns the touches,
    then won, then not won.
    """
    moves = np.zeros((count + 1, count + 2))
    np.add.at(moves, (np.full(int(starts.sum()), count), code[starts]), 1.0)
    inner = ~ends
    np.add.at(moves, (code[inner], code[1:][inner[:-1]]), 1.0)
    np.add.at(moves, (code[ends], np.where(won[ends], count, count + 1)), 1.0)
    sums = moves.sum(axis=1, keepdims=True)
    return np.divide(moves, sums, out=np.zeros_like(moves), where=sums > 0)


def removal_effects(moves: Floats) -> Floats:
    """Return for each touch the share of wins that goes when paths through it end there.

    Parameters
    ----------
    moves : from `transitions`.
    """
    count = moves.shape[0] - 1
    whole = _win_probability(moves, np.ones(count, dtype=bool))
    effects = np.zeros(count)
    for touch in range(count):
        kept = np.ones(count, dtype=bool)
        kept[touch] = False
        if whole > 0:
            effects[touch] = 1.0 - _win_probability(moves, kept) / whole
    return np.clip(effects, 0.0, 1.0)


def campaign_quality(
    history: History,
    described: pd.DataFrame,
    probabilities: pd.Series,
    spend: dict[str, float],
    target: str = "won",
) -> pd.DataFrame:
    """Return how good the leads of each campaign are, beside what it cost.

    A lead belongs to the campaign of its first touch that names one.

    Parameters
    ----------
    history : what happened.
    described : the campaign of each lead, from `funnel.describe_leads`.
    probabilities : of the open leads, by lead id.
    spend : money by campaign; campaigns without are shown without.
    target : the stage that counts.

    Returns
    -------
    One row per campaign, most leads first: ``campaign``, ``leads``, ``wins``, ``win_share``,
    ``open_probability`` (mean of its open leads), ``revenue``, ``spend`` and ``cost_per_win``.
    """
    told = (described["campaign"] != UNKNOWN).to_numpy()
    frame = described.loc[told, ["lead_id", "campaign"]].reset_index(drop=True)
    reached = history.outcomes[history.outcomes["stage"] == target]
    first = reached.drop_duplicates("lead_id").set_index("lead_id")
    frame["won"] = frame["lead_id"].isin(first.index)
    frame["revenue"] = frame["lead_id"].map(first["amount"]).astype(float).fillna(0.0)
    frame["probability"] = frame["lead_id"].map(probabilities).astype(float)
    grouped = frame.groupby("campaign").agg(
        leads=("lead_id", "size"),
        wins=("won", "sum"),
        win_share=("won", "mean"),
        open_probability=("probability", "mean"),
        revenue=("revenue", "sum"),
    )
    grouped["spend"] = pd.Series(grouped.index.map(spend), index=grouped.index, dtype=float)
    grouped["cost_per_win"] = grouped["spend"] / grouped["wins"].where(grouped["wins"] > 0)
    grouped = grouped.reset_index()
    return grouped.sort_values(["leads", "campaign"], ascending=[False, True], ignore_index=True)


def _win_probability(moves: Floats, kept: npt.NDArray[np.bool_]) -> float:
    """Return the chance to end in a win from the start, when some touches lead nowhere."""
    count = len(kept)
    inner = moves[:count, :count] * kept[None, :] * kept[:, None]
    gain = moves[:count, count] * kept
    worth = np.linalg.solve(np.eye(count) - inner, gain)
    return float(moves[count, :count] @ (worth * kept) + moves[count, count])
