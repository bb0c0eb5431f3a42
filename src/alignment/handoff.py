"""The hand-off from marketing to sales: a ledger with a clock for every lead that crosses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from alignment.qualification import drawn
from features.logs import codes_in
from history import History

_HOUR_S = 3600.0
WORKED = ("sal", "sql", "opportunity")
"""Stages in which a lead is with sales."""

_SOLD = (*WORKED, "won")
LOGGED = ("lead_id", "handed_at", "owner", "score", "grade", "probability", "reasons", "explored")
BUCKETS = ((0, 4), (4, 24), (24, 48), (48, 96), (96, 168), (168, 336), (336, 10**9))
"""Hours from hand-off to first touch, by which speed to lead is measured."""


def ledger(
    history: History,
    *,
    now: pd.Timestamp,
    hours: float,
    logged: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return every crossing from marketing to sales, with its clock.

    A lead crosses when it is recorded as mql, or when our own policy logged it as handed over;
    a log entry after such a record and before the next belongs to that crossing. The clock stops
    at the first touch by sales, at a disposition, or when the lead is seen in a stage of sales.

    Parameters
    ----------
    history : what happened.
    now : the instant at which open clocks are read.
    hours : agreed until the first touch.
    logged : what was known at hand-off, with the columns of `LOGGED`.

    Returns
    -------
    One row per crossing by lead and time: ``lead_id``, ``handed_at``, ``owner``, ``score``,
    ``grade``, ``probability``, ``reasons``, ``explored``, ``logged_at`` (when it was first logged;
    all of these are missing where it was not), ``due_at``,
    ``touched_at``, ``hours`` (to the first touch, else until now), ``answered_at``, ``answer``
    (accept, reject, recycle or empty), ``reason``, ``next_at`` (of the lead's next crossing),
    ``touches`` by sales in this crossing, ``state`` (waiting, touched, accepted, rejected,
    recycled, superseded) and ``overdue``.
    """
    crossed = _crossings(history, logged)
    crossed["due_at"] = crossed["handed_at"] + pd.Timedelta(hours=hours)
    crossed["next_at"] = crossed.groupby("lead_id")["handed_at"].shift(-1)
    crossed["next_at"] = crossed["next_at"].astype("datetime64[us, UTC]")
    sales = history.engagements[history.engagements["team"] == "sales"]
    given = history.dispositions
    moved = history.outcomes[history.outcomes["stage"].isin(_SOLD)]
    touch = _next_within(crossed, sales, "touched_at")
    answered = _next_within(crossed, given, "answered_at", ("action", "reason", "owner"))
    passed = _next_within(crossed, moved, "passed_at", ("owner",))
    crossed["touched_at"] = (
        pd.concat([touch["touched_at"], answered["answered_at"], passed["passed_at"]], axis=1)
        .min(axis=1)
        .astype("datetime64[us, UTC]")
    )
    crossed["answered_at"] = answered["answered_at"]
    crossed["answer"] = answered["action"].astype(object).fillna("")
    crossed.loc[(crossed["answer"] == "") & passed["passed_at"].notna(), "answer"] = "accept"
    crossed["reason"] = answered["reason"].astype(object).fillna("")
    owner = crossed["owner"].astype(object)
    for told in (answered["owner"], passed["owner"]):
        owner = owner.where(owner.notna(), told.astype(object))
    crossed["owner"] = owner.where(owner.notna(), "")
    end = crossed["touched_at"].fillna(crossed["next_at"]).fillna(now)
    crossed["hours"] = (end - crossed["handed_at"]).dt.total_seconds() / _HOUR_S
    crossed["touches"] = _count_within(crossed, sales)
    crossed["state"] = _states(crossed)
    waiting = crossed["state"] == "waiting"
    crossed["overdue"] = waiting & (crossed["due_at"] < now)
    return crossed


def kept_in_time(crossed: pd.DataFrame, hours: float, now: pd.Timestamp) -> float:
    """Return the share of crossings whose clock stopped in time, among those due by now."""
    due = crossed[crossed["due_at"] <= now]
    in_time = due["touched_at"].notna() & (due["hours"] <= hours)
    return float(in_time.mean()) if len(due) else float("nan")


def speed_to_lead(
    crossed: pd.DataFrame, history: History, *, until: pd.Timestamp, days: int = 90
) -> pd.DataFrame:
    """Return how crossings fared by the hours to their first touch: the company's own curve.

    It is association: leads that were touched soon may have looked better. The mean probability
    at hand-off stands beside it where it was logged.

    Parameters
    ----------
    crossed : from `ledger`.
    history : what happened.
    until : end of the observation; crossings without `days` before it are left out.
    days : within which a win counts.

    Returns
    -------
    One row per bucket of hours: ``from_h``, ``to_h``, ``words``, ``leads``, ``won``, ``share``,
    its 95 % interval ``low`` and ``high`` (Wilson), and ``probability``.
    """
    span = pd.Timedelta(days=days)
    mature = crossed[crossed["touched_at"].notna() & (crossed["handed_at"] + span <= until)]
    won = _next_within(mature, history.outcomes[history.outcomes["stage"] == "won"], "won_at")
    good = (won["won_at"] - mature["handed_at"]) <= span
    rows = []
    for low, high in BUCKETS:
        part = (mature["hours"] >= low) & (mature["hours"] < high)
        count, wins = int(part.sum()), int((good & part).sum())
        under, over = wilson(wins, count)
        rows.append(
            {
                "from_h": low,
                "to_h": high,
                "words": _words(low, high),
                "leads": count,
                "won": wins,
                "share": wins / count if count else float("nan"),
                "low": under,
                "high": over,
                "probability": float(mature.loc[part, "probability"].astype(float).mean()),
            }
        )
    return pd.DataFrame(rows)


def in_order(waiting: pd.DataFrame, holdout_share: float) -> pd.DataFrame:
    """Return waiting leads in the order of work, with a holdout that the score does not touch.

    Leads of the holdout keep the places that they have by their time of arrival among
    themselves: comparing the two groups later tells what the order by score is worth.

    Parameters
    ----------
    waiting : with ``lead_id``, ``probability`` and ``handed_at``.
    holdout_share : of the leads; 0 switches it off.
    """
    held = drawn(waiting["lead_id"], holdout_share, "holdout")
    best = waiting[~held].sort_values(["probability", "lead_id"], ascending=[False, True])
    early = waiting[held].sort_values(["handed_at", "lead_id"])
    if not len(early):
        return best.assign(holdout=False).reset_index(drop=True)
    place = np.concatenate(
        [(np.arange(len(part)) + 0.5) / len(part) for part in (best, early) if len(part)]
    )
    marks = np.repeat([False, True], [len(best), len(early)])
    both = pd.concat([best, early]).assign(holdout=marks)
    return both.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def wilson(wins: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval of a share; missing where there is nothing."""
    if not count:
        return float("nan"), float("nan")
    share, inverse = wins / count, z * z / count
    middle = (share + inverse / 2) / (1 + inverse)
    half = z * float(np.sqrt(share * (1 - share) / count + inverse / (4 * count))) / (1 + inverse)
    return max(0.0, middle - half), min(1.0, middle + half)


def _crossings(history: History, logged: pd.DataFrame | None) -> pd.DataFrame:
    """Return records and log entries as one row per crossing."""
    mql = history.outcomes[history.outcomes["stage"] == "mql"]
    told = pd.DataFrame(
        {"lead_id": mql["lead_id"].astype("str").array, "handed_at": mql["occurred_at"].array}
    )
    for name in LOGGED[2:]:
        told[name] = pd.Series([None] * len(told), dtype=object)
    parts = [told]
    if logged is not None and len(logged):
        parts.append(logged[list(LOGGED)].astype(dict.fromkeys(LOGGED[2:], object)))
    both = pd.concat(parts, ignore_index=True)
    both["handed_at"] = both["handed_at"].astype("datetime64[us, UTC]")
    both["recorded"] = np.arange(len(both)) < len(told)
    both["logged_at"] = both["handed_at"].mask(both["recorded"])
    both = both.sort_values(["lead_id", "handed_at"], kind="stable", ignore_index=True)
    number = both.groupby("lead_id")["recorded"].cumsum()
    # An entry before any record is a crossing of its own, one after it tells of the same one.
    key = [both["lead_id"], number]
    known = [*LOGGED[2:], "logged_at"]
    both[known] = both.groupby(key)[known].transform("first")
    kept = ~pd.DataFrame({"lead": both["lead_id"], "number": number}).duplicated()
    return both[kept].drop(columns="recorded").reset_index(drop=True)


def _next_within(
    crossed: pd.DataFrame, events: pd.DataFrame, name: str, more: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the first event of each crossing's lead after it and before its next crossing."""
    left, right = _by_number(crossed, events, name)
    right = right.join(events[list(more)].astype(object))
    found = pd.merge_asof(
        left.assign(next_at=crossed["next_at"])
        .reset_index()
        .sort_values("handed_at", kind="stable"),
        right.sort_values(name, kind="stable"),
        left_on="handed_at",
        right_on=name,
        by="lead",
        direction="forward",
        allow_exact_matches=True,
    )
    found.loc[found[name] >= found["next_at"], [name, *more]] = None
    found = found.set_index("index").sort_index()
    found[name] = found[name].astype("datetime64[us, UTC]")
    return found[[name, *more]]


def _count_within(crossed: pd.DataFrame, events: pd.DataFrame) -> pd.Series:
    """Return how many events fall into each crossing."""
    right, left = _by_number(crossed, events, "at")
    found = pd.merge_asof(
        left.sort_values("at", kind="stable"),
        right.reset_index().sort_values("handed_at", kind="stable"),
        left_on="at",
        right_on="handed_at",
        by="lead",
    )
    counts = found["index"].dropna().astype(int).value_counts()
    return counts.reindex(crossed.index, fill_value=0).astype(int)


def _by_number(
    crossed: pd.DataFrame, events: pd.DataFrame, name: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the leads that crossed numbers, in crossings and in what happened to them.

    What happened to others is left out. Joining by numbers takes far less than joining by ids.
    """
    leads = pd.Index(crossed["lead_id"].unique())
    left = crossed[["handed_at"]].assign(lead=codes_in(leads, crossed["lead_id"]).astype(np.int64))
    lead = codes_in(leads, events["lead_id"]).astype(np.int64)
    right = events[["occurred_at"]].rename(columns={"occurred_at": name}).assign(lead=lead)
    return left, right[lead >= 0]


def _states(crossed: pd.DataFrame) -> np.ndarray:
    answer = crossed["answer"].to_numpy(dtype=str)
    return np.select(
        [
            answer == "accept",
            answer == "reject",
            answer == "recycle",
            crossed["touched_at"].notna(),
            crossed["next_at"].notna(),
        ],
        ["accepted", "rejected", "recycled", "touched", "superseded"],
        "waiting",
    )


def _words(low: int, high: int) -> str:
    def named(hours: int) -> str:
        return f"{hours} h" if hours < 48 else f"{hours // 24} days"

    if low == 0:
        return f"within {named(high)}"
    return f"after {named(low)}" if high >= 10**9 else f"{named(low)} to {named(high)}"
