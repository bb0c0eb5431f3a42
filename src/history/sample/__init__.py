"""The sample company: two years of a B2B company's history, with its truth known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from history.history import History
from history.sample.company import found_company
from history.sample.dynamics import NEW
from history.sample.frames import (
    accounts_frame,
    dispositions_frame,
    employees_history,
    engagements_frame,
    leads_frame,
    outcomes_frame,
)
from history.sample.simulate import simulate
from history.sample.truth import Truth

__all__ = ["Sample", "Truth", "sample_company"]

_TOUCHES_PER_LEAD = 50.0


@dataclass(frozen=True, eq=False)
class Sample:
    """A simulated history and the law that it was drawn from.

    Parameters
    ----------
    history : what the company's systems know.
    truth : what they do not.
    """

    history: History
    truth: Truth


def sample_company(
    leads: int = 20_000,
    seed: int = 7,
    start: str = "2024-01-01",
    days: int = 730,
    engagements_per_lead: float = _TOUCHES_PER_LEAD,
) -> Sample:
    """Simulate a B2B company: campaigns, channels, seasons, a sales team of limited capacity.

    What works changes slowly, sales rejects and recycles leads with typed reasons, some leads
    are re-opened after they were lost, and some records arrive late.

    Parameters
    ----------
    leads : how many come in over the whole time.
    seed : same seed, same history.
    start : first day, UTC.
    days : length of the history.
    engagements_per_lead : about how many touches each lead has.

    Returns
    -------
    The history, observed until the end of the last day, and the truth.

    Raises
    ------
    ValueError : fewer than one lead or than thirty days.
    """
    if leads < 1 or days < 30:
        raise ValueError("the sample company needs at least 1 lead and 30 days")
    rng = np.random.default_rng(seed)
    loudness = engagements_per_lead / _TOUCHES_PER_LEAD
    first = int(np.datetime64(start, "D").astype(np.int64))
    company = found_company(leads, first, days, 0.27 * loudness, rng)
    moves, touches, pickup = simulate(company, 1.1 * leads / days, 0.85 * loudness, rng)
    state = np.full(leads, NEW)
    state[moves.lead] = moves.after
    until = pd.Timestamp(start, tz="UTC") + pd.Timedelta(days=days)
    history = History.from_frames(
        {
            "leads": leads_frame(company, state, rng),
            "accounts": accounts_frame(company),
            "attribute_history": employees_history(company, rng),
            "engagements": engagements_frame(company, touches, rng),
            "outcomes": outcomes_frame(company, moves, rng),
            "dispositions": dispositions_frame(company, moves, rng),
        },
        observed_until=until,
        current_only={"leads.crm_status"},
    )
    return Sample(_as_recorded(history, until), Truth(company, moves, pickup))


def _as_recorded(history: History, until: pd.Timestamp) -> History:
    """Leave out what nobody has written down yet."""
    return history.known_before(until)
