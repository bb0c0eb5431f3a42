"""How good the forecasts are: on the future, on unseen accounts, beside every baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.declaration import Feature
from features.training_set import TrainingSet
from models.baselines import BASELINES, Baseline
from models.conversion import ConversionModel
from models.errors import ModelError
from models.metrics import METRICS, figures, gain_curve, group_weights, mass_bins
from models.splits import Holdout, Mask, instants, unseen_groups

Floats = npt.NDArray[np.float64]
FUTURE = "future"
UNSEEN = "unseen accounts"
MODEL = "model"
_LEAST_WINS = 10


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of merit of a model and its baselines, with bootstrap intervals.

    Parameters
    ----------
    figures : one row per segment, horizon, predictor and metric, with ``value``, ``low`` and
        ``high`` (95 %), and ``gap``, ``gap_low``, ``gap_high``: the model's advantage over this
        predictor on the same draws, positive where the model is better.
    counts : per segment and horizon: snapshots ``n``, ``conversions``, ``leads``.
    reliability : per segment, horizon and bin of equal mass: ``n``, mean ``promised`` and
        share ``observed`` with its interval.
    gain : per horizon and predictor: share ``worked``, share of wins ``won`` among them.
    capacity : share of the snapshots that could be worked, for lift, gain and wins.
    notes : what a reader has to know about these figures.
    """

    figures: pd.DataFrame
    counts: pd.DataFrame
    reliability: pd.DataFrame
    gain: pd.DataFrame
    capacity: float
    notes: tuple[str, ...] = ()

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons in days, rising."""
        return tuple(sorted({int(horizon) for horizon in self.counts["horizon"]}))

    def table(self, horizon: int | None = None, segment: str = FUTURE) -> pd.DataFrame:
        """Return one row per predictor and one column per metric, the model first.

        Parameters
        ----------
        horizon : in days; the last one where None.
        segment : ``future`` or ``unseen accounts``.
        """
        if not self.horizons:
            return pd.DataFrame(columns=list(METRICS))
        chosen = self.horizons[-1] if horizon is None else horizon
        rows = self._rows(chosen, segment)
        wide = rows.pivot_table(index="predictor", columns="metric", values="value", sort=False)
        return wide.reindex(columns=list(METRICS)).rename_axis(columns=None)

    def intervals(self, horizon: int | None = None, segment: str = FUTURE) -> pd.DataFrame:
        """Return the same table as text with 95 % intervals, for people."""
        chosen = self.horizons[-1] if horizon is None else horizon
        rows = self._rows(chosen, segment).copy()
        rows["text"] = [
            f"{value:.3f} ({low:.3f} to {high:.3f})"
            for value, low, high in zip(rows["value"], rows["low"], rows["high"], strict=True)
        ]
        wide = rows.pivot(index="predictor", columns="metric", values="text")
        order = list(dict.fromkeys(rows["predictor"]))
        return wide.reindex(index=order, columns=list(METRICS)).rename_axis(columns=None)

    def metrics(self) -> dict[str, float]:
        """Return the model's own figures under flat names, as ``future_90d_log_loss``."""
        ours = self.figures[self.figures["predictor"] == MODEL]
        return {
            f"{row.segment.split()[0]}_{row.horizon}d_{row.metric}": float(row.value)
            for row in ours.itertuples()
            if np.isfinite(row.value)
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON data; what is not known is None."""
        frames = {
            "figures": self.figures,
            "counts": self.counts,
            "reliability": self.reliability,
            "gain": self.gain,
        }
        plain = {
            name: frame.astype(object).where(frame.notna(), None).to_dict("records")
            for name, frame in frames.items()
        }
        return {**plain, "capacity": self.capacity, "notes": list(self.notes)}

    def _rows(self, horizon: int, segment: str) -> pd.DataFrame:
        chosen = (self.figures["horizon"] == horizon) & (self.figures["segment"] == segment)
        return self.figures[chosen]


def evaluate(
    model: ConversionModel | Floats,
    test: TrainingSet,
    *,
    past: TrainingSet | None = None,
    baselines: Mapping[str, Callable[[Sequence[Feature]], Baseline]] = BASELINES,
    capacity: float = 0.1,
    draws: int = 200,
    seed: int = 7,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """Judge forecasts on snapshots that the forecaster has not seen.

    Parameters
    ----------
    model : a model, or its probabilities for the rows of `test`, shape (rows, horizons).
    test : the snapshots to judge on; those without a known label are left out.
    past : snapshots to train the baselines on: only those whose label was known before the
        first snapshot of `test` are used. Without it there are no baselines, nor figures for
        unseen accounts.
    baselines : what to compare with.
    capacity : share of the snapshots that could be worked, for lift, gain and wins.
    draws : bootstrap draws of whole accounts, for the intervals.
    seed : of the draws.
    notes : sentences to keep with the figures.

    Raises
    ------
    ModelError : the model was trained with labels of the test period, or nothing in `test` has
        a known label.
    """
    probabilities = _forecast(model, test)
    if not test.labels.notna().to_numpy().any():
        raise ModelError("no snapshot has a known label to judge on; observe for one horizon more")
    parts = [
        _horizon(test, past, horizon, probabilities[:, column], baselines, capacity, draws, seed)
        for column, horizon in enumerate(test.horizons)
    ]
    joined = [
        pd.concat([part[table] for part in parts], ignore_index=True)
        for table in range(len(parts[0]))
    ]
    return Evaluation(joined[0], joined[1], joined[2], joined[3], capacity, notes)


def _forecast(model: ConversionModel | Floats, test: TrainingSet) -> Floats:
    if not isinstance(model, ConversionModel):
        return np.asarray(model, dtype=np.float64)
    if model.horizons != test.horizons:
        raise ModelError(f"the model has horizons {model.horizons}, the snapshots {test.horizons}")
    until = model.metadata.get("trained_until")
    first = test.snapshots["as_of"].min()
    if until is not None and first < pd.Timestamp(until):
        raise ModelError(
            f"the model learned from what happened until {until}, but the snapshots to judge on "
            f"begin at {first.isoformat()}; judge on later ones, or read the evaluation that came "
            "with its training"
        )
    return model.probabilities(test.values)


Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]


def _horizon(
    test: TrainingSet,
    past: TrainingSet | None,
    horizon: int,
    ours: Floats,
    baselines: Mapping[str, Callable[[Sequence[Feature]], Baseline]],
    capacity: float,
    draws: int,
    seed: int,
) -> Tables:
    known = test.labels[horizon].notna().to_numpy()
    judged, y = test.take(known), test.labels[horizon].to_numpy(dtype=np.float64)[known]
    forecasts = {MODEL: ours[known]}
    segments = {FUTURE: np.ones(len(y), dtype=np.bool_)}
    if past is not None and len(y):
        trained = Holdout(int(instants(test).min()), instants(past)).past(past.labels, horizon)
        forecasts |= _baselines(past.take(trained), horizon, judged.values, baselines)
        segments[UNSEEN] = _unseen(past, trained, judged)
    tables: tuple[list[pd.DataFrame], ...] = ([], [], [], [])
    for segment, chosen in segments.items():
        place = {"segment": segment, "horizon": horizon}
        counted = {"n": int(chosen.sum()), "conversions": int(y[chosen].sum())}
        counted["leads"] = judged.snapshots["lead_id"][chosen].nunique()
        tables[1].append(pd.DataFrame([place | counted]))
        if _LEAST_WINS <= counted["conversions"] < counted["n"]:
            part = {name: p[chosen] for name, p in forecasts.items()}
            weights = group_weights(np.asarray(judged.groups)[chosen], draws, seed)
            tables[0].append(_compare(part, y[chosen], weights, capacity).assign(**place))
            tables[2].append(_reliability(part[MODEL], y[chosen], weights).assign(**place))
            if segment == FUTURE:
                tables[3].append(_gains(part, y[chosen]).assign(horizon=horizon))
    empty = (_FIGURES, [], _RELIABILITY, _GAIN)
    joined = [
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
        for frames, columns in zip(tables, empty, strict=True)
    ]
    return joined[0], joined[1], joined[2], joined[3]


_FIGURES = [
    *("segment", "horizon", "predictor", "metric"),
    *("value", "low", "high", "gap", "gap_low", "gap_high"),
]
_RELIABILITY = ["segment", "horizon", "bin", "n", "promised", "observed", "low", "high"]
_GAIN = ["horizon", "predictor", "worked", "won"]


def _baselines(
    past: TrainingSet,
    horizon: int,
    values: pd.DataFrame,
    baselines: Mapping[str, Callable[[Sequence[Feature]], Baseline]],
) -> dict[str, Floats]:
    y = past.labels[horizon].to_numpy(dtype=np.float64)
    if not 0 < y.sum() < len(y):
        return {}
    return {
        name: make(past.features).fit(past.values, y).probabilities(values)
        for name, make in baselines.items()
    }


def _unseen(past: TrainingSet, trained: Mask, judged: TrainingSet) -> Mask:
    known = np.unique(np.asarray(past.groups).astype(str)[trained])
    return ~np.isin(np.asarray(judged.groups).astype(str), known)


def _compare(
    forecasts: Mapping[str, Floats], y: Floats, weights: Floats, capacity: float
) -> pd.DataFrame:
    results = {name: figures(p, y, weights, capacity) for name, p in forecasts.items()}
    rows = []
    for name, result in results.items():
        for metric, (_, more) in METRICS.items():
            gap = (results[MODEL][metric] - result[metric]) * (1 if more else -1)
            row = {"predictor": name, "metric": metric}
            rows.append(row | _summary(result[metric], "") | _summary(gap, "gap"))
    frame = pd.DataFrame(rows).rename(columns={"gap_value": "gap"})
    return frame.reindex(columns=_FIGURES)


def _summary(draws: Floats, prefix: str) -> dict[str, float]:
    low, high = np.nanquantile(draws[1:], [0.025, 0.975]) if len(draws) > 1 else (np.nan, np.nan)
    stem = f"{prefix}_" if prefix else ""
    return {f"{stem}value": float(draws[0]), f"{stem}low": float(low), f"{stem}high": float(high)}


def _reliability(p: Floats, y: Floats, weights: Floats) -> pd.DataFrame:
    bins = mass_bins(p)
    member = np.eye(int(bins.max()) + 1)[bins]
    sums = weights @ member
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = (weights @ (member * y[:, None])) / sums
    low, high = np.nanquantile(observed, [0.025, 0.975], axis=0)
    mean = (p @ member) / sums[0]
    columns = {"promised": mean, "observed": observed[0], "low": low, "high": high}
    frame = pd.DataFrame({"bin": np.arange(len(mean)), "n": sums[0].astype(np.int64), **columns})
    return frame[frame["n"] > 0].reset_index(drop=True).reindex(columns=_RELIABILITY)


def _gains(forecasts: Mapping[str, Floats], y: Floats) -> pd.DataFrame:
    curves = {name: gain_curve(p, y) for name, p in {**forecasts, "perfect foresight": y}.items()}
    frames = [
        pd.DataFrame({"predictor": name, "worked": worked, "won": won})
        for name, (worked, won) in curves.items()
    ]
    return pd.concat(frames, ignore_index=True).reindex(columns=_GAIN)
