"""Lead: everything that either team did, the score over time, and why it moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from alignment.dispositions import BY_REASON, RULES
from alignment.outlook import Outlook, outlook
from alignment.pages import charts, parts
from features import compute_features
from features.snapshots import is_open
from history import History
from models import ConversionModel, score
from models.scoring import Grades

_STEPS = 12
_MOVED = 0.002
_MOST = 200


def view(
    history: History,
    lead_id: str,
    model: ConversionModel | None,
    *,
    now: pd.Timestamp,
    grades: Grades,
    version: str = "",
    handoffs: pd.DataFrame | None = None,
    message: str = "",
    bad: bool = False,
    floors: Mapping[str, float] | None = None,
    earlier: ConversionModel | None = None,
    me: str = "",
) -> dict[str, Any]:
    """Return what the page shows of one lead.

    Parameters
    ----------
    history : of the lead and of its colleagues.
    lead_id : a lead of it.
    model, version : to score with; None where none serves.
    now : the cutoff.
    grades : least score of each grade.
    handoffs : the lead's rows of the ledger.
    message, bad : what became of an action, and whether it failed.
    floors, earlier : as for `alignment.outlook.outlook`.
    me : the owner who looks, where they have said so.
    """
    mine = history.for_leads([lead_id])
    lead = mine.leads.iloc[0]
    known = {"lead_id", "created_at", "account_id"}
    attributes = {
        str(name): str(value)
        for name, value in lead.items()
        if name not in known and pd.notna(value) and f"leads.{name}" not in history.current_only
    }
    found: dict[str, Any] = {
        "title": f"Lead {lead_id}",
        "message": message,
        "bad": bad,
        "lead_id": lead_id,
        "account_id": "" if pd.isna(lead["account_id"]) else str(lead["account_id"]),
        "created": parts.day(lead["created_at"]),
        "attributes": attributes,
        "timeline": timeline(mine, handoffs)[:_MOST],
        "touches": len(mine.engagements),
        "seen": len(mine.dispositions),
        "open": bool(is_open(history, _at(lead_id, now))[0]),
        "stage": str(mine.outcomes.sort_values("occurred_at")["stage"].iloc[-1])
        if len(mine.outcomes)
        else "new",
        "rules": RULES,
        "me": me,
        "outlook": None,
        "score": None,
        "moves": [],
        "chart": None,
    }
    if model is not None and lead["created_at"] < now:
        found |= _scores(history, lead_id, lead["created_at"], model, now, grades, version)
        if found["open"]:
            told = outlook(history, lead_id, model, now=now, floors=floors, earlier=earlier)
            found["outlook"] = _outlook(told)
    return found


def _outlook(told: Outlook) -> dict[str, Any]:
    """Return the outlook in words."""
    moved = told.moved
    return {
        "moved": "" if moved is None else moved.message,
        "since": parts.day(told.since),
        "reasons": [_changed(each) for each in moved.reasons if each["before"] != each["after"]]
        if moved
        else [],
        "expected": parts.day(told.expected),
        "cold": [
            (name, "today" if at == told.now else f"from {parts.day(at)} on")
            for name, at in told.cold.items()
            if at is not None
        ],
    }


def _changed(reason: dict[str, Any]) -> dict[str, Any]:
    """Return a reason of a move with its value before and after, where both are numbers."""
    told = parts.reason({**reason, "value": reason["after"]})
    before, after = reason["before"], reason["after"]
    if isinstance(before, float) and isinstance(after, float) and before != after:
        label = reason["label"][:1].upper() + reason["label"][1:]
        told["words"] = f"{label}: {parts.number(before)} to {parts.number(after)}"
    return told


def timeline(mine: History, handoffs: pd.DataFrame | None = None) -> list[dict[str, str]]:
    """Return what happened to a lead as sentences, the newest first."""
    rows: list[tuple[pd.Timestamp, str, str]] = []
    for each in mine.engagements.to_dict("records"):
        told = [str(each["kind"]).replace("_", " ")]
        told += [f"by {each['channel']}"] if pd.notna(each["channel"]) else []
        told += [f"({each['campaign']})"] if pd.notna(each["campaign"]) else []
        team = each["team"] if pd.notna(each["team"]) else "marketing"
        rows.append((each["occurred_at"], str(team), " ".join(told)))
    for each in mine.outcomes.to_dict("records"):
        told = [f"moved to {each['stage']}"]
        told += [f"for {parts.money(each['amount'])}"] if pd.notna(each["amount"]) else []
        told += (
            [f"because of {each['reason']}".replace("_", " ")] if pd.notna(each["reason"]) else []
        )
        rows.append((each["occurred_at"], "stage", " ".join(told)))
    for each in mine.dispositions.to_dict("records"):
        words = {"accept": "accepted", "reject": "rejected", "recycle": "given back to marketing"}
        told = [words[str(each["action"])]]
        told += [f"by {each['owner']}"] if pd.notna(each["owner"]) else []
        if pd.notna(each["reason"]):
            rule = BY_REASON.get(str(each["reason"]))
            told.append(f"- {rule.words.lower() if rule else each['reason']}")
        rows.append((each["occurred_at"], "sales", " ".join(told)))
    for each in [] if handoffs is None else handoffs.to_dict("records"):
        said = f"handed over with grade {each['grade']}, {parts.share(each['probability'])}"
        rows.append((each["handed_at"], "hand-off", said))
    rows.sort(key=lambda row: row[0], reverse=True)
    return [
        {
            "day": parts.day(at),
            "time": f"{at:%H:%M}",
            "at": at.isoformat(),
            "team": team,
            "what": what,
        }
        for at, team, what in rows
    ]


def _at(lead_id: str, *instants: pd.Timestamp) -> pd.DataFrame:
    frame = pd.DataFrame({"lead_id": [lead_id] * len(instants), "as_of": list(instants)})
    return frame.astype({"as_of": "datetime64[us, UTC]", "lead_id": "str"})


def _scores(
    history: History,
    lead_id: str,
    created: pd.Timestamp,
    model: ConversionModel,
    now: pd.Timestamp,
    grades: Grades,
    version: str,
) -> dict[str, Any]:
    """Score the lead at the end of each of some equal spans of its life, and say what changed."""
    age = now - created
    span = max(min(age, pd.Timedelta(days=180)), pd.Timedelta(seconds=1))
    instants = [now - span * share for share in np.linspace(1.0, 0.0, _STEPS + 1)[1:]]
    snapshots = _at(lead_id, *[each.as_unit("us") for each in instants])
    matrix = compute_features(history, snapshots, model.features)
    count = len(model.features)
    scored = score(model, matrix, grades=grades, top_reasons=count, version=version).frame
    last = f"probability_{model.horizons[-1]}d"
    chances = scored[last].to_numpy(dtype=float)
    days = [parts.day(at) for at in scored["as_of"]]
    moves = [
        _move(
            days[place],
            chances[place - 1],
            chances[place],
            *scored["reasons"].iloc[[place - 1, place]],
        )
        for place in range(1, len(chances))
    ]
    newest = scored.iloc[-1]
    chart = parts.Chart(
        name="score-over-time",
        title="How likely it was to convert, over time",
        svg=charts.lines(
            list(range(len(chances))),
            {"probability": chances.tolist()},
            name="score",
            across="",
            up=f"probability within {model.horizons[-1]} days",
            y_format=charts.percent,
            labels=[f"{at.day} {at:%b}" for at in scored["as_of"]],
        ),
        columns=["day", "probability", "score", "grade"],
        rows=[
            [days[place], parts.share(chances[place]), f"{row['score']:.0f}", str(row["grade"])]
            for place, row in enumerate(scored.to_dict("records"))
        ],
    )
    reasons = [parts.reason(each) for each in newest["reasons"][:6]]
    return {
        "score": {
            "probability": parts.share(float(newest[last])),
            "points": f"{newest['score']:.0f}",
            "grade": str(newest["grade"]),
            "horizon": model.horizons[-1],
            "reasons": reasons,
            "version": version,
        },
        "moves": [move for move in reversed(moves) if move["because"]][:8],
        "chart": chart,
    }


def _move(
    when: str, before: float, after: float, old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what changed between two scores, the features that moved most first."""
    was = {each["feature"]: each for each in old}
    now = {each["feature"]: each for each in new}
    changed = []
    for name in was.keys() | now.keys():
        one, other = was.get(name), now.get(name)
        if one is not None and other is not None and one["value"] == other["value"]:
            continue  # its effect moved with the others', not by itself
        shift = (other["effect"] if other else 0.0) - (one["effect"] if one else 0.0)
        if abs(shift) >= _MOVED:
            told = parts.reason({**(other or one or {}), "effect": shift})
            changed.append((abs(shift), name, told))
    changed.sort(key=lambda row: (-row[0], row[1]))
    return {
        "day": when,
        "from": parts.share(before),
        "to": parts.share(after),
        "up": after >= before,
        "because": [told for _, _, told in changed[:3]],
    }
