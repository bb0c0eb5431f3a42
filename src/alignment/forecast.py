"""How many wins to expect from open leads, with an interval: the Poisson-binomial distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft

Floats = npt.NDArray[np.float64]
_DIRECT = 256


@dataclass(frozen=True)
class Forecast:
    """Wins to come, on top of those that are there.

    Parameters
    ----------
    won : wins of the period so far.
    expected : wins to come from the open leads, on average.
    low, high : total wins, 90 % interval.
    target : agreed wins.
    chance : probability that the total reaches the target.
    leads : open leads that it is made from.
    """

    won: int
    expected: float
    low: int
    high: int
    target: float
    chance: float
    leads: int

    @property
    def total(self) -> float:
        """Expected wins of the whole period."""
        return self.won + self.expected


def forecast_wins(
    probabilities: Floats, *, won: int, target: float, coverage: float = 0.9
) -> Forecast:
    """Forecast the wins of a period from calibrated probabilities of leads that are open now.

    Leads are taken as independent given their probabilities: the interval holds the luck of the
    draw, not an error of the model, which the monitor watches.

    Parameters
    ----------
    probabilities : that each open lead is won before the period ends.
    won : wins so far.
    target : wins agreed for the whole period.
    coverage : of the interval.
    """
    chances = poisson_binomial(probabilities)
    cumulated = np.cumsum(chances)
    tail = (1.0 - coverage) / 2.0
    low = int(np.searchsorted(cumulated, tail, side="left"))
    high = min(int(np.searchsorted(cumulated, 1.0 - tail, side="left")), len(chances) - 1)
    missing = int(np.ceil(target - won - 1e-9))
    reach = 1.0 if missing <= 0 else float(chances[missing:].sum())
    return Forecast(
        won=won,
        expected=float(np.sum(probabilities)),
        low=won + low,
        high=won + high,
        target=float(target),
        chance=min(1.0, max(0.0, reach)),
        leads=len(probabilities),
    )


def poisson_binomial(probabilities: Floats) -> Floats:
    """Return the probability of each number of successes, 0 to n, of independent trials.

    Halves are convolved with each other, small ones directly, large ones through the FFT.

    Raises
    ------
    ValueError : a probability lies outside 0 to 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if len(p) and not (np.all(p >= 0) and np.all(p <= 1)):
        raise ValueError("probabilities: expected numbers from 0 to 1")
    parts = [np.array([1.0 - each, each]) for each in p.tolist()] or [np.ones(1)]
    while len(parts) > 1:
        odd = parts[-1:] if len(parts) % 2 else []
        pairs = zip(parts[0::2], parts[1::2], strict=False)
        parts = [_convolved(one, other) for one, other in pairs] + odd
    return parts[0]


def until_days(horizons: tuple[int, ...], probabilities: Floats, days: float) -> Floats:
    """Return probabilities within any number of days, drawn straight between the horizons.

    Parameters
    ----------
    horizons : in days, rising.
    probabilities : shape (leads, horizons).
    days : from now; beyond the last horizon its probability is taken.
    """
    marks = np.array([0.0, *horizons])
    padded = np.column_stack([np.zeros(len(probabilities)), probabilities])
    days = float(np.clip(days, 0.0, marks[-1]))
    right = int(np.clip(np.searchsorted(marks, days, side="left"), 1, len(marks) - 1))
    share = (days - marks[right - 1]) / (marks[right] - marks[right - 1])
    between: Floats = padded[:, right - 1] * (1.0 - share) + padded[:, right] * share
    return between


def _convolved(one: Floats, other: Floats) -> Floats:
    if min(len(one), len(other)) <= _DIRECT:
        return np.convolve(one, other)
    # scipy.signal does the same, and takes most of a second to import.
    length = len(one) + len(other) - 1
    fast = next_fast_len(length, real=True)
    product = irfft(rfft(one, fast) * rfft(other, fast), fast)[:length]
    return np.clip(product, 0.0, 1.0)
