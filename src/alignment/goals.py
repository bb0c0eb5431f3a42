"""Goals that both teams own: what was agreed for the quarter, and how far each side has come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignment.agreement import RATES
from alignment.funnel import progress
from alignment.handoff import kept_in_time, ledger
from history import History
from settings.agreement import AgreementSettings

_WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class Period:
    """A quarter.

    Parameters
    ----------
    start, end : UTC, the end exclusive.
    now : where in it we are, from `start` to `end`.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    now: pd.Timestamp

    @property
    def name(self) -> str:
        """As in `Q3 2025`."""
        return f"Q{self.start.quarter} {self.start.year}"

    @property
    def elapsed(self) -> float:
        """Share of the quarter that has passed."""
        return float((self.now - self.start) / (self.end - self.start))

    @property
    def days_left(self) -> float:
        """Days until it ends."""
        return float((self.end - self.now) / pd.Timedelta(days=1))

    def before(self) -> Period:
        """Return the quarter before, whole."""
        start = self.start - pd.DateOffset(months=3)
        return Period(start, self.start, self.start)


def quarter(now: pd.Timestamp) -> Period:
    """Return the calendar quarter that holds an instant."""
    first = 3 * ((now.month - 1) // 3) + 1
    start = pd.Timestamp(year=now.year, month=first, day=1, tz="UTC").as_unit("us")
    return Period(start, (start + pd.DateOffset(months=3)).as_unit("us"), now)


@dataclass(frozen=True)
class Figures:
    """What happened in a period, as goals speak of it.

    Parameters
    ----------
    leads : that reached mql.
    wins, revenue : of leads won.
    rates : from each stage to the next, of leads that left the stage before by being moved on
        or closed within the period, by name as in `RATES`.
    handoff_kept : share of hand-offs touched in time, among those due.
    followed_up : share of hand-offs that got the agreed number of touches, were answered, or
        still have time.
    picked_up : leads that sales picked up a week.
    median_amount : of won leads.
    """

    leads: int
    wins: int
    revenue: float
    rates: dict[str, float]
    handoff_kept: float
    followed_up: float
    picked_up: float
    median_amount: float


def figures(
    history: History,
    period: Period,
    terms: AgreementSettings,
    crossed: pd.DataFrame | None = None,
    steps: pd.DataFrame | None = None,
) -> Figures:
    """Count what happened in a period.

    Parameters
    ----------
    history : what happened.
    period : only what occurred in it, and before its `now`, counts.
    terms : the agreement: its hours and follow-ups.
    crossed : the ledger, where it is at hand.
    steps : from `funnel.progress`, where it is at hand.
    """
    if steps is None:
        steps = progress(history)
    if crossed is None:
        crossed = ledger(history, now=period.now, hours=terms.handoff_hours)
    inside = {
        stage: _inside(steps[stage], period) for stage in (*_STAGES, "won", "lost", "disqualified")
    }
    won = history.outcomes[history.outcomes["stage"] == "won"]
    won = won[_inside(won["occurred_at"], period)].drop_duplicates("lead_id")
    mine = crossed[_inside(crossed["handed_at"], period)]
    answered = crossed[_inside(crossed["answered_at"], period)]
    weeks = max((period.now - period.start) / _WEEK, 1 / 7)
    return Figures(
        leads=int(inside["mql"].sum()),
        wins=int(inside["won"].sum()),
        revenue=float(won["amount"].fillna(0.0).sum()),
        rates=_rates(steps, inside, answered),
        handoff_kept=kept_in_time(mine, terms.handoff_hours, period.now),
        followed_up=_followed_up(mine, terms, period.now),
        picked_up=len(answered) / weeks,
        median_amount=float(won["amount"].median()) if len(won) else float("nan"),
    )


_STAGES = ("mql", "sal", "sql", "opportunity")


def proposed(terms: AgreementSettings, before: Figures) -> AgreementSettings:
    """Fill what nobody has agreed to with what the quarter before achieved.

    Parameters
    ----------
    terms : as agreed or configured.
    before : figures of the quarter before.
    """
    wanted = {
        "target_wins": float(before.wins),
        "target_revenue": round(before.revenue, -3),
        "target_leads": float(before.leads),
        "capacity_per_week": max(1.0, round(before.picked_up)),
        "win_value": before.median_amount,
        **{name: round(before.rates[name], 2) for name in RATES},
    }
    filled = {
        name: value
        for name, value in wanted.items()
        if getattr(terms, name) is None and np.isfinite(value)
    }
    return terms.model_copy(update=filled)


def attainment(now: Figures, terms: AgreementSettings, period: Period) -> pd.DataFrame:
    """Return how far each team has come, beside what is due by now.

    Parameters
    ----------
    now : figures of the running period.
    terms : with proposals filled in.
    period : the running one.

    Returns
    -------
    One row per goal: ``team``, ``goal`` (words), ``name``, ``actual``, ``target``, ``due`` (the
    part of the target that the elapsed time asks for; the target itself for shares), ``unit``
    (count, money or share) and ``status`` (kept, behind, no target, nothing yet).
    """
    elapsed = period.elapsed
    rows = [
        ("marketing", "Leads handed to sales", "target_leads", now.leads, "count"),
        ("marketing", "Accepted by sales", "mql_to_sal", now.rates["mql_to_sal"], "share"),
        ("sales", "First touch in time", "handoff_hours", now.handoff_kept, "share"),
        ("sales", "Follow-ups as agreed", "follow_ups", now.followed_up, "share"),
        ("sales", "Accepted to qualified", "sal_to_sql", now.rates["sal_to_sql"], "share"),
        (
            "sales",
            "Qualified to opportunity",
            "sql_to_opportunity",
            now.rates["sql_to_opportunity"],
            "share",
        ),
        (
            "sales",
            "Opportunity to won",
            "opportunity_to_won",
            now.rates["opportunity_to_won"],
            "share",
        ),
        ("both", "Wins", "target_wins", now.wins, "count"),
        ("both", "Revenue", "target_revenue", now.revenue, "money"),
    ]
    table = []
    for team, words, name, actual, unit in rows:
        target = _KEPT.get(name, getattr(terms, name))
        due = None if target is None else target * elapsed if unit != "share" else target
        table.append((team, words, name, actual, target, due, unit, _status(actual, due)))
    columns = ["team", "goal", "name", "actual", "target", "due", "unit", "status"]
    return pd.DataFrame(table, columns=columns).astype({"actual": float, "target": float})


_KEPT = {"handoff_hours": 0.9, "follow_ups": 0.9}
"""Agreements on time and effort count as kept when nine of ten leads got them."""


def _status(actual: float, due: float | None) -> str:
    if due is None or np.isnan(due):
        return "no target"
    if np.isnan(actual):
        return "nothing yet"
    return "kept" if actual >= due - 1e-9 else "behind"


def _rates(
    steps: pd.DataFrame, inside: dict[str, pd.Series], answered: pd.DataFrame
) -> dict[str, float]:
    """Return the share of decided leads that moved on, by pair of stages.

    A lead is decided in the period when it moved on, or was closed while in the stage before.
    What sales made of hand-offs is read from the ledger, where there is one.
    """
    rates: dict[str, float] = {}
    following = dict(zip(_STAGES, (*_STAGES[1:], "won"), strict=True))
    for stage, following_stage in following.items():
        moved = inside[following_stage] & steps[stage].notna()
        closed = (inside["lost"] | inside["disqualified"]) & steps[stage].notna()
        stopped = closed & steps[following_stage].isna()
        decided = int((moved | stopped).sum())
        rates[f"{stage}_to_{following_stage}"] = float(moved.sum()) / decided if decided else np.nan
    if len(answered):
        rates["mql_to_sal"] = float((answered["answer"] == "accept").mean())
    return rates


def _followed_up(mine: pd.DataFrame, terms: AgreementSettings, now: pd.Timestamp) -> float:
    over = mine["handed_at"] + pd.Timedelta(days=terms.follow_up_days) <= now
    accepted = mine[over & (mine["answer"] == "accept")]
    return float((accepted["touches"] >= terms.follow_ups).mean()) if len(accepted) else np.nan


def _inside(times: pd.Series, period: Period) -> pd.Series:
    return (times >= period.start) & (times < min(period.end, period.now))
