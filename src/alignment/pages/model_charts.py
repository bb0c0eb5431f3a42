"""The pictures of Model, each with the table that it draws."""

from __future__ import annotations

from typing import Any

import pandas as pd

from alignment.pages import charts, parts

_MODEL = "model"
_GUESSING = 0.5


def reliability(rows: pd.DataFrame, horizon: int) -> parts.Chart | None:
    """Draw what was promised beside what came, in tenths of the leads.

    Parameters
    ----------
    rows : `Evaluation.reliability`, or nothing.
    horizon : in days.
    """
    if rows.empty:
        return None
    part = rows[(rows["segment"] == "future") & (rows["horizon"] == horizon)]
    if part.empty:
        return None
    part = part.sort_values("promised")
    return parts.Chart(
        name="reliability",
        title="Does the number mean what it says?",
        svg=charts.lines(
            part["promised"].tolist(),
            {"observed": part["observed"].tolist()},
            name="reliability",
            across=f"promised probability within {horizon} days",
            up="share that was won",
            x_format=charts.percent,
            y_format=charts.percent,
            bands=(part["low"].tolist(), part["high"].tolist()),
            diagonal=True,
        ),
        columns=["leads", "promised", "won", "95 % interval"],
        rows=[
            [
                f"{row['n']:,.0f}",
                parts.share(row["promised"]),
                parts.share(row["observed"]),
                f"{parts.share(row['low'])} to {parts.share(row['high'])}",
            ]
            for row in part.to_dict("records")
        ],
        note="Leads in ten equal parts by promise, on outcomes that the model had not seen.",
    )


def weekly(rows: pd.DataFrame) -> parts.Chart | None:
    """Draw the wins that each order of work would have reached.

    Parameters
    ----------
    rows : `Evaluation.weekly`, or nothing.
    """
    if rows.empty:
        return None
    names = ["this model" if name == _MODEL else str(name) for name in rows["order"]]
    return parts.Chart(
        name="wins",
        title="How many wins does each order of work reach?",
        svg=charts.bars(
            names,
            {"wins": rows["wins"].tolist()},
            name="wins",
            along="wins",
            errors=(rows["low"].tolist(), rows["high"].tolist()),
        ),
        columns=["order of work", "wins", "95 % interval", "of all wins", "this model reaches"],
        rows=[
            [
                name,
                f"{row['wins']:,.0f}",
                f"{row['low']:,.0f} to {row['high']:,.0f}",
                parts.share(row["share"]),
                "" if row["order"] == _MODEL else _more(row),
            ]
            for name, row in zip(names, rows.to_dict("records"), strict=True)
        ],
        note=f"Sales works the best {rows['per_week'].iloc[0]:,.0f} leads of each week's queue, "
        "each lead once, on outcomes that the model had not seen.",
    )


def _more(row: dict[Any, Any]) -> str:
    """Say how many wins the model reaches more than another order, with its interval."""
    interval = f"{row['margin_low']:+,.0f} to {row['margin_high']:+,.0f}"
    return f"{row['margin']:+,.0f} ({interval})"


def learning(rows: pd.DataFrame) -> parts.Chart | None:
    """Draw how well leads are ranked by what was learned from ever more of them.

    Parameters
    ----------
    rows : `Evaluation.learning`, or nothing.
    """
    if len(rows) < 2:  # one point tells of no direction
        return None
    return parts.Chart(
        name="learning",
        title="Would more data help?",
        svg=charts.lines(
            list(range(len(rows))),
            {"ranked right": rows["auc"].tolist()},
            name="learning",
            across="converted leads learned from",
            up="better of two leads picked",
            y_format=charts.percent,
            labels=[f"{each:,.0f}" for each in rows["conversions"]],
            bottom=_GUESSING,
        ),
        columns=["leads", "converted", "picks the better of two leads", "log loss"],
        rows=[
            [
                f"{row['leads']:,.0f}",
                f"{row['conversions']:,.0f}",
                parts.share(row["auc"]),
                f"{row['log_loss']:.4f}",
            ]
            for row in rows.to_dict("records")
        ],
        note="The same way of learning with an eighth, a quarter, half and all of the accounts, "
        "before calibration. Where it still rises more leads would help; where it is flat, better "
        "features would.",
    )
