"""Weekly shares, and when a move of one is more than noise.

Everything that is watched is a share: rows of a channel among all rows, leads without a field
among new leads, wins among closed opportunities. A season lifts and lowers the rows of all
channels together and leaves their shares alone.

A threshold holds for a year and for all signals of a family: the alarms that chance may raise in a
year are divided by the weeks of a year, by the signals, and by the three ways of looking (one, two
and three weeks). That is Bonferroni's bound; it needs no independence between signals or looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]

WEEKS_A_YEAR = 52
LOOKS = (1, 2, 3)
"""Weeks that are pooled: one sees a feed that died, three see a rate that fell by a third."""
LEAST_REFERENCE = 8
_LEAST_EXPECTED = 8.0
_FLOOR_NOISE = 0.06
"""Relative noise of a share that no count explains: weekdays off, a mailing a day later."""


@dataclass(frozen=True, eq=False)
class Signal:
    """A share, week by week, the newest week last.

    Parameters
    ----------
    kind : what sort of share it is, as in ``channel`` or ``missing``.
    subject : whose share, as in a channel's name.
    hits, trials : counts of each week; ``hits <= trials``.
    least_fall, least_rise : relative changes below which nobody need be called, as in 0.5.
    whole : whose rows the trials are where a family has several, as in a kind's channel.
    """

    kind: str
    subject: str
    hits: Floats
    trials: Floats
    least_fall: float
    least_rise: float
    whole: str = ""


@dataclass(frozen=True)
class Finding:
    """A share that moved by more than noise.

    Parameters
    ----------
    kind, subject, whole : of the signal.
    observed, expected : the share in the pooled weeks and in the reference weeks.
    weeks : how many of the newest weeks were pooled.
    hits, trials : counts in the pooled weeks.
    strength : the distance in units of its noise; negative for a fall.
    """

    kind: str
    subject: str
    observed: float
    expected: float
    weeks: int
    hits: int
    trials: int
    strength: float
    whole: str = ""


def level(alarms_a_year: float, signals: int) -> float:
    """Return the two-sided probability of a false alarm that one look may have.

    Parameters
    ----------
    alarms_a_year : false alarms that are accepted in a year of weekly runs, these signals together.
    signals : how many signals are watched.
    """
    return alarms_a_year / (WEEKS_A_YEAR * max(1, signals) * len(LOOKS))


def judge(signal: Signal, probability: float) -> Finding | None:
    """Return the strongest move of the newest weeks, if it is more than noise and matters.

    The reference weeks are those before the longest look. Their own scatter around their share,
    beyond what counts explain, widens the noise; Student's distribution pays for few weeks.

    Parameters
    ----------
    signal : at least eight reference weeks; with fewer nothing is said.
    probability : two-sided, of a false alarm in one look.
    """
    longest = max(LOOKS)
    hits, trials = signal.hits[:-longest], signal.trials[:-longest]
    used = trials > 0
    if used.sum() < LEAST_REFERENCE:
        return None
    share = (hits.sum() + 0.5) / (trials.sum() + 1.0)
    scatter = _scatter(hits[used], trials[used], share)
    bound = float(student.isf(probability / 2, used.sum() - 1))
    found = [_look(signal, weeks, share, scatter, trials.sum()) for weeks in LOOKS]
    told = [each for each in found if each and abs(each.strength) > bound]
    return max(told, key=lambda each: abs(each.strength), default=None)


def _scatter(hits: Floats, trials: Floats, share: float) -> float:
    """Return how much wider weeks scatter than counts explain; at least 1."""
    expected = trials * share
    squares = (hits - expected) ** 2 / (expected * (1 - share) + 0.25)
    return max(1.0, float(squares.sum()) / (len(hits) - 1))


def _look(
    signal: Signal, weeks: int, share: float, scatter: float, reference: float
) -> Finding | None:
    hits, trials = float(signal.hits[-weeks:].sum()), float(signal.trials[-weeks:].sum())
    expected = trials * share
    if trials == 0 or max(hits, expected) < _LEAST_EXPECTED:
        return None
    change = hits / expected - 1.0
    if -signal.least_fall < change < signal.least_rise:
        return None
    counted = expected * (1.0 - share) * scatter * (1.0 + trials / max(reference, 1.0))
    noise = np.sqrt(counted + (_FLOOR_NOISE * expected) ** 2 / weeks + 0.25)
    return Finding(
        kind=signal.kind,
        subject=signal.subject,
        observed=float(hits / trials),
        expected=float(share),
        weeks=weeks,
        hits=round(hits),
        trials=round(trials),
        strength=float((hits - expected) / noise),
        whole=signal.whole,
    )
