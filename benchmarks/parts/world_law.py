"""What could be known of a world of leadforge at a day: the law's own forecast, computed.

A lead moves through stages by a daily chance of its own, leaves by a daily chance that all share,
and wins from the last stage by another chance of its own. Both chances come from hidden traits,
whose distribution the motif of the world sets. What can be seen of a lead narrows them down: its
stages where the CRM keeps them, else what its touches, visits and calls tell of the stage. So the
best possible forecast is the mean over the traits that a lead may have, each weighed by how well
it explains what was seen: a filter over stages, no fit of anything. Leads of one contact share
traits; each is taken alone here, so a model that reads what colleagues do may come out above.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
from leadforge.api.generator import WorldBundle
from leadforge.mechanisms.policies import assign_mechanisms
from leadforge.simulation import engine, population

from features.parallel import in_parallel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STAGES = ("mql", "sal", "sql", "demo_scheduled", "demo_completed", "proposal_sent", "negotiation")
WAITS = 3
"""Days since the last move that differ for the law: nought, one, and more."""
STATES = len(STAGES) * WAITS
WON, LOST = STATES, STATES + 1
_DIRECT = engine._DIRECT_CONVERSION_DISCOUNT
TRAITS = 200
"""Draws of a lead's two chances from their distribution."""


class Law(NamedTuple):
    """The law of one world.

    Parameters
    ----------
    leave : daily chance to be lost.
    touches : expected touches of each day.
    chances : daily chances to move on and to win, of leads drawn from the distribution.
    days : how long leads are followed.
    """

    leave: float
    touches: Floats
    chances: Floats
    days: int


def law_of(world: WorldBundle) -> Law:
    """Return the law that made a world."""
    config, motif = world.spec.config, world.world_graph.motif_family
    mechanisms = assign_mechanisms(motif, None, difficulty_params=config.difficulty_params)
    days = config.label_window_days
    chances = [
        (
            mechanisms.stage_transition.daily_probability(traits, dwell=WAITS),
            mechanisms.conversion_hazard.daily_probability(traits),
        )
        for traits in _drawn(motif)
    ]
    return Law(
        leave=engine._DAILY_CHURN_RATE * (1 + 0.5 * config.difficulty_params.committee_friction),
        touches=np.array([mechanisms.touch_intensity.expected_count(t) for t in range(days)]),
        chances=np.array(chances),
        days=days,
    )


def _drawn(motif: str) -> list[dict[str, float]]:
    """Draw traits as the population does: normal around a half or the motif's mean, clipped."""
    bias = population._MOTIF_LATENT_BIAS.get(motif, {})
    names = (
        *("account_fit", "budget_readiness", "problem_awareness", "contact_authority"),
        *("responsiveness", "engagement_propensity", "sales_friction"),
    )
    rng = np.random.default_rng(7)
    traits = {
        f"latent_{name}": np.clip(
            rng.normal(0.5 + bias.get(f"latent_{name}", 0.0), 0.2, TRAITS), 0.0, 1.0
        )
        for name in names
    }
    return [{name: float(values[n]) for name, values in traits.items()} for n in range(TRAITS)]


def step_matrix(moves: float, wins: float, leave: float) -> Floats:
    """Return the chances of a day, from each state (row) to each state (column)."""
    step = np.zeros((STATES + 2, STATES + 2))
    step[WON, WON] = step[LOST, LOST] = 1.0
    for stage in range(len(STAGES)):
        for wait in range(WAITS):
            here, stays = stage * WAITS + wait, stage * WAITS + min(wait + 1, WAITS - 1)
            step[here, LOST] = leave
            if stage == len(STAGES) - 1:
                step[here, WON] = (1 - leave) * wins
                step[here, stays] = (1 - leave) * (1 - wins)
                continue
            moved = moves if wait == WAITS - 1 else 0.0
            for target, chance, found in (
                # A move sets the wait to nought, and the day's end adds one.
                ((stage + 1) * WAITS + 1, moved, stage + 1),
                (stays, 1 - moved, stage),
            ):
                direct = _DIRECT * wins if found < 2 else 0.0
                step[here, target] += (1 - leave) * chance * (1 - direct)
                step[here, WON] += (1 - leave) * chance * direct
    return step


def chance_to_win(law: Law, chances: Floats, seen: int) -> Floats:
    """Return the chance to win by the end, shape (leads, states), of leads as they are now."""
    steps = np.array([step_matrix(moves, wins, law.leave) for moves, wins in chances])
    return np.asarray(np.linalg.matrix_power(steps, law.days - seen)[:, :, WON])


@dataclass(frozen=True)
class Seen:
    """What can be seen of leads on each of their first days, arrays of (leads, days).

    Parameters
    ----------
    stage : place in `STAGES` at the end of the day; -1 hidden, `WON` or `LOST` over.
    touches, calls : how many of the day, calls meaning any activity of sales.
    pricing, demo : views of such pages, -1 without a visit.
    opened : whether the deal was opened that day.
    """

    stage: Ints
    touches: Ints
    calls: Ints
    pricing: Ints
    demo: Ints
    opened: Ints


def seen_in(folder: Path, days: int, *, with_stages: bool) -> tuple[pd.Index, Seen]:
    """Return the leads of a bundle that `write_world` wrote, and what is seen of them."""
    tables = {
        name: pd.read_parquet(folder / "tables" / f"{name}.parquet")
        for name in ("leads", "touches", "sessions", "sales_activities", "opportunities")
    }
    born = pd.to_datetime(tables["leads"].set_index("lead_id")["lead_created_at"])

    def spread(name: str, time: str, value: str | None = None, empty: int = 0) -> Ints:
        frame = tables[name]
        day = (pd.to_datetime(frame[time]) - frame["lead_id"].map(born)).dt.days
        within = (day < days).to_numpy()
        place = born.index.get_indexer(frame["lead_id"][within])
        out = np.full((len(born), days), empty, dtype=np.int64)
        told = 1 if value is None else frame[value].to_numpy(dtype=np.int64)[within] - empty
        np.add.at(out, (place, day[within].to_numpy(dtype=np.int64)), told)
        return out

    stage = np.full((len(born), days), -1, dtype=np.int64)
    if with_stages:
        stage = _stages(pd.read_parquet(folder / "moves.parquet"), born.index, days)
    return born.index, Seen(
        stage,
        spread("touches", "touch_timestamp"),
        spread("sales_activities", "activity_timestamp"),
        spread("sessions", "session_timestamp", "pricing_page_views", -1),
        spread("sessions", "session_timestamp", "demo_page_views", -1),
        spread("opportunities", "created_at"),
    )


def _stages(moves: pd.DataFrame, leads: pd.Index, days: int) -> Ints:
    """Return the stage of each lead at the end of each day."""
    codes = {name: place for place, name in enumerate(STAGES)} | {"won": WON, "lost": LOST}
    out = np.zeros((len(leads), days), dtype=np.int64)
    told = moves[moves["day"] < days].sort_values("day", kind="stable")
    places = leads.get_indexer(told["lead_id"])
    for place, day, name in zip(places, told["day"], told["stage"], strict=True):
        out[place, day:] = codes[name]
    return out


def best_forecast(law: Law, seen: Seen) -> Floats:
    """Return the probability to win by the end, given the law and what was seen of each lead."""
    days = seen.stage.shape[1]
    win = chance_to_win(law, law.chances, days)
    rates = law.touches[:days]
    told = np.exp(-rates) * rates**seen.touches
    columns = (seen.stage, told, seen.touches, seen.calls, seen.pricing, seen.demo, seen.opened)

    def forecast(rows: slice) -> Floats:
        return _filtered(law.chances, win, law.leave, *(each[rows] for each in columns))

    middle = len(seen.stage) // 2
    halves = in_parallel(forecast, [slice(0, middle), slice(middle, None)], 2)
    return np.concatenate(halves)


@numba.njit(cache=True, nogil=True)
def _filtered(
    chances: Floats,
    win: Floats,
    leave: float,
    stage: Ints,
    told: Floats,
    touches: Ints,
    calls: Ints,
    pricing: Ints,
    demo: Ints,
    opened: Ints,
) -> Floats:
    """Filter each lead's stage by day under each draw of its traits, and mix what follows."""
    out = np.zeros(len(stage))
    now, then = np.zeros(STATES + 2), np.zeros(STATES + 2)
    for lead in range(len(stage)):
        whole, won = 0.0, 0.0
        for trait in range(len(chances)):
            moves, wins = chances[trait, 0], chances[trait, 1]
            now[:] = 0.0
            now[0] = 1.0
            for day in range(stage.shape[1]):
                opens, called = opened[lead, day] > 0, calls[lead, day] > 0
                quiet = touches[lead, day] == 0 and not called and not opens
                fresh = _passes(now, then, moves, wins, leave, opens, quiet)
                for s in range(len(STAGES)):
                    chance = told[lead, day] * _explains(
                        s, called, pricing[lead, day], demo[lead, day]
                    )
                    if stage[lead, day] >= 0 and stage[lead, day] != s:
                        chance = 0.0
                    then[WAITS * s : WAITS * s + WAITS] *= chance
                if called or demo[lead, day] > 0:
                    fresh = 0.0
                then[WON] += fresh * told[lead, day] / (3.0 if pricing[lead, day] >= 0 else 1.0)
                for over in (WON, LOST):
                    if stage[lead, day] >= 0 and stage[lead, day] != over:
                        then[over] = 0.0
                now, then = then, now
            whole += now.sum()
            won += (now * win[trait]).sum()
        # What the law rules out is of a lead that was won unheard; nobody is asked about it.
        out[lead] = won / whole if whole > 0.0 else np.nan
    return out


@numba.njit(cache=True, nogil=True)
def _passes(
    now: Floats,
    then: Floats,
    moves: float,
    wins: float,
    leave: float,
    opens: bool,
    quiet: bool,
) -> float:
    """Pass a day, with or without a deal opened on it; return the chance of a win that day."""
    then[:] = 0.0
    fresh, gone, last = 0.0, 0.0, WAITS * (len(STAGES) - 1)
    for state in range(STATES):
        gone += now[state] * leave
        here, wait = now[state] * (1 - leave), state % WAITS
        longer = state + 1 if wait < WAITS - 1 else state
        if state >= last:
            if not opens:
                fresh += here * wins
                then[longer] += here * (1 - wins)
            continue
        moved = moves if wait == WAITS - 1 else 0.0
        for side in range(2):
            target = WAITS * (state // WAITS + 1) + 1 if side else longer
            share = here * (moved if side else 1 - moved)
            direct = _DIRECT * wins if target < 2 * WAITS else 0.0
            fresh += share * direct if opens else 0.0
            # A deal is opened by the move to sql, or by a win that comes before it.
            if opens == (side == 1 and target // WAITS == 2):
                then[target] += share * (1 - direct)
    # Nothing is heard of a lead once it is won or lost.
    then[LOST] = now[LOST] + gone if quiet else 0.0
    then[WON] = now[WON] if quiet else 0.0
    return fresh


@numba.njit(cache=True, nogil=True)
def _explains(stage: int, called: bool, pricing: int, demo: int) -> float:
    """Return how likely a day's calls and visit are in a stage."""
    chance = (0.0 if called else 1.0) if stage == 0 else 0.2 if called else 0.8
    if pricing < 0:
        return chance
    late, shown = stage >= 2, 3 <= stage <= 4
    if (pricing > 0 and not late) or (demo > 0 and not shown):
        return 0.0
    return chance / (3.0 if late else 1.0) / (3.0 if shown else 1.0)
