"""How much each feature, channel and campaign moves the open leads: association, not cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alignment.attribution import campaign_quality
from alignment.funnel import UNKNOWN
from alignment.situation import Situation
from models import ConversionModel

Floats = npt.NDArray[np.float64]
WARNING = (
    "Importance is association. It says which leads convert, not what would happen if you did "
    "more of something: to know that, change it for some leads drawn at random and compare."
)
DIMENSIONS = ("source", "segment", "campaign", "channel", "owner")
ALL = "all in view"
_BINS = 6
_VALUES, _FEWEST = 5, 30


@dataclass(frozen=True)
class Focus:
    """Which open leads to look at, and which feature.

    Parameters
    ----------
    by, value : a dimension and one of its values; empty for all leads.
    feature : the feature whose effect is drawn first; the strongest where empty.
    """

    by: str = ""
    value: str = ""
    feature: str = ""


def focused(situation: Situation, focus: Focus) -> npt.NDArray[np.bool_]:
    """Tell which rows of the matrix belong to the leads in focus."""
    if focus.by not in DIMENSIONS or not focus.value:
        return np.ones(len(situation.matrix), dtype=bool)
    named = situation.described.set_index("lead_id")[focus.by]
    mine = situation.matrix.snapshots["lead_id"].map(named) == focus.value
    return mine.to_numpy()


def table(situation: Situation, focus: Focus) -> pd.DataFrame:
    """Return importance by feature over the leads in focus.

    Returns
    -------
    Strongest first: ``feature``, ``label``, ``group``, ``share`` of all movement,
    ``mean_abs_effect`` and ``mean_effect`` (points of probability), and ``money``: expected
    value of the open leads that hangs on it.
    """
    rows = focused(situation, focus)
    effects = situation.effects[rows]
    features = situation.model.features
    strength = np.abs(effects).mean(axis=0) if len(effects) else np.zeros(len(features))
    leaning = effects.mean(axis=0) if len(effects) else np.zeros(len(features))
    frame = pd.DataFrame(
        {
            "feature": [each.name for each in features],
            "label": [each.label for each in features],
            "group": [str(each.group) for each in features],
            "share": strength / (strength.sum() or 1.0),
            "mean_abs_effect": strength,
            "mean_effect": leaning,
            "money": strength * len(effects) * float(situation.terms.win_value or 0.0),
        }
    )
    return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def by_channel(situation: Situation, focus: Focus) -> pd.DataFrame:
    """Return importance by channel: the effects of all features that look at it, summed first.

    Returns
    -------
    ``channel``, ``mean_abs_effect``, ``mean_effect`` and ``money``, strongest first.
    """
    effects = situation.effects[focused(situation, focus)]
    members: dict[str, list[int]] = {}
    for place, feature in enumerate(situation.model.features):
        for name in feature.where.get("channel", ()):
            members.setdefault(name, []).append(place)
    rows = []
    for name, places in members.items():
        moved = effects[:, places].sum(axis=1) if len(effects) else np.zeros(1)
        strength = float(np.abs(moved).mean())
        worth = strength * len(effects) * float(situation.terms.win_value or 0.0)
        rows.append((name, strength, float(moved.mean()), worth))
    frame = pd.DataFrame(rows, columns=["channel", "mean_abs_effect", "mean_effect", "money"])
    return frame.sort_values("mean_abs_effect", ascending=False, kind="stable", ignore_index=True)


def side_by_side(situation: Situation, focus: Focus, dimension: str) -> pd.DataFrame:
    """Return how much each feature moves the leads of the largest values of a dimension.

    Parameters
    ----------
    situation, focus : only leads in focus count.
    dimension : one of `DIMENSIONS`.

    Returns
    -------
    One row a feature, by ``label``, strongest over all leads in focus first; one column for all of
    them (`ALL`) and one for each of the five largest values with thirty leads or more: the mean
    absolute effect, in points of probability.
    """
    rows = focused(situation, focus)
    named = situation.described.set_index("lead_id")[dimension]
    value = situation.matrix.snapshots["lead_id"].map(named).where(rows, UNKNOWN)
    counts = value[(value != UNKNOWN).to_numpy()].value_counts()
    strength = np.abs(situation.effects)
    found = {ALL: strength[rows].mean(axis=0)}
    for name in counts[counts >= _FEWEST].index[:_VALUES]:
        found[str(name)] = strength[(value == name).to_numpy()].mean(axis=0)
    labels = pd.Index([each.label for each in situation.model.features], name="label")
    return pd.DataFrame(found, index=labels).sort_values(ALL, ascending=False, kind="stable")


def run_of(situation: Situation, feature: str, focus: Focus) -> pd.DataFrame:
    """Return how the effect of a feature runs over its values.

    Returns
    -------
    In order of the values: ``value`` (text), ``leads`` and mean ``effect``. Numbers are put into
    bins of about equal numbers of leads; leads without a value are a row of their own.
    """
    rows = focused(situation, focus)
    values = situation.matrix.values[feature][rows].reset_index(drop=True)
    place = situation.model.names.index(feature)
    effect = pd.Series(situation.effects[rows][:, place])
    if pd.api.types.is_numeric_dtype(values):
        distinct = values.dropna().nunique()
        binned = pd.qcut(values, _BINS, duplicates="drop") if distinct > _BINS else values
        keys = binned.map(_bin).astype(object)
        order = pd.DataFrame({"key": keys, "at": values}).groupby("key")["at"].min().sort_values()
        names = [str(each) for each in order.index]
    else:
        keys = values.astype(object)
        names = [str(each) for each in keys.dropna().value_counts().index[:_BINS]]
    keys = keys.where(keys.notna(), "not known")
    grouped = pd.DataFrame({"value": keys.astype(str), "effect": effect}).groupby("value")["effect"]
    found = grouped.agg(leads="size", effect="mean").reindex([*names, "not known"]).dropna()
    found["leads"] = found["leads"].astype(int)
    return found.rename_axis("value").reset_index()


def campaigns(situation: Situation) -> pd.DataFrame:
    """Return the quality of the leads of each campaign, beside its spend."""
    chances = pd.Series(situation.probability, index=situation.frame["lead_id"])
    return campaign_quality(situation.history, situation.described, chances, situation.spend)


def check(model: ConversionModel, focus: Focus) -> None:
    """Make sure that the model has the feature in focus.

    Raises
    ------
    ValueError : it has none of that name.
    """
    if focus.feature and focus.feature not in model.names:
        raise ValueError(f"feature: the model has no {focus.feature[:100]!r}; see `features`")


def as_json(situation: Situation, focus: Focus) -> dict[str, Any]:
    """Return importance as data, with how the effect of the feature in focus runs.

    Raises
    ------
    ValueError : the model has no such feature.
    """
    check(situation.model, focus)
    run = run_of(situation, focus.feature, focus) if focus.feature else None
    return {
        "note": WARNING,
        "run": [] if run is None else run.to_dict("records"),
        "features": table(situation, focus).to_dict("records"),
        "channels": by_channel(situation, focus).to_dict("records"),
        "leads": int(focused(situation, focus).sum()),
        "message": "",
    }


def _bin(value: Any) -> str | None:
    if isinstance(value, pd.Interval):
        return f"up to {_plain(value.right)}"
    return None if pd.isna(value) else _plain(value)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
