"""How much one field tells of the outcome, with an honest lower bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

Floats = npt.NDArray[np.float64]
_FOLDS, _BINS, _WEIGHT, _LEVELS = 5, 20, 2.0, 200


@dataclass(frozen=True)
class Association:
    """What a field alone tells.

    Parameters
    ----------
    explained : the share of the log loss of the base rate that knowing the field takes away,
        out of fold; 1 is certainty, 0 nothing.
    least : its lower bound at the confidence asked for.
    """

    explained: float
    least: float


def association(
    values: pd.Series, converted: npt.NDArray[np.bool_], confidence: float
) -> Association:
    """Measure how well a field alone predicts, out of fold.

    Numbers are cut into twenties of equal size; each cut or category, missing too, is given the
    rate of conversion of the other folds, drawn towards the base rate by two leads. The bound is
    that of the mean of the gains in log loss of single leads.

    Parameters
    ----------
    values : by lead, missing where nothing was filled in.
    converted : by lead.
    confidence : of the one-sided bound, as in 0.999.
    """
    outcome, codes = converted.astype(float), levels(values)
    base = np.clip(outcome.mean(), 1e-9, 1 - 1e-9)
    if not 0 < converted.sum() < len(converted):
        return Association(0.0, 0.0)
    fold = np.random.default_rng(0).integers(0, _FOLDS, len(codes))
    rate = np.empty(len(codes))
    for each in range(_FOLDS):
        learn, judge = fold != each, fold == each
        size = np.bincount(codes[learn], minlength=codes.max() + 1)
        wins = np.bincount(codes[learn], outcome[learn], minlength=codes.max() + 1)
        rate[judge] = ((wins + _WEIGHT * base) / (size + _WEIGHT))[codes[judge]]
    gain = _log_loss(np.full(len(codes), base), outcome) - _log_loss(rate, outcome)
    whole = _log_loss(np.full(len(codes), base), outcome).mean()
    margin = norm.ppf(confidence) * gain.std() / np.sqrt(len(gain))
    return Association(gain.mean() / whole, (gain.mean() - margin) / whole)


def levels(values: pd.Series) -> npt.NDArray[np.intp]:
    """Return a small code for each value, one of them for missing ones."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().sum() == values.notna().sum() and numbers.nunique() > _BINS:
        cut = pd.qcut(numbers, _BINS, labels=False, duplicates="drop")
        return np.where(cut.isna(), 0, cut + 1).astype(np.intp)
    codes, found = pd.factorize(values.astype(str).where(values.notna()))
    # What so many different strings tell cannot be told from what each row tells of itself.
    return np.zeros(len(codes), np.intp) if len(found) > _LEVELS else codes + 1


def presence_auc(
    present: npt.NDArray[np.bool_], converted: npt.NDArray[np.bool_], confidence: float
) -> Association:
    """Measure how well it predicts that a field was filled in at all: the ROC-AUC, at least.

    With one cut the curve has one corner, and its area is the mean of sensitivity and
    specificity, whose errors are binomial.
    """
    wins, rest = int(converted.sum()), int((~converted).sum())
    if not wins or not rest or present.all() or not present.any():
        return Association(0.5, 0.5)
    hit, false = present[converted].mean(), present[~converted].mean()
    error = np.sqrt(hit * (1 - hit) / wins + false * (1 - false) / rest) / 2
    area = (1 + hit - false) / 2
    return Association(float(area), float(area - norm.ppf(confidence) * error))


def rates(values: pd.Series, converted: npt.NDArray[np.bool_], most: int = 12) -> pd.DataFrame:
    """Return what a plot of the evidence shows: leads and rate of conversion by value."""
    shown = values.astype(str).where(values.notna(), "(blank)")
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().sum() == values.notna().sum() and numbers.nunique() > most:
        cut = pd.qcut(numbers, 8, duplicates="drop").astype(str)
        shown = cut.where(values.notna(), "(blank)")
    frame = pd.DataFrame({"value": shown.to_numpy(), "converted": converted.astype(float)})
    table = frame.groupby("value")["converted"].agg(leads="size", rate="mean").reset_index()
    return table.nlargest(most, "leads").reset_index(drop=True)


def _log_loss(rate: Floats, outcome: Floats) -> Floats:
    safe = np.clip(rate, 1e-9, 1 - 1e-9)
    return -(outcome * np.log(safe) + (1 - outcome) * np.log(1 - safe))
