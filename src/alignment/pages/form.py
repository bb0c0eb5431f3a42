"""The form of the agreement: what is asked, what was written, and what was agreed before."""

from __future__ import annotations

from typing import Any

import pandas as pd

from alignment import dispositions
from alignment.agreement import changes
from alignment.pages import parts
from alignment.situation import Situation
from settings.agreement import AgreementSettings

FIELDS = (
    ("target_wins", "Wins a quarter", "both", 1.0),
    ("target_revenue", "Revenue a quarter", "both", 1.0),
    ("target_leads", "Leads handed to sales a quarter", "marketing", 1.0),
    ("mql_to_sal", "Accepted by sales, in percent", "marketing", 100.0),
    ("sal_to_sql", "Accepted to qualified, in percent", "sales", 100.0),
    ("sql_to_opportunity", "Qualified to opportunity, in percent", "sales", 100.0),
    ("opportunity_to_won", "Opportunity to won, in percent", "sales", 100.0),
    ("handoff_hours", "Hours until the first touch", "sales", 1.0),
    ("follow_ups", "Touches before a lead is left", "sales", 1.0),
    ("follow_up_days", "Days for those touches", "sales", 1.0),
    ("capacity_per_week", "Leads that sales can pick up a week", "sales", 1.0),
    ("win_value", "What a win is worth", "both", 1.0),
    ("lead_cost", "What working a lead costs", "both", 1.0),
    ("least_probability", "Cut: least probability to cross, in percent", "both", 100.0),
    ("least_engagements", "Engagements in 30 days to cross", "marketing", 1.0),
    ("exploration_share", "Explored below the cut, in percent", "both", 100.0),
    ("holdout_share", "Held out from the order by score, in percent", "both", 100.0),
)
"""Fields of the form: name, words, whose it is, and by how much it is multiplied for people."""
QUARTER = pd.Timedelta(days=91)
_MONTH = pd.Timedelta(days=28)


def new_terms(situation: Situation, form: dict[str, str]) -> dict[str, Any]:
    """Turn what somebody wrote into the form into terms; an empty field is not agreed.

    Raises
    ------
    ValueError : a field is no number.
    """
    content = situation.agreement.terms.model_dump(mode="json")
    content["grades"] = None  # solved anew from what is written
    for name, words, _, times in FIELDS:
        if name not in form:
            continue
        text = form[name].replace(",", "").replace("%", "").strip()
        try:
            value = float(text) / times if text else AgreementSettings.model_fields[name].default
        except ValueError as error:
            raise ValueError(f"{words}: expected a number (got {form[name][:40]!r})") from error
        whole = AgreementSettings.model_fields[name].annotation is int
        content[name] = int(value) if whole and value is not None else value
    if "excluded" in form:
        content["excluded"] = [
            line.strip() for line in form["excluded"].splitlines() if line.strip()
        ]
    if "owners" in form:
        content["owners"] = [_owner(line) for line in form["owners"].splitlines() if line.strip()]
    return content


def owners_text(terms: AgreementSettings) -> str:
    """Write who is given leads as the form takes it: one a line."""
    return "\n".join(
        ", ".join([each.name, f"{each.per_week:g}", *each.segments]) for each in terms.owners
    )


def _owner(line: str) -> dict[str, Any]:
    name, *more = [part.strip() for part in line.split(",")]
    try:
        per_week = float(more[0])
    except (IndexError, ValueError) as error:
        raise ValueError(
            f"owners: expected name, leads a week, and perhaps segments, as in ann, 12, software "
            f"(got {line.strip()[:60]!r})"
        ) from error
    return {"name": name, "per_week": per_week, "segments": [each for each in more[1:] if each]}


def adoption(situation: Situation, rule: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the terms with a suggested rule, and the entry of the log that goes with it.

    Raises
    ------
    ValueError : the dispositions do not speak for such a rule.
    """
    found = suggested(situation)
    mine = found[found["rule"] == rule]
    if mine.empty:
        raise ValueError(f"rule: the dispositions do not speak for {rule[:80]!r} any more")
    row = mine.iloc[0]
    content = situation.agreement.terms.model_dump(mode="json")
    content["excluded"] = sorted({*content["excluded"], rule})
    entry = {
        "said": f"{parts.share(row['refused'])} of {row['leads']} leads with {rule} were refused "
        f"as unfit, against {parts.share(row['overall'])} of all",
        "changed": f"leads with {rule} do not cross to sales any more",
        "figure": "share of hand-offs that sales refused",
        "before": dispositions.refusal_share(
            situation.history, situation.now - _MONTH, situation.now
        ),
    }
    return content, entry


def suggested(situation: Situation) -> pd.DataFrame:
    """Return the fit rules that the last quarter's dispositions speak for, but those in force."""
    names = tuple(name for name in ("source",) if name in situation.history.leads)
    found = dispositions.suggestions(
        situation.history, situation.described, situation.now - QUARTER, names
    )
    return found[~found["rule"].isin(situation.agreement.terms.excluded)]


def fields(situation: Situation) -> list[dict[str, str]]:
    """Return the fields of the form with what is agreed, and what is proposed where nothing is."""
    own, filled = situation.agreement.terms, situation.terms
    return [
        {
            "name": name,
            "words": words,
            "team": team,
            "value": _written(getattr(own, name), times),
            "hint": _hint(situation, name, getattr(own, name), getattr(filled, name), times),
        }
        for name, words, team, times in FIELDS
    ]


def _hint(
    situation: Situation, name: str, own: float | None, filled: float | None, times: float
) -> str:
    if own is not None:
        return ""
    if name == "least_probability":
        return f"solved: {100 * situation.cut:.2g}"
    if filled is None:
        return ""
    return f"proposed: {parts.number(filled * times)}"


def _written(value: float | None, times: float) -> str:
    return "" if value is None else f"{round(value * times, 4):.12g}"


def past(situation: Situation) -> list[dict[str, Any]]:
    """Return every version of the agreement with what it changed, the newest first."""
    rows = []
    before = AgreementSettings()
    for each in situation.versions:
        moved = changes(before, each.terms)
        rows.append(
            {
                "version": each.version,
                "day": parts.day(each.at),
                "who": each.who,
                "why": each.why,
                "changed": [
                    f"{name}: {_plain(a)} to {_plain(b)}" for name, (a, b) in moved.items()
                ],
            }
        )
        before = each.terms
    return rows[::-1]


def _plain(value: Any) -> str:
    if value is None or (isinstance(value, list | dict) and not value):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"
