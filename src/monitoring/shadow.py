"""A challenger in the shadow beside the champion: who promised better, of the same leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.snapshots import label
from history import History
from models.metrics import group_weights, log_losses

_DRAWS = 400


@dataclass(frozen=True)
class Comparison:
    """Scores of one challenger and of one champion, made of the same features.

    Parameters
    ----------
    version, champion : of the challenger, and of the champion that was shown.
    horizon : in days.
    scores, conversions : whose horizon is over, and how many of them converted.
    waiting : scores whose horizon is not over.
    log_loss, champion_log_loss : of the two; None where none is over.
    gain, low, high : how much lower the challenger's is, with a 95 % interval, leads drawn whole.
    """

    version: str
    champion: str
    horizon: int
    scores: int
    conversions: int
    waiting: int
    log_loss: float | None = None
    champion_log_loss: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None


def compare_shadow(
    served: pd.DataFrame,
    shadow: pd.DataFrame,
    history: History,
    now: pd.Timestamp,
    *,
    horizons: Sequence[int],
    target: str,
    seed: int = 7,
) -> list[Comparison]:
    """Compare what challengers would have said with what was said.

    Parameters
    ----------
    served, shadow : as `history.score_reading.read_promises` returns them.
    history : what happened; only what was recorded before `now` counts.
    now : scores whose horizon ends later are waiting.
    horizons : in days; the last that both have is compared.
    target : the stage that was promised.
    seed : of the draws of leads.

    Returns
    -------
    One for each pair of versions that scored the same leads at the same instants.
    """
    known = history.known_before(now)
    both = served.merge(shadow, on=["lead_id", "as_of"], suffixes=("", "_shadow"))
    both = both[both["lead_id"].isin(known.leads["lead_id"]).to_numpy()]
    found = []
    pairs = both.groupby(["model_version_shadow", "model_version"], observed=True, sort=True)
    for (version, champion), rows in pairs:
        for horizon in sorted(horizons, reverse=True):
            columns = [f"probability_{horizon}d{suffix}" for suffix in ("", "_shadow")]
            part = rows.dropna(subset=columns).reset_index(drop=True)
            if len(part):
                came = label(known, part, target=target, horizons=[horizon]).converted[horizon]
                found.append(_compared(part, columns, came, str(version), str(champion), seed))
                break
    return found


def _compared(
    part: pd.DataFrame,
    columns: Sequence[str],
    came: pd.Series,
    version: str,
    champion: str,
    seed: int,
) -> Comparison:
    horizon = int(str(came.name))
    over = came.notna().to_numpy()
    y = came.to_numpy(dtype=np.float64)[over]
    counts = version, champion, horizon, len(y), int(y.sum()), int((~over).sum())
    if not len(y):
        return Comparison(*counts)
    theirs, ours = (log_losses(part[name].to_numpy(dtype=np.float64)[over], y) for name in columns)
    lead, _ = pd.factorize(part["lead_id"][over])
    leads = int(lead.max()) + 1
    weights = group_weights(np.arange(leads).astype(str), _DRAWS, seed)[1:]
    gains = weights @ np.bincount(lead, theirs - ours, minlength=leads)
    low, high = np.quantile(gains / (weights @ np.bincount(lead, minlength=leads)), [0.025, 0.975])
    own, other = float(ours.mean()), float(theirs.mean())
    return Comparison(*counts, own, other, other - own, float(low), float(high))
