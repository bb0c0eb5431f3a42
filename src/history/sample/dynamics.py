"""The law of the sample company: daily rates between stages, known exactly.

A lead is in one stage at a time. Every day, at the lead's own time of day, it may move once,
with probabilities that depend on its fit, the activity of its buying project, the season, the
slow drift of what works and how loaded sales is. Nothing else moves it: so the probability of a
win within any horizon, given stage and day, follows by summing over the days (`truth`).
"""

from __future__ import annotations

import numpy as np

from history.sample.company import Company, Floats, Ints, season

NEW, MQL, SAL, SQL, OPPORTUNITY, WON, LOST, DISQUALIFIED = range(8)
STATES = 8
STAGE_OF_STATE = ("", "mql", "sal", "sql", "opportunity", "won", "lost", "disqualified")

Move = tuple[int, int]
"""From a state to a state; (MQL, NEW) is a lead that sales recycles."""


def rates(company: Company, lead: Ints, day: Ints | int, pickup: Floats) -> dict[Move, Floats]:
    """Return the probability of each move of each lead on a day.

    Parameters
    ----------
    company : the population.
    lead : leads, by number.
    day : the day, one for all or one each.
    pickup : share of waiting leads that sales picks up on that day, one for all or one each.

    Returns
    -------
    Probability of each possible move, given that the lead is in the state that it starts from.
    Moves from one state sum to less than 1.
    """
    fit = company.fit[lead] + company.drift(lead, day)
    activity = company.activity(lead, day)
    pace = np.minimum(season(company.start, day), 1.3) + np.zeros(len(lead))
    refused = 1.0 / (1.0 + np.exp(0.9 + 1.1 * fit))
    push = np.exp(0.55 * np.clip(fit, -3, 2)) * (0.25 + 1.2 * activity)
    load = 0.6 + 0.8 * np.clip(pickup, 0.0, 0.5)
    return {
        (NEW, MQL): _daily(pace * (0.0025 + 0.16 * activity)),
        (MQL, SAL): pickup * (1.0 - refused),
        (MQL, NEW): pickup * refused * 0.55,
        (MQL, DISQUALIFIED): pickup * refused * 0.45,
        (SAL, SQL): _daily(pace * load * 0.11 * push),
        (SAL, LOST): _daily(pace * 0.012),
        (SQL, OPPORTUNITY): _daily(pace * load * 0.13 * push),
        (SQL, LOST): _daily(pace * 0.014),
        (OPPORTUNITY, WON): _daily(pace * load * 0.085 * push),
        (OPPORTUNITY, LOST): _daily(pace * 0.02),
        (LOST, NEW): _daily(pace * (0.0004 + 0.012 * activity)),
    }


def _daily(rate: Floats) -> Floats:
    """Turn a rate per day into a probability; two of them never exceed 1 together."""
    probability: Floats = 0.5 * -np.expm1(-2.0 * np.maximum(rate, 0.0))
    return probability
