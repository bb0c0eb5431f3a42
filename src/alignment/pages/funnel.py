"""Funnel: how leads move, how fast, by whom, and which touches wins are credited to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from alignment import attribution, funnel
from alignment.pages import charts, parts
from alignment.pages.movement import campaigns
from alignment.situation import Situation

DIMENSIONS = ("source", "campaign", "segment", "owner", "channel")
_YEAR = pd.Timedelta(days=365)
_MOST = 15
_MONTHS = 13
_MOST_WORDS = 1000


def view(
    situation: Situation, by: tuple[str, ...] = ("source",), message: str = ""
) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    situation : of both teams.
    by : dimensions to cut the funnel by.
    message : what became of what somebody wrote down.
    """
    since = situation.now - _YEAR
    found = funnel.stages(situation.steps, since)
    return {
        "title": "Funnel",
        "by": by,
        "dimensions": DIMENSIONS,
        "since": parts.day(max(since, situation.history.leads["created_at"].min())),
        "empty": not int(found["leads"].iloc[0]),
        "stages": _stages(found),
        "flow": _flow(situation),
        "cuts": [_cut(situation, name, since) for name in by],
        "cohorts": _cohorts(situation),
        "credit": [_credit(situation, name) for name in ("channel", "campaign")],
        "campaigns": as_table(campaigns(situation)),
        "names": sorted({*situation.described["campaign"], *situation.spend} - {funnel.UNKNOWN}),
        "today": f"{situation.now:%Y-%m-%d}",
        "spent": _spent(situation),
        "message": message,
    }


def as_json(situation: Situation, by: str) -> dict[str, Any]:
    """Return the funnel as data."""
    since = situation.now - _YEAR
    recent = (situation.steps["created_at"] >= since).to_numpy()
    cut = funnel.by_dimension(situation.steps[recent], situation.described[recent], by)
    flow = funnel.flow(situation.steps)
    months = funnel.cohorts(situation.steps, situation.now)
    return {
        "since": since.isoformat(),
        "stages": _records(funnel.stages(situation.steps, since)),
        "by": by,
        "values": _records(cut),
        "months": [{"month": str(month), **row} for month, row in flow.to_dict("index").items()],
        "cohorts": [{str(name): value for name, value in row.items()} for row in _records(months)],
        "attribution": {
            name: _records(credit(situation, name)) for name in ("channel", "campaign")
        },
        "campaigns": _records(campaigns(situation)),
        "spend": [] if situation.spent is None else _records(situation.spent.head(_MOST_WORDS)),
        "message": "",
    }


def _spent(situation: Situation) -> dict[str, Any]:
    """Return the newest words on spend."""
    found = pd.DataFrame() if situation.spent is None else situation.spent.head(_MOST)
    rows = [
        [
            row["campaign"],
            row["day"],
            parts.number(row["amount"]),
            row["who"] or "-",
            parts.day(row["at"]),
            "" if row["counts"] else "corrected since",
        ]
        for row in found.to_dict("records")
    ]
    return {"columns": ["campaign", "spent on", "money", "said by", "on", " "], "rows": rows}


def credit(situation: Situation, by: str) -> pd.DataFrame:
    """Return wins by touch under three rules."""
    return situation.once(
        f"credit {by}", lambda: attribution.attribute(attribution.paths(situation.history, by))
    )


def as_table(found: pd.DataFrame) -> dict[str, Any]:
    """Return campaigns beside their spend as a table of texts."""
    columns = ["campaign", "leads", "wins", "win share", "revenue", "spend", "cost per win"]
    rows = [
        [
            row["campaign"],
            f"{row['leads']:,}",
            f"{row['wins']:,}",
            parts.share(row["win_share"]),
            parts.money(row["revenue"]),
            parts.money(row["spend"]),
            parts.money(row["cost_per_win"]),
        ]
        for row in found.head(_MOST).to_dict("records")
    ]
    return {"columns": columns, "rows": rows, "csv": parts.csv_link(columns, rows)}


def _stages(found: pd.DataFrame) -> parts.Chart:
    return parts.Chart(
        name="stages",
        title="How far leads of the last year have come",
        svg=charts.bars(
            found["stage"].tolist(),
            {"leads": found["leads"].tolist()},
            name="stages",
            along="leads",
        ),
        columns=["stage", "leads", "of the stage before", "of all", "median days from before"],
        rows=[
            [
                row["stage"],
                f"{row['leads']:,}",
                parts.share(row["share"]) if place else "-",
                parts.share(row["of_all"]),
                parts.number(np.round(row["days"], 1)),
            ]
            for place, row in enumerate(found.to_dict("records"))
        ],
        note="Young leads are still on their way: the cohorts below compare like with like.",
    )


def _flow(situation: Situation) -> parts.Chart | None:
    found = funnel.flow(situation.steps).tail(_MONTHS)
    if len(found) < 2:
        return None
    names = [str(month) for month in found.index]
    shown = ["created", "mql", "sal", "won"]
    return parts.Chart(
        name="flow",
        title="Leads that reached each stage, by month",
        svg=charts.lines(
            list(range(len(found))),
            {name: found[name].tolist() for name in shown},
            name="flow",
            across="",
            up="leads",
            labels=[month.strftime("%b %y") for month in found.index],
        ),
        columns=["month", *found.columns],
        rows=[
            [name, *(f"{each:,}" for each in row)]
            for name, row in zip(names, found.to_numpy().tolist(), strict=True)
        ],
        note="The last month is not over yet.",
    )


def _cut(situation: Situation, name: str, since: pd.Timestamp) -> dict[str, Any]:
    recent = (situation.steps["created_at"] >= since).to_numpy()
    found = funnel.by_dimension(situation.steps[recent], situation.described[recent], name)
    columns = [
        name,
        "leads",
        "to mql",
        "to sal",
        "to sql",
        "to opportunity",
        "to won",
        "won of all",
        "median days to won",
    ]
    rows = [
        [
            row["value"] if name == "campaign" else parts.named(row["value"]),
            f"{row['leads']:,}",
            parts.share(row["mql"] / row["leads"]),
            *(
                parts.share(row[pair])
                for pair in ("mql_to_sal", "sal_to_sql", "sql_to_opportunity", "opportunity_to_won")
            ),
            parts.share(row["won_share"]),
            parts.number(np.round(row["days_to_won"], 0)),
        ]
        for row in found.head(_MOST).to_dict("records")
    ]
    more = max(0, len(found) - _MOST)
    return {
        "name": name,
        "columns": columns,
        "rows": rows,
        "more": more,
        "csv": parts.csv_link(columns, rows),
    }


def _cohorts(situation: Situation) -> dict[str, Any]:
    found = funnel.cohorts(situation.steps, situation.now).tail(_MONTHS)
    columns = ["month of arrival", "leads", *(f"won in {name} days" for name in found.columns[2:])]
    shares = found.iloc[:, 2:].to_numpy(dtype=np.float64)
    highest = float(np.nanmax(shares, initial=0.0))
    rows = [
        [
            parts.shaded(row[0]),
            parts.shaded(f"{row[1]:,}"),
            *(parts.shaded(parts.share(cell), float(cell), highest) for cell in row[2:]),
        ]
        for row in found.to_numpy(dtype=object).tolist()
    ]
    return parts.heat_map(columns, rows)


def _credit(situation: Situation, by: str) -> parts.Chart | None:
    found = credit(situation, by)
    if found.empty or not found["first_touch"].sum():
        return None
    top = found.head(10)
    say = str if by == "campaign" else parts.named
    return parts.Chart(
        name=f"credit-{by}",
        title=f"Wins credited by {by}, under three rules",
        svg=charts.bars(
            [say(each) for each in top["touch"]],
            {
                "first touch": top["first_touch"].tolist(),
                "last touch": top["last_touch"].tolist(),
                "data-driven": top["data_driven"].tolist(),
            },
            name=f"credit-{by}",
            along="wins",
        ),
        columns=[by, "leads", "first touch", "last touch", "data-driven"],
        rows=[
            [
                say(row["touch"]),
                f"{row['leads']:,}",
                parts.number(row["first_touch"]),
                parts.number(row["last_touch"]),
                parts.Figure(f"{row['data_driven']:.1f}", row["data_driven"]),
            ]
            for row in found.head(30).to_dict("records")
        ],
        note="Data-driven is the removal effect in a Markov chain over touches. All three are "
        "bookkeeping of association.",
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]
