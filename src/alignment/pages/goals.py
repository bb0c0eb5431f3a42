"""Goals: what was agreed, how far both teams have come, and what another cut would cost."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from alignment import dispositions, goals
from alignment.funnel import UNKNOWN
from alignment.lift import Arm, Lift
from alignment.pages import goals_charts, parts
from alignment.pages.form import QUARTER, fields, owners_text, past, suggested
from alignment.qualification import simulate
from alignment.situation import Situation


def view(
    situation: Situation, cut: float | None = None, message: str = "", *, alone: bool = False
) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    situation : of both teams.
    cut : one to try out on the last quarter.
    message : what became of a change, or why it was refused.
    alone : whether nobody can change anything here, as in a saved file.
    """
    terms = situation.terms
    table = goals.attainment(situation.figures, terms, situation.period)
    forecast = situation.forecast
    return {
        "title": "Goals",
        "message": message,
        "alone": alone,
        "period": situation.period.name,
        "elapsed": parts.share(situation.period.elapsed),
        "agreed": situation.agreement.version > 0,
        "version": situation.agreement.version,
        "who": situation.agreement.who,
        "why": situation.agreement.why,
        "teams": _teams(table),
        "forecast": goals_charts.forecast(situation),
        "likely": {
            "won": forecast.won,
            "low": forecast.low,
            "high": forecast.high,
            "total": parts.number(round(forecast.total)),
            "target": parts.number(forecast.target),
            "chance": parts.share(forecast.chance),
            "leads": f"{forecast.leads:,}",
        },
        "curve": goals_charts.curve(situation),
        "cut": _cut(situation),
        "trial": _trial(situation, cut),
        "speed": goals_charts.speed(situation),
        "lifts": [_lift(each) for each in situation.lifts],
        "lift_days": min(90, situation.horizon),
        "late": _late(situation),
        "reasons": _reasons(situation),
        "suggestions": _suggestions(situation),
        "log": [_logged(situation, entry) for entry in situation.log],
        "fields": fields(situation),
        "agreed_rows": [
            (each["words"], each["value"] or each["hint"]) for each in fields(situation)
        ],
        "excluded": "\n".join(situation.agreement.terms.excluded),
        "owners": owners_text(situation.agreement.terms),
        "history": past(situation),
    }


def as_json(situation: Situation) -> dict[str, Any]:
    """Return goals, attainment, forecast and the cut as data."""
    table = goals.attainment(situation.figures, situation.terms, situation.period)
    forecast = situation.forecast
    return {
        "period": situation.period.name,
        "elapsed": situation.period.elapsed,
        "agreement": situation.agreement.as_dict(),
        "proposed": situation.terms.model_dump(mode="json"),
        "attainment": [
            {key: None if value != value else value for key, value in row.items()}  # noqa: PLR0124  NaN
            for row in table.to_dict("records")
        ],
        "forecast": {
            "won": forecast.won,
            "expected": forecast.expected,
            "total": forecast.total,
            "low": forecast.low,
            "high": forecast.high,
            "target": forecast.target,
            "chance": forecast.chance,
            "open_leads": forecast.leads,
        },
        "qualification": {
            "cut": situation.cut,
            "solved": situation.curve.best,
            "curve": situation.curve.frame.to_dict("records"),
            "grades": situation.grades.model_dump(),
        },
        "overdue": [
            {"owner": name, "leads": int(leads), "longest_h": round(longest, 1)}
            for name, leads, longest in _overdue(situation)
        ],
        "lift": [
            {**asdict(each), "difference": each.difference, "told": each.told}
            for each in situation.lifts
        ],
        "message": "",
    }


def _overdue(situation: Situation) -> list[tuple[str, int, float]]:
    """Return each owner with how many of their leads are overdue, and by how many hours."""
    late = situation.overdue
    if late.empty:
        return []
    hours = (situation.now - late["due_at"]).dt.total_seconds() / 3600
    found = hours.groupby(late["owner"]).agg(["size", "max"]).sort_values("size", ascending=False)
    return [(str(name), int(row["size"]), float(row["max"])) for name, row in found.iterrows()]


def _late(situation: Situation) -> dict[str, Any]:
    rows = [
        ["nobody" if name == UNKNOWN else name, f"{leads:,}", parts.span(hours)]
        for name, leads, hours in _overdue(situation)
    ]
    return {"total": f"{len(situation.overdue):,}", "columns": ["whose", "leads", "longest"]} | {
        "rows": rows
    }


def _words(row: dict[Hashable, Any]) -> str:
    """Return the status as people say it: what still grows is not kept yet."""
    growing = row["unit"] != "share" and row["actual"] < row["target"]
    return "on course" if row["status"] == "kept" and growing else str(row["status"])


def _whole(value: float | None, unit: str) -> float | None:
    """Round what is counted: nobody wins half a lead."""
    known = unit == "count" and value is not None and math.isfinite(value)
    return float(round(value)) if known and value is not None else value


def _teams(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = [
        {
            "team": row["team"],
            "goal": row["goal"],
            "actual": parts.figure(row["actual"], row["unit"]),
            "target": parts.figure(row["target"], row["unit"]),
            "due": parts.figure(_whole(row["due"], row["unit"]), row["unit"]),
            "status": row["status"],
            "words": _words(row),
            "filled": _filled(row["actual"], row["target"]),
        }
        for row in table.to_dict("records")
    ]
    named = {"both": "Both teams", "marketing": "Marketing", "sales": "Sales"}
    return [
        {"name": words, "rows": [row for row in rows if row["team"] == team]}
        for team, words in named.items()
    ]


def _filled(actual: float, target: float) -> int:
    if not (np.isfinite(actual) and np.isfinite(target)) or target <= 0:
        return 0
    return int(min(100, round(100 * actual / target)))


def _cut(situation: Situation) -> dict[str, Any]:
    here = situation.curve.at(situation.cut)
    terms, solved = situation.agreement.terms, situation.curve.best
    return {
        "now": parts.share(situation.cut),
        "solved": parts.share(solved),
        "agreed": terms.grades is not None or terms.least_probability is not None,
        "best": parts.share(situation.cut) == parts.share(solved),
        "graded": terms.grades is not None,
        "loss": parts.money(here["loss"]),
        "capacity": parts.number(situation.terms.capacity_per_week),
        "worth": parts.money(situation.terms.win_value),
        "grades": _grades(situation),
    }


def _grades(situation: Situation) -> list[list[str]]:
    """Return each grade with the probability that it begins at, and its open leads."""
    floors = situation.grades
    rows, above = [], 0
    for name, floor in (("A", floors.a), ("B", floors.b), ("C", floors.c), ("D", 0.0)):
        upto = int((situation.probability >= floor).sum())
        rows.append([name, parts.share(floor), f"{upto - above:,}"])
        above = upto
    return rows


def _trial(situation: Situation, cut: float | None) -> dict[str, Any]:
    """Replay the last quarter under the cut in force, the solved one, and one to try."""
    chances, leads, part = situation.quarter_view
    cuts = {"in force": situation.cut, "solved": situation.curve.best}
    if cut is not None:
        cuts["to try"] = cut
    since = situation.now - pd.Timedelta(weeks=chances.shape[1])
    won_at = situation.steps.set_index("lead_id")["won"].reindex(leads)
    won = (won_at >= since).to_numpy()
    capacity = float(situation.terms.capacity_per_week or 1.0) * part
    found = simulate(chances, won, cuts, capacity=capacity)
    rows = [
        [
            row["name"],
            parts.share(row["cut"]),
            parts.number(round(row["crossed"] / part)),
            parts.number(round(row["worked"] / part)),
            parts.number(round(row["expected_wins"] / part, 1)),
            parts.number(round(row["wins_since"] / part, 1)),
        ]
        for row in found.to_dict("records")
    ]
    columns = ["", "cut", "crossed", "worked", "expected wins", "won by today"]
    return {"columns": columns, "rows": rows, "cut": "" if cut is None else f"{100 * cut:g}"}


def _lift(found: Lift) -> dict[str, Any]:
    """Return one comparison with the sentence that it allows."""
    arms = [_arm(found.ours), _arm(found.other)]
    if not found.ours.leads or not found.other.leads:
        said = "Nobody of one group has had the time to convert yet."
    else:
        said = (
            f"{parts.points(found.difference)} of leads won, and nineteen times in twenty between "
            f"{parts.points(found.low)} and {parts.points(found.high)}."
        )
    if not found.told and found.needed:
        said += (
            f" Too few to tell: about {found.needed:,} leads in each group would show a "
            "difference of half the usual wins."
        )
    return {"question": found.question, "arms": arms, "said": said}


def _arm(arm: Arm) -> list[str]:
    return [arm.name, f"{arm.leads:,}", f"{arm.won:,}", parts.share(arm.share), f"{arm.young:,}"]


def _reasons(situation: Situation) -> dict[str, Any]:
    found = dispositions.reason_counts(situation.history, situation.now - QUARTER)
    rows = [
        [row["words"], f"{row['count']:,}", parts.share(row["share"]), row["answer"]]
        for row in found.to_dict("records")
    ]
    columns = ["sales said", "leads", "of all answers", "what marketing looks at"]
    return {"columns": columns, "rows": rows, "any": bool(found["count"].sum())}


def _suggestions(situation: Situation) -> list[dict[str, str]]:
    return [
        {
            "rule": row["rule"],
            "words": f"{parts.share(row['refused'])} of {row['leads']} leads were refused as "
            f"unfit, against {parts.share(row['overall'])} of all.",
        }
        for row in suggested(situation).to_dict("records")
    ]


def _logged(situation: Situation, entry: dict[str, Any]) -> dict[str, str]:
    since = dispositions.refusal_share(situation.history, entry["at"], situation.now)
    return {
        "day": parts.day(entry["at"]),
        "who": entry["who"],
        "said": entry["said"],
        "changed": entry["changed"],
        "figure": entry["figure"],
        "before": parts.share(entry["before"]),
        "after": parts.share(since),
    }
