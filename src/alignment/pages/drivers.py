"""What drives conversion: importance in business words and money. Association, not cause."""

from __future__ import annotations

from typing import Any

import pandas as pd

from alignment.funnel import UNKNOWN
from alignment.pages import charts, parts
from alignment.pages.movement import (
    DIMENSIONS,
    WARNING,
    Focus,
    by_channel,
    campaigns,
    focused,
    run_of,
    side_by_side,
    table,
)
from alignment.situation import Situation
from features import compute_features, open_leads
from models.explanation import (
    importance,
    importance_by_group,
    importance_by_group_of,
    importance_of,
)

_MOST = 12
_DRAWN = 10_000
"""Leads that say how importance moved: more would say the same, and take their time."""
_CURVES = 4
_COMPARED, _DIMENSIONS_SHOWN = 10, 2


def view(situation: Situation, focus: Focus) -> dict[str, Any]:
    """Return what the page shows."""
    rows = focused(situation, focus)
    found = table(situation, focus)
    fitted = situation.model.kind == "fitted" and bool(rows.any())
    names = found["feature"].head(_CURVES).tolist()
    known = focus.feature in situation.model.names
    if known:
        names = [focus.feature, *[name for name in names if name != focus.feature]][:_CURVES]
    return {
        "title": "What drives conversion",
        "focus": focus,
        "warning": WARNING,
        "fitted": fitted,
        "message": situation.model.message,
        "leads": int(rows.sum()),
        "dimensions": DIMENSIONS,
        "values": _values(situation),
        "features": [(each.name, each.label) for each in situation.model.features],
        "main": _main(found) if fitted else None,
        "channels": _channels(by_channel(situation, focus)) if fitted else None,
        "beside": _beside(situation, focus) if fitted else [],
        "curves": [_curve(situation, name, focus) for name in names] if fitted else [],
        "time": _over_time(situation) if fitted else None,
        "versions": _between_versions(situation) if fitted else None,
        "campaigns": _campaigns(situation),
    }


def _main(found: pd.DataFrame) -> parts.Chart:
    top = found.head(_MOST)
    return parts.Chart(
        name="drivers",
        title="What moves the probability most",
        svg=charts.bars(
            top["label"].tolist(),
            {"points": (100 * top["mean_abs_effect"]).tolist()},
            name="drivers",
            along="mean effect, in points",
            value_format=lambda value: f"{value:.3g}",
        ),
        columns=["feature", "group", "share of all movement", "mean effect", "leans", "money"],
        rows=[
            [
                row["label"],
                row["group"],
                parts.share(row["share"]),
                parts.Figure(
                    f"{100 * row['mean_abs_effect']:.2f} points", 100 * row["mean_abs_effect"]
                ),
                parts.points(row["mean_effect"]),
                parts.money(row["money"]),
            ]
            for row in found.head(40).to_dict("records")
        ],
        note="Money is the expected value of the open leads in view that hangs on it.",
    )


def _channels(found: pd.DataFrame) -> parts.Chart | None:
    if found.empty:
        return None
    return parts.Chart(
        name="channels",
        title="By channel",
        svg=charts.bars(
            [parts.named(each) for each in found["channel"]],
            {"points": (100 * found["mean_abs_effect"]).tolist()},
            name="channels",
            along="mean effect, in points",
            value_format=lambda value: f"{value:.3g}",
        ),
        columns=["channel", "mean effect", "leans", "money"],
        rows=[
            [
                parts.named(row["channel"]),
                parts.Figure(
                    f"{100 * row['mean_abs_effect']:.2f} points", 100 * row["mean_abs_effect"]
                ),
                parts.points(row["mean_effect"]),
                parts.money(row["money"]),
            ]
            for row in found.to_dict("records")
        ],
    )


def _beside(situation: Situation, focus: Focus) -> list[dict[str, Any]]:
    """Return a heat map for the first two dimensions that tell the leads in focus apart."""
    found: list[dict[str, Any]] = []
    for dimension in DIMENSIONS:
        if len(found) == _DIMENSIONS_SHOWN:
            break
        top = side_by_side(situation, focus, dimension).head(_COMPARED)
        if top.shape[1] < 3:  # nobody to stand beside
            continue
        highest = float(top.to_numpy().max())
        columns = ["mean effect, in points", *(parts.named(each) for each in top.columns)]
        rows = [
            [
                parts.shaded(str(label)),
                *(parts.shaded(f"{100 * cell:.2f}", float(cell), highest) for cell in row),
            ]
            for label, row in top.iterrows()
        ]
        found.append({"by": dimension, **parts.heat_map(columns, rows)})
    return found


def _curve(situation: Situation, feature: str, focus: Focus) -> parts.Chart:
    found = run_of(situation, feature, focus)
    label = next(each.label for each in situation.model.features if each.name == feature)
    return parts.Chart(
        name=f"run-{feature}".replace("_", "-"),
        title=label[:1].upper() + label[1:],
        svg=charts.bars(
            [parts.named(each) for each in found["value"]],
            {"points": (100 * found["effect"]).tolist()},
            name=f"run-{feature}".replace("_", "-"),
            along="effect, in points",
            value_format=lambda value: f"{value:.3g}",
        ),
        columns=["value", "open leads", "mean effect"],
        rows=[
            [parts.named(row["value"]), f"{row['leads']:,}", parts.points(row["effect"])]
            for row in found.to_dict("records")
        ],
    )


def _over_time(situation: Situation) -> parts.Chart | None:
    """Compare what moves the open leads of today and of some months before."""

    def make() -> pd.DataFrame:
        columns: dict[str, pd.DataFrame] = {}
        model = situation.model
        for back in (180, 120, 60):
            at = (situation.now - pd.Timedelta(days=back)).as_unit("us")
            if situation.history.leads["created_at"].min() >= at:
                continue
            snapshots = open_leads(situation.history, at)
            if len(snapshots) > _DRAWN:
                snapshots = snapshots.sample(_DRAWN, random_state=7)
            matrix = situation.engine.compute(snapshots.reset_index(drop=True))
            columns[parts.day(at)] = importance_by_group(model, matrix)
        columns[parts.day(situation.now)] = importance_by_group_of(model, situation.effects)
        shares = {day: found.set_index("group")["share"] for day, found in columns.items()}
        return pd.DataFrame(shares)

    found = situation.once("importance over time", make)
    if found.shape[1] < 2:
        return None
    found = found.sort_values(found.columns[-1], ascending=False)
    top = found.head(5)
    return parts.Chart(
        name="over-time",
        title="How that has moved over time",
        svg=charts.lines(
            list(range(found.shape[1])),
            {str(name): row.tolist() for name, row in top.iterrows()},
            name="over-time",
            across="",
            up="share of all movement",
            y_format=charts.percent,
            labels=[str(name)[:-5] for name in found.columns],
        ),
        columns=["group", *map(str, found.columns)],
        rows=[[str(name), *map(parts.share, row)] for name, row in found.iterrows()],
        note="The same model, looking at the leads that were open on each day"
        + (
            f"; of the days before, {_DRAWN:,} of them drawn at random."
            if len(situation.frame) > _DRAWN
            else "."
        ),
    )


def _between_versions(situation: Situation) -> parts.Chart | None:
    earlier = situation.facts.earlier
    if earlier is None or earlier.kind != "fitted":
        return None

    def make() -> pd.DataFrame:
        matrix = compute_features(
            situation.history, situation.matrix.snapshots[["lead_id", "as_of"]], earlier.features
        )
        was = importance(earlier, matrix).set_index("label")["share"]
        now = importance_of(situation.model, situation.effects).set_index("label")["share"]
        both = pd.DataFrame({"was": was, "now": now}).fillna(0.0)
        return both.reindex((both["now"] - both["was"]).abs().sort_values(ascending=False).index)

    found = situation.once("importance between versions", make).head(10)
    old, new = f"version {situation.facts.earlier_version}", f"version {situation.version}"
    return parts.Chart(
        name="versions",
        title="What the newest version sees differently",
        svg=charts.bars(
            [str(name) for name in found.index],
            {old: found["was"].tolist(), new: found["now"].tolist()},
            name="versions",
            along="share of all movement",
            value_format=charts.percent,
        ),
        columns=["feature", old, new],
        rows=[
            [str(name), parts.share(row["was"]), parts.share(row["now"])]
            for name, row in found.iterrows()
        ],
    )


def _campaigns(situation: Situation) -> dict[str, Any]:
    found = campaigns(situation).head(25)
    columns = [
        "campaign",
        "leads",
        "wins",
        "win share",
        "open leads' mean",
        "revenue",
        "spend",
        "cost per win",
    ]
    rows = [
        [
            row["campaign"],
            f"{row['leads']:,}",
            f"{row['wins']:,}",
            parts.share(row["win_share"]),
            parts.share(row["open_probability"]),
            parts.money(row["revenue"]),
            parts.money(row["spend"]),
            parts.money(row["cost_per_win"]),
        ]
        for row in found.to_dict("records")
    ]
    return {"columns": columns, "rows": rows, "csv": parts.csv_link(columns, rows)}


def _values(situation: Situation) -> dict[str, list[str]]:
    described = situation.described
    return {
        name: sorted({str(each) for each in described[name].unique()} - {UNKNOWN})
        for name in DIMENSIONS
    }
