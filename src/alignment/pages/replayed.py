"""The report of a replay: what a past year would have brought, week by week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.pages import charts, parts


def view(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    told : the replay as plain data: ``per_week``, ``horizon_days``, ``orders``, ``rising`` and
        ``weeks``, as `smarketing replay --json` prints it.
    """
    orders, weeks = told["orders"], told["weeks"]
    best, rest = orders[0], orders[1:]
    return {
        "title": "Replay",
        "sentences": [
            f"For {len(weeks)} weeks sales worked {told['per_week']:,} leads a week. "
            f"In the order of {best['order']} {best['wins']:,} of them were won within "
            f"{told['horizon_days']} days: {parts.share(best['share'])} of all that could be won.",
            *(_against(each) for each in rest),
        ],
        "chart": _rising(told),
        "columns": ["order of work", "worked", "wins", "95 % interval", "of all that could be won"],
        "orders": [
            [
                each["order"],
                f"{each['worked']:,}",
                f"{each['wins']:,}",
                f"{each['low']:,.0f} to {each['high']:,.0f}",
                parts.share(each["share"]),
            ]
            for each in orders
        ],
        "events": [row for week in weeks for row in _events(week)],
    }


def _against(other: Mapping[str, Any]) -> str:
    """Say how far the loop is ahead, and whether that is more than chance."""
    margin, low, high = other["margin"], other["margin_low"], other["margin_high"]
    more = f"{abs(margin):,} {'more' if margin >= 0 else 'fewer'}"
    sure = "" if low > 0 or high < 0 else "; it may be chance"
    return (
        f"{str(other['order']).capitalize()}: {other['wins']:,} wins; the loop has {more} "
        f"(95 % interval {low:+,.0f} to {high:+,.0f}{sure})."
    )


def _rising(told: Mapping[str, Any]) -> parts.Chart:
    rows = told["rising"]
    names = [name for name in rows[0] if name != "week"]
    return parts.Chart(
        name="rising",
        title="Wins so far, by what decided whom sales called",
        svg=charts.lines(
            [row["week"] for row in rows],
            {name: [row[name] for row in rows] for name in names},
            name="rising",
            across="week",
            up="wins",
        ),
        columns=["week", *names],
        rows=[[f"{row['week']}", *(f"{row[name]:,}" for name in names)] for row in rows],
        note="A lead counts in the week in which it was worked. What happened is taken as it was: "
        "that a call came earlier does not win a lead here.",
    )


def _events(week: Mapping[str, Any]) -> list[list[str]]:
    """Return what a person would have been told in a week: when, what and why."""
    when = f"{week['number']} ({week['as_of'][:10]})"
    found = [[when, "alert", each.replace("_", " ")] for each in week["alerts"]]
    if week["trained"] is not None:
        made = "recalibrated" if week["way"] == "recalibration" else "trained"
        end = "serves" if week["promoted"] else "waits"
        found.append([when, f"version {week['trained']} {made}, {end}", week["why"]])
    return found
