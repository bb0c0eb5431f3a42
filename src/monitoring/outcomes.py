"""What was promised against what came of it, with the delay of outcomes respected.

A promise is kept or broken only when its whole horizon has been observed. Cohorts that are younger
get an early estimate, from the wins so far and how long wins took in mature cohorts; when they
mature, the truth takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import nbinom

from features.snapshots import label
from history import History

Floats = npt.NDArray[np.float64]

_DAY = pd.Timedelta(days=1)
_DRAWS = 400


@dataclass(frozen=True, eq=False)
class Promises:
    """Promised against realised, over the mature cohorts.

    Parameters
    ----------
    horizon : days.
    leads : distinct leads.
    promised, realised : sums of probabilities and of conversions.
    ratio, ratio_interval : realised over promised; 1 is kept to the letter.
    lift, lift_interval : rate of the best-scored tenth over the rate of all.
    cohorts : frame with ``as_of``, ``scored``, ``promised``, ``realised``.
    calibration : frame of ten equal groups by probability with ``promised`` and ``realised``
        rates and ``scored``.
    """

    horizon: int
    leads: int
    promised: float
    realised: float
    ratio: float
    ratio_interval: tuple[float, float]
    lift: float
    lift_interval: tuple[float, float]
    cohorts: pd.DataFrame
    calibration: pd.DataFrame


def compare_promises(
    scores: pd.DataFrame,
    history: History,
    now: pd.Timestamp,
    *,
    horizon: int,
    target: str = "won",
    confidence: float = 0.95,
    seed: int = 7,
) -> Promises | None:
    """Compare the promises of mature cohorts with what came of them.

    Parameters
    ----------
    scores : logged or filed scores: ``lead_id``, ``as_of`` and ``probability_{horizon}d``; scores
        of one ``as_of`` are a cohort, or of one ``cohort`` where there is such a column.
    history : what happened; only what was recorded before `now` counts.
    now : promises whose horizon ends later are left out.
    horizon : days.
    target : the stage that was promised.
    confidence : of the intervals. They resample leads, not scores: one lead is scored many times
        and its outcomes are one.
    seed : of the resampling.

    Returns
    -------
    The comparison, or None where no cohort is mature.

    Raises
    ------
    ValueError : `scores` lacks a column.
    """
    column = _probability(scores, horizon)
    known = history.known_before(now)
    kept = _labelled(scores, known, horizon, target)
    if kept.empty:
        return None
    given, came = kept[column].to_numpy(dtype=np.float64), kept["came"].to_numpy(dtype=np.float64)
    lead = pd.factorize(kept["lead_id"])[0]
    best = np.zeros(len(kept), dtype=bool)
    best[np.argsort(-given, kind="stable")[: max(1, len(kept) // 10)]] = True
    ratios, lifts = _resampled(given, came, best, lead, np.random.default_rng(seed))
    tail = (1.0 - confidence) / 2
    return Promises(
        horizon=horizon,
        leads=int(lead.max()) + 1,
        promised=float(given.sum()),
        realised=float(came.sum()),
        ratio=float(came.sum() / given.sum()),
        ratio_interval=_interval(ratios, tail),
        lift=_over(came[best].mean(), came.mean()),
        lift_interval=_interval(lifts, tail),
        cohorts=_cohorts(kept, column),
        calibration=_calibration(given, came),
    )


def early_estimates(
    scores: pd.DataFrame,
    history: History,
    now: pd.Timestamp,
    *,
    horizon: int,
    target: str = "won",
    confidence: float = 0.9,
) -> pd.DataFrame:
    """Estimate what will have come of every cohort, from what came so far.

    Wins so far are Poisson around what is expected in the end times the share of wins that mature
    cohorts had by that age, and so is what is still to come. The promise counts as the weight of a
    quarter of its own wins, so that a cohort of three days leans on it and one of sixty hardly
    does.

    Parameters
    ----------
    scores, history, now, horizon, target : as for `compare_promises`.
    confidence : of the interval, for the count in the end.

    Returns
    -------
    One row per cohort: ``as_of``, ``scored``, ``promised``, ``so_far``, ``arrived`` (share of
    wins expected by now, 1 when mature), ``estimate``, ``low``, ``high`` and ``mature``. Of a
    mature cohort the estimate is the truth. Empty where no cohort is mature: how long wins take
    is unknown.
    """
    column = _probability(scores, horizon)
    known = history.known_before(now)
    old = scores[scores["as_of"] < known.observed_until].reset_index(drop=True)
    age = (known.observed_until - old["as_of"]).dt.total_seconds().to_numpy() / 86_400.0
    days = _days(old, known, horizon, target)
    delays = days[(age >= horizon) & (days < horizon)]
    if not len(delays):
        return pd.DataFrame(columns=_ESTIMATE)
    arrived = np.searchsorted(np.sort(delays), age, side="right") / len(delays)
    frame = pd.DataFrame(
        {
            "as_of": cohort_of(old),
            "promised": old[column].to_numpy(dtype=np.float64),
            "came": days < horizon,
            "arrived": np.where(age >= horizon, 1.0, arrived),
            "mature": age >= horizon,
        }
    )
    rows = [
        _estimate(pd.Timestamp(str(instant)), cohort, confidence)
        for instant, cohort in frame.groupby("as_of", observed=True)
    ]
    return pd.DataFrame(rows, columns=_ESTIMATE)


_ESTIMATE = [
    "as_of", "scored", "promised", "so_far", "arrived", "estimate", "low", "high", "mature",
]  # fmt: skip


def _estimate(instant: pd.Timestamp, cohort: pd.DataFrame, confidence: float) -> list[Any]:
    promised, seen = float(cohort["promised"].sum()), float(cohort["came"].sum())
    mature = bool(cohort["mature"].all())
    share = 1.0 if mature else float(cohort["arrived"].mean())
    guess = (seen, seen, seen) if mature else _posterior(promised, seen, share, confidence)
    return [instant, len(cohort), promised, seen, share, *guess, mature]


def _posterior(
    promised: float, seen: float, share: float, confidence: float
) -> tuple[float, float, float]:
    """Return the count that is expected in the end, and the ends of its interval.

    What is expected is drawn from a gamma distribution, so that what is still to come is negative
    binomial.
    """
    weight, left = 0.25, 1.0 - share
    shape, rate = weight * promised + seen + 0.5, weight + share
    if left <= 0:
        return seen, seen, seen
    tail = (1.0 - confidence) / 2
    low, high = nbinom.ppf([tail, 1.0 - tail], shape, rate / (rate + left))
    return seen + left * shape / rate, seen + float(low), seen + float(high)


def _probability(scores: pd.DataFrame, horizon: int) -> str:
    for name in ("lead_id", "as_of", f"probability_{horizon}d"):
        if name not in scores.columns:
            raise ValueError(f"the scores lack the column {name!r}; score with this horizon first")
    return f"probability_{horizon}d"


def _labelled(scores: pd.DataFrame, known: History, horizon: int, target: str) -> pd.DataFrame:
    """Return the scores whose horizon is over, with what came of them."""
    rows = scores.reset_index(drop=True)
    labels = label(known, rows[["lead_id", "as_of"]], target=target, horizons=[horizon])
    came = labels.converted.iloc[:, 0].to_numpy(dtype=np.float64)
    return rows.assign(came=came)[~np.isnan(came)]


def _days(scores: pd.DataFrame, known: History, horizon: int, target: str) -> Floats:
    """Return the days that each score's lead took to convert, NaN where it has not."""
    labels = label(known, scores[["lead_id", "as_of"]], target=target, horizons=[horizon])
    return np.asarray(labels.days_to_conversion, dtype=np.float64)


def cohort_of(scores: pd.DataFrame) -> pd.Series:
    """Return which scores are judged together: those of one run, or of one week where told."""
    return scores["cohort" if "cohort" in scores.columns else "as_of"]


def _cohorts(kept: pd.DataFrame, column: str) -> pd.DataFrame:
    grouped = kept.groupby(cohort_of(kept).rename("as_of"), observed=True)
    return pd.DataFrame(
        {
            "scored": grouped.size(),
            "promised": grouped[column].sum(),
            "realised": grouped["came"].sum(),
        }
    ).reset_index()


def _calibration(given: Floats, came: Floats) -> pd.DataFrame:
    groups = np.array_split(np.argsort(given, kind="stable"), min(10, len(given)))
    return pd.DataFrame(
        {
            "promised": [given[each].mean() for each in groups],
            "realised": [came[each].mean() for each in groups],
            "scored": [len(each) for each in groups],
        }
    )


def _resampled(
    given: Floats,
    came: Floats,
    best: npt.NDArray[np.bool_],
    lead: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Return ratio and lift over resamples of leads."""
    sums = np.stack(
        [
            np.bincount(lead, each)
            for each in (given, came, came * best, best * 1.0, np.ones(len(came)))
        ]
    )
    count = sums.shape[1]
    drawn = np.stack(
        [sums @ np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(_DRAWS)]
    )
    promised, realised, top, tops, scored = drawn.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return realised / promised, (top / tops) / (realised / scored)


def _interval(values: Floats, tail: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return float(low), float(high)


def _over(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
