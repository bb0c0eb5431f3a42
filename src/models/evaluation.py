"""How good the forecasts are: on the future, on unseen accounts, beside every baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.declaration import Feature
from features.parallel import in_parallel
from features.training_set import TrainingSet
from models.baselines import BASELINES, Baseline
from models.breakdown import COLUMNS as PARTS
from models.breakdown import breakdown
from models.capacity import COLUMNS as WEEKLY
from models.capacity import weekly_wins
from models.conversion import ConversionModel
from models.errors import ModelError
from models.fairness import COLUMNS as GROUPS
from models.metrics import (
    METRICS,
    chance_error,
    figures,
    gain_curve,
    group_weights,
    reliability_table,
)
from models.splits import Holdout, Mask, instants, unseen_groups

Floats = npt.NDArray[np.float64]
FUTURE = "future"
UNSEEN = "unseen accounts"
MODEL = "model"
Baselines = Mapping[str, Callable[[Sequence[Feature]], Baseline]]
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
    segments : promised and observed shares of the last horizon by part, see `models.breakdown`.
    weekly : wins of the last horizon at the team's capacity, see `models.capacity`.
    learning : figures of the model fitted to ever more accounts, see `models.learning`; empty where
        it was not asked for.
    fairness : declared groups compared, see `models.fairness`; empty where none are declared.
    """

    figures: pd.DataFrame
    counts: pd.DataFrame
    reliability: pd.DataFrame
    gain: pd.DataFrame
    capacity: float
    notes: tuple[str, ...] = ()
    segments: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PARTS))
    weekly: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=WEEKLY))
    learning: pd.DataFrame = field(default_factory=pd.DataFrame)
    fairness: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=GROUPS))

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
        columns = (ours[name] for name in ("segment", "horizon", "metric", "value"))
        return {
            f"{str(segment).split()[0]}_{horizon}d_{metric}": float(value)
            for segment, horizon, metric, value in zip(*columns, strict=True)
            if np.isfinite(value)
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON data; what is not known is None."""
        frames = {
            "figures": self.figures,
            "counts": self.counts,
            "reliability": self.reliability,
            "gain": self.gain,
            "segments": self.segments,
            "weekly": self.weekly,
            "learning": self.learning,
            "fairness": self.fairness,
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
    baselines: Baselines = BASELINES,
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
    judge = _Judge(test, probabilities, past, baselines, capacity, group_draws=(draws, seed))
    parts = [judge.horizon(each) for each in test.horizons]
    joined = [_concat(tables) for tables in zip(*parts, strict=True)]
    segments, weekly = judge.parts(test.horizons[-1])
    figures, counts, reliability, gain = joined
    notes = (*notes, *judge.chance(test.horizons[-1]))
    return Evaluation(
        figures, counts, reliability, gain, capacity, notes, segments=segments, weekly=weekly
    )


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


_FIGURES = [
    *("segment", "horizon", "predictor", "metric"),
    *("value", "low", "high", "gap", "gap_low", "gap_high"),
]
_RELIABILITY = ["segment", "horizon", "bin", "n", "promised", "observed", "low", "high"]
_GAIN = ["horizon", "predictor", "worked", "won"]
_EMPTY = (_FIGURES, ["segment", "horizon", "n", "conversions", "leads"], _RELIABILITY, _GAIN)
Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class _Judge:
    """Judges forecasts of one horizon after the other, on the same snapshots."""

    test: TrainingSet
    probabilities: Floats
    past: TrainingSet | None
    baselines: Baselines
    capacity: float
    group_draws: tuple[int, int]

    def horizon(self, horizon: int) -> Tables:
        """Return figures, counts, reliability and gain of one horizon."""
        judged, forecasts, segments = self._forecasts(horizon)
        parts = [
            self._segment(judged, horizon, name, chosen, forecasts)
            for name, chosen in segments.items()
        ]
        joined = [_concat(tables) for tables in zip(*parts, strict=True)]
        return joined[0], joined[1], joined[2], joined[3]

    def parts(self, horizon: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return what was promised to each part of the leads, and wins at the team's capacity."""
        judged, forecasts, _ = self._forecasts(horizon)
        y = judged.labels[horizon].to_numpy(dtype=np.float64)
        if not _LEAST_WINS <= y.sum() < len(y):
            return pd.DataFrame(columns=PARTS), pd.DataFrame(columns=WEEKLY)
        seed = self.group_draws[1]
        return (
            breakdown(forecasts[MODEL], y, judged, seed=seed),
            weekly_wins(forecasts, y, judged, capacity=self.capacity, seed=seed),
        )

    def chance(self, horizon: int) -> tuple[str, ...]:
        """Say what calibration error chance alone gives, where one is told at all."""
        judged, forecasts, _ = self._forecasts(horizon)
        y = judged.labels[horizon].to_numpy(dtype=np.float64)
        if not _LEAST_WINS <= y.sum() < len(y):
            return ()
        mean, low, high = chance_error(forecasts[MODEL], *self.group_draws)
        return (
            f"On these {len(y):,} snapshots chance alone gives a forecast that is exactly right a "
            f"calibration error of {mean:.3f} ({low:.3f} to {high:.3f}).",
        )

    @cache  # noqa: B019  a judge lives as long as one evaluation
    def _forecasts(self, horizon: int) -> tuple[TrainingSet, dict[str, Floats], dict[str, Mask]]:
        """Return the snapshots judged, the baselines' forecasts and the segments of one horizon."""
        known = self.test.labels[horizon].notna().to_numpy()
        judged = self.test.take(known)
        ours = self.probabilities[:, self.test.horizons.index(horizon)]
        forecasts, segments = {MODEL: ours[known]}, {FUTURE: np.ones(int(known.sum()), np.bool_)}
        if self.past is not None and len(judged):
            start = int(instants(self.test).min())
            trained = Holdout(start, instants(self.past)).past(self.past.labels, horizon)
            forecasts |= self._baselines(self.past.take(trained), horizon, judged.values)
            segments[UNSEEN] = unseen_groups(judged.groups, self.past.groups[trained])
        return judged, forecasts, segments

    def _segment(
        self,
        judged: TrainingSet,
        horizon: int,
        segment: str,
        chosen: Mask,
        forecasts: Mapping[str, Floats],
    ) -> Tables:
        y = judged.labels[horizon].to_numpy(dtype=np.float64)[chosen]
        leads = judged.snapshots["lead_id"][chosen].nunique()
        counts = pd.DataFrame([[segment, horizon, len(y), int(y.sum()), leads]], columns=_EMPTY[1])
        figures, _, reliability, gain = (pd.DataFrame(columns=names) for names in _EMPTY)
        if _LEAST_WINS <= y.sum() < len(y):
            part = {name: p[chosen] for name, p in forecasts.items()}
            draws, seed = self.group_draws
            weights = group_weights(np.asarray(judged.groups)[chosen], draws, seed)
            figures = _compare(part, y, weights, self.capacity)
            reliability = reliability_table(part[MODEL], y, weights)
            gain = _gains(part, y)
        figures = figures.assign(segment=segment, horizon=horizon)
        reliability = reliability.assign(segment=segment, horizon=horizon)[_RELIABILITY]
        gain = gain.assign(horizon=horizon) if segment == FUTURE else gain.iloc[:0]
        return figures, counts, reliability, gain

    def _baselines(
        self, past: TrainingSet, horizon: int, values: pd.DataFrame
    ) -> dict[str, Floats]:
        y = past.labels[horizon].to_numpy(dtype=np.float64)
        if not 0 < y.sum() < len(y):
            return {}

        def forecast(name: str) -> Floats:
            fitted = self.baselines[name](past.features).fit(past.values, y)
            return fitted.probabilities(values)

        names = list(self.baselines)
        return dict(zip(names, in_parallel(forecast, names, 2), strict=True))


def _concat(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def _compare(
    forecasts: Mapping[str, Floats], y: Floats, weights: Floats, capacity: float
) -> pd.DataFrame:
    results = {name: figures(p, y, weights, capacity) for name, p in forecasts.items()}
    rows = []
    for name, result in results.items():
        for metric, (_, more) in METRICS.items():
            gap = (results[MODEL][metric] - result[metric]) * (1 if more else -1)
            summaries = _summary(result[metric], "") | _summary(gap, "gap")
            rows.append({"predictor": name, "metric": metric, **summaries})
    frame = pd.DataFrame(rows).rename(columns={"gap_value": "gap"})
    return frame.reindex(columns=_FIGURES)


def _summary(draws: Floats, prefix: str) -> dict[str, float]:
    low, high = np.nanquantile(draws[1:], [0.025, 0.975]) if len(draws) > 1 else (np.nan, np.nan)
    stem = f"{prefix}_" if prefix else ""
    return {f"{stem}value": float(draws[0]), f"{stem}low": float(low), f"{stem}high": float(high)}


def _gains(forecasts: Mapping[str, Floats], y: Floats) -> pd.DataFrame:
    curves = {name: gain_curve(p, y) for name, p in {**forecasts, "perfect foresight": y}.items()}
    frames = [
        pd.DataFrame({"predictor": name, "worked": worked, "won": won})
        for name, (worked, won) in curves.items()
    ]
    return pd.concat(frames, ignore_index=True).reindex(columns=_GAIN)
