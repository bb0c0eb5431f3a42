"""Where a lead comes from and where it is going: what moved it, when to expect it, when to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features import compute_features
from history import History
from models import ConversionModel
from models.movement import Movement, movement
from models.outlook import expected_days, give_up_days

BACK = pd.Timedelta(days=7)
_SETTLED = pd.Timedelta(hours=1)
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Outlook:
    """What is said of an open lead beside its score.

    Parameters
    ----------
    now : the cutoff.
    since, moved : how its probability went since then; None where the lead is too young.
    expected : by when half of the conversions of such leads have come, given that it converts
        within the last horizon at all.
    cold : the day on which it falls below each floor if nothing more is heard of it, by name;
        None where it does not within half a year.
    """

    now: pd.Timestamp
    since: pd.Timestamp | None
    moved: Movement | None
    expected: pd.Timestamp | None
    cold: Mapping[str, pd.Timestamp | None]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data, every key always present."""
        moved = self.moved
        return {
            "since": _iso(self.since),
            "message": "" if moved is None else moved.message,
            "before": 0.0 if moved is None else moved.before,
            "after": 0.0 if moved is None else moved.after,
            "behaviour": 0.0 if moved is None else moved.behaviour,
            "ageing": 0.0 if moved is None else moved.ageing,
            "model": 0.0 if moved is None else moved.model,
            "expected_at": _iso(self.expected),
            "cold": [{"floor": name, "at": _iso(at)} for name, at in self.cold.items()],
        }


def outlook(
    history: History,
    lead_id: str,
    model: ConversionModel,
    *,
    now: pd.Timestamp,
    floors: Mapping[str, float] | None = None,
    earlier: ConversionModel | None = None,
) -> Outlook:
    """Say what moved an open lead within a week, and what is to be expected of it.

    Parameters
    ----------
    history : of the lead and of its colleagues.
    lead_id : an open lead, created before `now`.
    model : that scores now.
    now : the cutoff.
    floors : probabilities below which a lead is left, by name; what is no probability is left out.
    earlier : the model that scored a week ago, where it was another one.
    """
    born: Any = history.leads.set_index("lead_id").loc[lead_id, "created_at"]
    snapshot = pd.DataFrame({"lead_id": [lead_id], "as_of": [now]})
    snapshot["as_of"] = snapshot["as_of"].astype("datetime64[us, UTC]")
    chances = model.probabilities(compute_features(history, snapshot, model.features).values)
    days = float(expected_days(chances, model.horizons)[0])
    since = max(now - BACK, born + _SETTLED)
    moved = None
    if since < now:
        then = earlier if earlier is not None and _alike(earlier, model) else model
        moved = movement(
            history, lead_id, then=since, now=now, model_then=then, model_now=model, top=6
        )
    left = {name: floor for name, floor in (floors or {}).items() if 0 < floor < 1}
    cold = give_up_days(model, history, snapshot, floors=[*left.values()])[0] if left else ()
    return Outlook(
        now=now,
        since=since if moved is not None else None,
        moved=moved,
        expected=now + days * _DAY if np.isfinite(days) else None,
        cold={name: _after(now, days) for name, days in zip(left, cold, strict=True)},
    )


def _alike(one: ConversionModel, other: ConversionModel) -> bool:
    """Tell whether two models forecast the same, so that their probabilities can be compared."""
    return (one.target, one.horizons[-1]) == (other.target, other.horizons[-1])


def _after(now: pd.Timestamp, days: float) -> pd.Timestamp | None:
    return now + float(days) * _DAY if np.isfinite(days) else None


def _iso(at: pd.Timestamp | None) -> str:
    return "" if at is None else at.isoformat()
