"""Which leads cross to sales: rules of fit and engagement, and a cut on the probability.

The cut is solved, not guessed. Sales can pick up so many leads a week; a lead crosses in the
first week in which its probability reaches the cut. When more cross than can be worked, sales
works a share of them; when fewer cross, time is left over. What the worked leads are worth is
the sum of probability times value less cost, and the best cut is where that is greatest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alignment.agreement import rules
from settings.agreement import AgreementSettings, GradeFloors

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ValueCurve:
    """What each cut would have been worth over some weeks.

    Parameters
    ----------
    frame : by rising ``cut``: ``crossed`` leads, ``worked`` leads, ``expected_wins`` and
        ``value`` of the worked ones, and ``loss`` against the best cut, all a week.
    best : the cut with the greatest value; the lowest of equals.
    capacity : leads a week.
    """

    frame: pd.DataFrame
    best: float
    capacity: float

    def at(self, cut: float) -> dict[str, float]:
        """Return the row of the next cut of the curve at or above a cut."""
        place = int(np.searchsorted(self.frame["cut"].to_numpy(), cut, side="left"))
        row = self.frame.iloc[min(place, len(self.frame) - 1)]
        return {str(name): float(value) for name, value in row.items()}


def value_curve(
    probabilities: Floats,
    *,
    capacity: float,
    win_value: float,
    lead_cost: float = 0.0,
    cuts: Floats | None = None,
) -> ValueCurve:
    """Compute what each cut is worth.

    Parameters
    ----------
    probabilities : shape (leads, weeks): each lead's at the start of each week, NaN where it
        could not cross then.
    capacity : leads that sales can pick up a week.
    win_value : money.
    lead_cost : money that working a lead costs, won or not.
    cuts : to look at; a hundred quantiles of what there is where missing.

    Raises
    ------
    ValueError : there is no week, or no capacity.
    """
    if probabilities.ndim != 2 or not probabilities.shape[1] or capacity <= 0:
        raise ValueError("expected at least one week and a capacity above 0")
    weeks = probabilities.shape[1]
    known = np.where(np.isnan(probabilities), -1.0, probabilities)
    chosen = _cuts(probabilities) if cuts is None else np.unique(cuts)
    rows = []
    for cut in chosen.tolist():
        reached = known >= cut
        crossing = reached.any(axis=1)
        first = known[np.flatnonzero(crossing), reached.argmax(axis=1)[crossing]]
        share = min(1.0, capacity * weeks / len(first)) if len(first) else 0.0
        wins = share * float(first.sum()) / weeks
        worked = share * len(first) / weeks
        value = wins * win_value - worked * lead_cost
        rows.append((cut, len(first) / weeks, worked, wins, value))
    frame = pd.DataFrame(rows, columns=["cut", "crossed", "worked", "expected_wins", "value"])
    best = int(np.argmax(frame["value"].to_numpy())) if len(frame) else 0
    frame["loss"] = frame["value"].max() - frame["value"]
    return ValueCurve(frame, float(frame["cut"].iloc[best]), capacity)


def qualified(
    leads: pd.DataFrame, terms: AgreementSettings, cut: float, *, seed: int = 0
) -> pd.DataFrame:
    """Tell of each lead whether it crosses, and by which rule it does not.

    Parameters
    ----------
    leads : with ``lead_id``, ``probability``, ``engagements`` (of the last 30 days) and the
        attributes that the rules name; an attribute that is not there excludes nobody.
    terms : the agreement.
    cut : least probability.
    seed : of the draw of the exploration slice, which is fixed for each lead.

    Returns
    -------
    Frame with ``qualified``, ``because`` (in plain words) and ``explored``, same rows.
    """
    because = np.full(len(leads), "", dtype=object)
    below = leads["probability"].to_numpy() < cut
    because[below] = f"probability below {cut:.1%}"
    quiet = leads["engagements"].to_numpy() < terms.least_engagements
    because[quiet] = f"fewer than {terms.least_engagements} engagements in 30 days"
    fitting = np.ones(len(leads), dtype=bool)
    for field, value in rules(terms):
        if field in leads:
            hit = (leads[field].astype(str) == value).to_numpy()
            because[hit] = f"{field} is {value}"
            fitting &= ~hit
    chosen = drawn(leads["lead_id"], terms.exploration_share, f"explore {seed}")
    explored = (below | quiet) & fitting & chosen
    because[explored] = "random exploration: crosses whatever its score"
    crosses = (~below & ~quiet & fitting) | explored
    return pd.DataFrame(
        {"qualified": crosses, "because": because, "explored": explored}, index=leads.index
    )


def drawn(lead_ids: pd.Series, share: float, salt: str) -> Bools:
    """Draw a share of leads at random, always the same ones for the same salt."""
    if share <= 0 or not len(lead_ids):
        return np.zeros(len(lead_ids), dtype=bool)
    marks = pd.util.hash_pandas_object((salt + " ") + lead_ids.astype(str), index=False)
    return np.asarray(marks.to_numpy() / 2.0**64 < share)


def grades_at(curve: ValueCurve, cut: float) -> GradeFloors:
    """Return the grades that follow from a cut, as probabilities.

    A is the best half of what sales can work, B the rest above the cut, C the leads that three
    times the capacity would reach, D those below.

    Parameters
    ----------
    curve : solved.
    cut : least probability to cross: where B begins.
    """
    frame = curve.frame
    inner = frame[frame["crossed"] <= curve.capacity / 2]["cut"]
    outer = frame[frame["crossed"] <= curve.capacity * 3]["cut"]
    a = max(cut, float(inner.min())) if len(inner) else cut
    c = min(cut, float(outer.min())) if len(outer) else cut
    return GradeFloors(a=a, b=cut, c=c)


def simulate(
    probabilities: Floats, won: Bools, cuts: dict[str, float], *, capacity: float
) -> pd.DataFrame:
    """Replay past weeks under several cuts, with what really came of the leads.

    Parameters
    ----------
    probabilities : as in `value_curve`.
    won : of each lead, whether it has been won since; shape (leads,).
    cuts : by name.
    capacity : leads a week.

    Returns
    -------
    One row per name: ``cut``, ``crossed``, ``worked``, ``expected_wins`` and ``wins_since``
    (leads that crossed and have been won by now, scaled by the share that could be worked).
    """
    weeks = probabilities.shape[1]
    known = np.where(np.isnan(probabilities), -1.0, probabilities)
    rows = []
    for name, cut in cuts.items():
        reached = known >= cut
        crossing = reached.any(axis=1)
        first = known[np.flatnonzero(crossing), reached.argmax(axis=1)[crossing]]
        crossed = int(crossing.sum())
        share = min(1.0, capacity * weeks / crossed) if crossed else 0.0
        rows.append(
            {
                "name": name,
                "cut": cut,
                "crossed": crossed,
                "worked": share * crossed,
                "expected_wins": share * float(first.sum()),
                "wins_since": share * float(won[crossing].sum()),
            }
        )
    return pd.DataFrame(rows)


def _cuts(probabilities: Floats) -> Floats:
    """Return a hundred values of the probabilities, dense where few leads remain."""
    known = probabilities[~np.isnan(probabilities)]
    if not len(known):
        return np.zeros(1)
    shares = np.unique(np.concatenate([np.linspace(0, 0.9, 46), 1 - np.geomspace(0.1, 1e-4, 54)]))
    return np.unique(np.quantile(known, shares, method="lower"))
