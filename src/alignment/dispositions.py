"""What sales says of a lead, in typed reasons, and what follows by declared rules."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from history import History
from history.tables import ACTIONS


class DispositionError(ValueError):
    """A disposition that cannot be taken; the message says which field and what was expected."""


@dataclass(frozen=True)
class Rule:
    """What follows from a reason.

    Parameters
    ----------
    reason : typed, as stored.
    words : for people.
    action : what it is given with: reject closes the lead, recycle gives it back to marketing.
    answer : what marketing looks at when the reason piles up.
    """

    reason: str
    words: str
    action: str
    answer: str


RULES = (
    Rule("wrong_fit", "Wrong fit", "reject", "a rule of fit for where they come from"),
    Rule("bad_timing", "Bad timing", "recycle", "a higher cut, or a later hand-off"),
    Rule("duplicate", "Duplicate", "reject", "matching before leads are created"),
    Rule("unreachable", "Unreachable", "recycle", "contact data, and the time to first touch"),
    Rule("competitor", "Competitor", "reject", "a rule of fit for where they come from"),
    Rule("no_budget", "No budget", "recycle", "a rule of fit for where they come from"),
    Rule("not_a_lead", "Not a lead", "reject", "a rule of fit for where they come from"),
)
BY_REASON = {rule.reason: rule for rule in RULES}
_LEAST = 20
_TWICE = 1.5


def check(action: str, reason: str | None) -> None:
    """Check what somebody wants to do with a lead.

    Raises
    ------
    DispositionError : the action or the reason is none of those that there are, or they do not
        go together.
    """
    if action not in ACTIONS:
        raise DispositionError(f"action: expected {', '.join(ACTIONS)} (got {action[:40]!r})")
    if action == "accept" and not reason:
        return
    if reason not in BY_REASON:
        known = ", ".join(BY_REASON)
        raise DispositionError(f"reason: expected one of {known} (got {str(reason)[:40]!r})")
    if action != BY_REASON[reason].action and action != "accept":
        raise DispositionError(
            f"reason: {reason} goes with {BY_REASON[reason].action}, not with {action}"
        )


def follows(action: str, reason: str | None) -> str | None:
    """Return the stage that a disposition moves the lead to, None where it stays."""
    if action == "accept":
        return "sal"
    if reason in BY_REASON and BY_REASON[reason].action == "reject":
        return "disqualified"
    return "disqualified" if action == "reject" else None


def reason_counts(history: History, since: pd.Timestamp) -> pd.DataFrame:
    """Return what sales said since an instant.

    Returns
    -------
    One row per reason, most frequent first: ``reason``, ``words``, ``count``, ``share`` of all
    dispositions, and ``answer``.
    """
    given = history.dispositions
    given = given[given["occurred_at"] >= since]
    counts = given["reason"].dropna().astype(str).value_counts()
    rows = [
        {
            "reason": rule.reason,
            "words": rule.words,
            "count": int(counts.get(rule.reason, 0)),
            "share": float(counts.get(rule.reason, 0)) / len(given) if len(given) else 0.0,
            "answer": rule.answer,
        }
        for rule in RULES
    ]
    frame = pd.DataFrame(rows)
    return frame.sort_values("count", ascending=False, kind="stable", ignore_index=True)


def refusal_share(
    history: History, since: pd.Timestamp, until: pd.Timestamp, leads: pd.Series | None = None
) -> float:
    """Return the share of dispositions within a time that were not an acceptance.

    Parameters
    ----------
    history : what happened.
    since, until : the time, its end exclusive.
    leads : only dispositions of these ids count, where given.
    """
    given = history.dispositions
    given = given[(given["occurred_at"] >= since) & (given["occurred_at"] < until)]
    if leads is not None:
        given = given[given["lead_id"].isin(leads)]
    return float((given["action"].astype(str) != "accept").mean()) if len(given) else float("nan")


def suggestions(
    history: History, described: pd.DataFrame, since: pd.Timestamp, names: tuple[str, ...]
) -> pd.DataFrame:
    """Return fit rules that the dispositions speak for.

    Declared rule: where at least twenty leads of a value were disposed of since `since`, and
    sales refused them as wrong fit, competitor, no budget or not a lead one and a half times as
    often as all leads, a rule is suggested. Nobody is shut out by it until both teams adopt it.

    Parameters
    ----------
    history : what happened.
    described : from `funnel.describe_leads`.
    since : how far to look back.
    names : dimensions to look at, attributes of leads.

    Returns
    -------
    ``rule`` (`field=value`), ``leads`` disposed of, ``refused`` share, ``overall`` share; the
    worst first.
    """
    given = history.dispositions
    given = given[given["occurred_at"] >= since]
    unfit = [rule.reason for rule in RULES if rule.answer.startswith("a rule of fit")]
    refused = given["reason"].astype(object).isin(unfit)
    rows = []
    for name in names:
        value = given["lead_id"].map(described.set_index("lead_id")[name])
        table = pd.DataFrame({"value": value.to_numpy(), "refused": refused.to_numpy()})
        for key, part in table.groupby("value"):
            if len(part) >= _LEAST and part["refused"].mean() >= _TWICE * refused.mean() > 0:
                rows.append((f"{name}={key}", len(part), part["refused"].mean(), refused.mean()))
    frame = pd.DataFrame(rows, columns=["rule", "leads", "refused", "overall"])
    return frame.sort_values("refused", ascending=False, kind="stable", ignore_index=True)
