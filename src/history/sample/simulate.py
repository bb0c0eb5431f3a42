"""The sample company day by day: which lead moved when, and how much everybody engaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from history.sample.company import Company, Floats, Ints, season
from history.sample.dynamics import (
    DISQUALIFIED,
    MQL,
    NEW,
    OPPORTUNITY,
    SAL,
    WON,
    rates,
)


@dataclass(frozen=True, eq=False)
class Moves:
    """Every change of state, in order of days.

    Parameters
    ----------
    lead, day, before, after : one entry a move. A move happens on that day at the lead's clock.
    """

    lead: Ints
    day: Ints
    before: Ints
    after: Ints


@dataclass(frozen=True, eq=False)
class Touches:
    """How often each lead was in touch on each day, by stream, where at all.

    Parameters
    ----------
    lead, day, stream, count : stream 0 is chatter, 1 the buying project, 2 the work of sales.
    """

    lead: Ints
    day: Ints
    stream: Ints
    count: Ints


def simulate(
    company: Company, capacity: float, loudness: float, rng: np.random.Generator
) -> tuple[Moves, Touches, Floats]:
    """Run the company for all its days.

    Parameters
    ----------
    company : the population.
    capacity : leads that sales can pick up on an average day.
    loudness : engagements a day of a project at its height.
    rng : source of randomness.

    Returns
    -------
    The moves, the touches, and for each day the share of waiting leads that sales picked up.
    """
    state = np.full(company.leads, NEW)
    pickup = np.zeros(company.days)
    moves: list[Ints] = []
    touches: list[Ints] = []
    arrived = np.searchsorted(company.created_day, np.arange(company.days), side="right")
    for day in range(company.days):
        lead = np.flatnonzero(state[: arrived[day]] != WON)
        lead = lead[state[lead] != DISQUALIFIED]
        waiting = np.count_nonzero(state[lead] == MQL)
        busy = capacity * float(season(company.start, day))
        pickup[day] = min(0.6, busy / waiting) if waiting else 0.6
        touches.extend(_touch(company, lead, state[lead], day, loudness, rng))
        older = lead[company.created[lead] < day + company.clock[lead]]
        after = _step(company, older, state[older], day, pickup[day], rng)
        moved = after != state[older]
        if moved.any():
            who = older[moved]
            moves.append(np.stack([who, np.full(len(who), day), state[who], after[moved]]))
            state[who] = after[moved]
    lead, when, before, after = np.concatenate(moves, axis=1) if moves else np.empty((4, 0), int)
    return Moves(lead, when, before, after), Touches(*np.concatenate(touches, axis=1)), pickup


def _step(
    company: Company, lead: Ints, state: Ints, day: int, pickup: float, rng: np.random.Generator
) -> Ints:
    """Draw the next state of each lead: at most one move a day."""
    draw = rng.random(len(lead))
    floor = np.zeros(len(lead))
    after = state.copy()
    for (origin, goal), probability in rates(
        company, lead, day, np.full(len(lead), pickup)
    ).items():
        here = state == origin
        hit = here & (draw >= floor) & (draw < floor + probability)
        after[hit] = goal
        floor = np.where(here, floor + probability, floor)
    return after


def _touch(
    company: Company, lead: Ints, state: Ints, day: int, loudness: float, rng: np.random.Generator
) -> list[Ints]:
    """Draw how often each lead is in touch on a day."""
    pace = float(season(company.start, day))
    age = day - company.created[lead]
    chatter = company.chatter[lead] * np.exp(-np.maximum(age, 0) / 200.0) * pace
    project = loudness * company.heat[lead] * company.activity(lead, day) * pace
    worked = (state >= SAL) & (state <= OPPORTUNITY)
    sales = np.where(worked, 0.28 * pace, 0.0)
    found = []
    for stream, rate in enumerate((chatter, project, sales)):
        count = rng.poisson(rate)
        some = np.flatnonzero(count)
        full = np.full(len(some), 1)
        found.append(np.stack([lead[some], day * full, stream * full, count[some]]))
    return found
