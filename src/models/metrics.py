"""Figures of merit for many reweightings of the same forecasts at once.

A bootstrap draw of whole groups is a row of weights, so that every figure of every draw comes
from a few cumulative sums. Ties share their place: a constant forecast has an AUC of one half.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

METRICS: Mapping[str, tuple[str, bool]] = {
    "auc": ("ROC-AUC", True),
    "average_precision": ("average precision", True),
    "log_loss": ("log loss", False),
    "brier": ("Brier score", False),
    "calibration_error": ("calibration error", False),
    "lift": ("lift at capacity", True),
    "gain": ("share of wins at capacity", True),
    "wins": ("wins at capacity", True),
}
"""Each figure's name in words, and whether more is better."""

BINS = 10
_FLOOR = 1e-6
_CHUNK = 50


def group_weights(groups: npt.NDArray[np.generic], draws: int, seed: int) -> Floats:
    """Return bootstrap weights of rows, whole groups drawn together, shape (draws + 1, rows).

    The first row is all ones: the sample itself.
    """
    names, codes = np.unique(groups.astype(str), return_inverse=True)
    size = len(names)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(size, np.full(size, 1 / size), size=draws).astype(np.float64)
    return np.concatenate([np.ones((1, len(codes))), counts[:, codes]])


def figures(p: Floats, y: Floats, weights: Floats, capacity: float) -> dict[str, Floats]:
    """Return every metric for every row of weights.

    Parameters
    ----------
    p, y : forecasts and outcomes (0 or 1), one per row.
    weights : shape (draws, rows).
    capacity : share of the rows that can be worked, between 0 and 1.
    """
    parts = [
        _figures(p, y, weights[start : start + _CHUNK], capacity)
        for start in range(0, len(weights), _CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


ERRORS = 2.0
"""Standard errors that tell a difference from chance, as the gate's 95 % interval does."""


def standard_error(rows: Floats, groups: npt.NDArray[np.generic]) -> float:
    """Return that of a sum over rows; rows of one account are one experience."""
    of_group = pd.Series(rows).groupby(groups).sum().to_numpy()
    return float(np.sqrt(len(of_group) * of_group.var()))


def log_losses(p: Floats, y: Floats) -> Floats:
    """Return the log loss of each row; forecasts are held a millionth away from certainty."""
    held = np.clip(p, _FLOOR, 1 - _FLOOR)
    return -(y * np.log(held) + (1 - y) * np.log1p(-held))


def mass_bins(p: Floats, bins: int = BINS) -> npt.NDArray[np.int64]:
    """Return the bin of each row: about equally many rows a bin, equal forecasts together."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, p, side="right").astype(np.int64)


def reliability_table(p: Floats, y: Floats, weights: Floats) -> pd.DataFrame:
    """Return what forecasts promised and what came of them, in bins of about equally many rows.

    Parameters
    ----------
    p, y : forecasts and outcomes, one per row.
    weights : shape (draws, rows); the first draw is the sample, as from `group_weights`.

    Returns
    -------
    One row a bin that holds any: its number ``bin``, rows ``n``, mean ``promised``, share
    ``observed``, and the ends of its central 95 % over the draws, ``low`` and ``high``.
    """
    occupied, bins = np.unique(mass_bins(p), return_inverse=True)
    member = np.eye(len(occupied))[bins]
    sums = weights @ member
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = (weights @ (member * y[:, None])) / sums
    low, high = np.nanquantile(observed, [0.025, 0.975], axis=0)
    columns = {
        "promised": (p @ member) / sums[0],
        "observed": observed[0],
        "low": low,
        "high": high,
    }
    return pd.DataFrame({"bin": np.arange(len(low)), "n": sums[0].astype(np.int64), **columns})


def chance_error(p: Floats, draws: int = 200, seed: int = 7) -> tuple[float, float, float]:
    """Return the calibration error that chance alone gives forecasts that are exactly right.

    Few rows stray from any promise: on a thousand the expected error is above 0.02, however good
    the forecast, and no figure below it tells one forecast from another (Broecker and Smith, 2007,
    https://doi.org/10.1175/WAF993.1, draw their bars so).

    Parameters
    ----------
    p : forecasts, one per row.
    draws, seed : of the outcomes, drawn as the forecasts say.

    Returns
    -------
    The mean, and the ends of the central 95 %.
    """
    rng = np.random.default_rng(seed)
    member = np.eye(BINS)[mass_bins(p)]
    drawn = (rng.random((draws, len(p))) < p).astype(np.float64)
    errors = np.abs((drawn - p) @ member).sum(axis=1) / len(p)
    low, high = np.quantile(errors, [0.025, 0.975])
    return float(errors.mean()), float(low), float(high)


def gain_curve(p: Floats, y: Floats, points: int = 101) -> tuple[Floats, Floats]:
    """Return shares of rows worked, best first, and the shares of all wins that they hold."""
    worked = np.linspace(0, 1, points)
    rows, wins = _blocks(p, y, np.ones((1, len(p))))
    return worked, np.interp(worked * len(p), rows[0], wins[0]) / max(wins[0, -1], 1.0)


def _figures(p: Floats, y: Floats, weights: Floats, capacity: float) -> dict[str, Floats]:
    rows, wins = _blocks(p, y, weights)
    total, won = rows[:, -1], wins[:, -1]
    lost = total - won
    with np.errstate(invalid="ignore", divide="ignore"):
        step_won, step_lost = np.diff(wins, axis=1), np.diff(rows - wins, axis=1)
        middle = (wins[:, 1:] + wins[:, :-1]) / 2
        auc = np.sum(step_lost * middle, axis=1) / (won * lost)
        precision = np.where(rows[:, 1:] > 0, wins[:, 1:] / rows[:, 1:], 0.0)
        average_precision = np.sum(step_won * precision, axis=1) / won
        reached = np.array(
            [np.interp(capacity * t, r, w) for t, r, w in zip(total, rows, wins, strict=True)]
        )
        return {
            "auc": auc,
            "average_precision": average_precision,
            "log_loss": weights @ log_losses(p, y) / total,
            "brier": weights @ (p - y) ** 2 / total,
            "calibration_error": _calibration_error(p, y, weights),
            "lift": reached / won / capacity,
            "gain": reached / won,
            "wins": reached,
        }


def _blocks(p: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Cumulative rows and wins, best forecasts first, one column per distinct forecast."""
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    sorted_weights = weights[:, order]
    start = np.zeros((len(weights), 1))
    rows = np.cumsum(sorted_weights, axis=1)[:, ends]
    wins = np.cumsum(sorted_weights * y[order], axis=1)[:, ends]
    return np.hstack([start, rows]), np.hstack([start, wins])


def _calibration_error(p: Floats, y: Floats, weights: Floats) -> Floats:
    member = np.eye(BINS)[mass_bins(p)]
    gaps = weights @ (member * (y - p)[:, None])
    return np.asarray(np.abs(gaps).sum(axis=1) / weights.sum(axis=1))
