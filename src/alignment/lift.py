"""What the scores are worth, from leads that were drawn at random: cause, not association."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignment.agreement import Agreement
from alignment.handoff import wilson
from alignment.qualification import drawn
from history import History
from history.history import UTC_MICROSECONDS

_Z = 1.96 + 0.84
"""A test at 5 % that finds a true difference four times out of five."""


@dataclass(frozen=True)
class Arm:
    """Leads that were treated alike.

    Parameters
    ----------
    name : what was done with them, in plain words.
    leads : those whose time to convert has passed.
    won : of them.
    young : leads that still have time.
    """

    name: str
    leads: int
    won: int
    young: int

    @property
    def share(self) -> float:
        """Share won; NaN where there is nobody."""
        return self.won / self.leads if self.leads else float("nan")


@dataclass(frozen=True)
class Lift:
    """Two arms that differ by chance and by the score alone.

    Parameters
    ----------
    question : that it answers.
    ours, other : by score, and at random.
    low, high : 95 % interval of the difference of shares (Newcombe's).
    needed : leads in each arm to find a difference of half the usual share, four times of five.
    """

    question: str
    ours: Arm
    other: Arm
    low: float
    high: float
    needed: int

    @property
    def difference(self) -> float:
        """Share won by score less share won at random."""
        return self.ours.share - self.other.share

    @property
    def told(self) -> bool:
        """Whether there is enough to say something: a difference, or none worth half a win."""
        enough = 0 < self.needed <= min(self.ours.leads, self.other.leads)
        return bool(enough or self.low > 0 or self.high < 0)


def lifts(
    crossed: pd.DataFrame,
    history: History,
    versions: Sequence[Agreement],
    *,
    until: pd.Timestamp,
    days: int,
) -> list[Lift]:
    """Compare leads that were drawn at random with the others that crossed in the same time.

    Only the first crossing of a lead counts, and only while the agreement in force drew leads:
    not before the first crossing that was kept in the ledger here.

    Parameters
    ----------
    crossed : from `handoff.ledger`.
    history : what happened.
    versions : of the agreement, oldest first; the first one holds before it was agreed, too.
    until : end of the observation.
    days : within which a win counts.

    Returns
    -------
    The order by score against the order of arrival where there is a holdout, leads above the cut
    against leads from below it where some are explored.
    """
    first = crossed.drop_duplicates("lead_id").reset_index(drop=True)
    first = first[first["handed_at"] < until].reset_index(drop=True)
    # Leads that crossed before the ledger was kept here were worked in whatever order there was.
    served = (first["handed_at"] >= first["logged_at"].min()).to_numpy()
    holdout, exploration = (served * each for each in _shares(first["handed_at"], versions))
    held = np.zeros(len(first), dtype=bool)
    for share in np.unique(holdout):
        held |= (holdout == share) & drawn(first["lead_id"], float(share), "holdout")
    explored = (first["explored"] == True).to_numpy(dtype=bool)  # noqa: E712  may be missing
    wins = history.outcomes[history.outcomes["stage"] == "won"]
    won_at = wins.groupby("lead_id")["occurred_at"].min().reindex(first["lead_id"])
    took = won_at.astype(UTC_MICROSECONDS).reset_index(drop=True) - first["handed_at"]
    window = pd.Timedelta(days=days)
    won = ((took >= pd.Timedelta(0)) & (took <= window)).to_numpy()
    mature = (first["handed_at"] + window <= until).to_numpy()
    usual = float(won[mature].mean()) if mature.any() else float("nan")
    found = []
    if any(each.terms.holdout_share for each in versions):
        ours = (holdout > 0) & ~held
        pair = ("in order of score", ours), ("in order of arrival", (holdout > 0) & held)
        found.append(_lift("Does the order by score win more?", *pair, won, mature, usual))
    if any(each.terms.exploration_share for each in versions):
        ours = (exploration > 0) & first["explored"].notna().to_numpy() & ~explored
        pair = ("above the cut", ours), ("drawn from below it", (exploration > 0) & explored)
        found.append(_lift("Do leads above the cut win more?", *pair, won, mature, usual))
    return found


def newcombe(won: int, leads: int, other_won: int, other: int) -> tuple[float, float]:
    """Return the 95 % interval of a difference of two shares (Newcombe 1998, method 10)."""
    if not leads or not other:
        return float("nan"), float("nan")
    p, q = won / leads, other_won / other
    (l1, u1), (l2, u2) = wilson(won, leads), wilson(other_won, other)
    under, over = np.hypot(p - l1, u2 - q), np.hypot(u1 - p, q - l2)
    return float(p - q - under), float(p - q + over)


def needed_leads(usual: float) -> int:
    """Return how many leads each arm needs to find that half of the usual share is missing."""
    if not 0 < usual < 1:
        return 0
    half = usual / 2
    spread = usual * (1 - usual) + half * (1 - half)
    return int(np.ceil(_Z**2 * spread / half**2))


def _shares(
    at: pd.Series, versions: Sequence[Agreement]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    """Return the shares of the holdout and of the exploration in force at each instant."""
    begun = pd.DatetimeIndex([each.at for each in versions[1:]], dtype=UTC_MICROSECONDS)
    place = begun.searchsorted(pd.DatetimeIndex(at), side="right")
    return tuple(
        np.array([getattr(each.terms, name) for each in versions], dtype=np.float64)[place]
        for name in ("holdout_share", "exploration_share")
    )


def _lift(
    question: str,
    ours: tuple[str, np.ndarray],
    other: tuple[str, np.ndarray],
    won: np.ndarray,
    mature: np.ndarray,
    usual: float,
) -> Lift:
    one, two = (
        Arm(
            name,
            int((part & mature).sum()),
            int((part & mature & won).sum()),
            int((part & ~mature).sum()),
        )
        for name, part in (ours, other)
    )
    low, high = newcombe(one.won, one.leads, two.won, two.leads)
    return Lift(question, one, two, low, high, needed_leads(usual))
