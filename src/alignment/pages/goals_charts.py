"""The pictures of Goals, each with the table that it draws."""

from __future__ import annotations

import numpy as np

from alignment import handoff
from alignment.forecast import poisson_binomial, until_days
from alignment.pages import charts, parts
from alignment.situation import Situation


def forecast(situation: Situation) -> parts.Chart:
    """Draw how likely each number of wins is at the end of the quarter."""
    horizons = situation.model.horizons
    columns = [f"probability_{horizon}d" for horizon in horizons]
    chances = situation.frame[columns].to_numpy(dtype=float)
    left = until_days(horizons, chances, situation.period.days_left)
    likely = poisson_binomial(left)
    won = situation.forecast.won
    kept = np.flatnonzero(likely > 0.002)
    low, high = (int(kept[0]), int(kept[-1])) if len(kept) else (0, 0)
    totals = list(range(won + low, won + high + 1))
    target = float(situation.terms.target_wins or 0.0)
    return parts.Chart(
        name="forecast",
        title="How the quarter is likely to end",
        svg=charts.lines(
            totals,
            {"chance": likely[low : high + 1].tolist()},
            name="forecast",
            across="wins at the end of the quarter",
            up="chance",
            y_format=charts.percent,
            mark=(target, f"target {target:,.0f}") if target else None,
        ),
        columns=["wins", "chance"],
        rows=[
            [f"{total:,}", parts.share(float(likely[total - won]))]
            for total in totals[:: max(1, len(totals) // 25)]
        ],
        note="From the calibrated probabilities of the leads that are open today; leads that come "
        "later are not in it.",
    )


def curve(situation: Situation) -> parts.Chart:
    """Draw what each cut would have been worth a week."""
    frame = situation.curve.frame
    shown = frame[frame["cut"] > 0]
    thin = shown.iloc[:: max(1, len(shown) // 20)]
    return parts.Chart(
        name="cut",
        title="What each cut would be worth a week",
        svg=charts.lines(
            shown["cut"].tolist(),
            {"expected value a week": shown["value"].tolist()},
            name="cut",
            across="cut: least probability to cross",
            up="money a week",
            x_format=charts.percent,
            mark=(situation.curve.best, f"best cut {parts.share(situation.curve.best)}"),
            log=True,
        ),
        columns=[
            "cut",
            "cross a week",
            "worked a week",
            "expected wins a week",
            "value a week",
            "lost against the best",
        ],
        rows=[
            [
                parts.share(row["cut"]),
                f"{row['crossed']:.1f}",
                f"{row['worked']:.1f}",
                f"{row['expected_wins']:.2f}",
                parts.money(row["value"]),
                parts.money(row["loss"]),
            ]
            for row in thin.to_dict("records")
        ],
        note="Below the best cut more leads cross than sales can work, and good ones wait behind "
        "poor ones; above it, time is left over.",
    )


def speed(situation: Situation) -> parts.Chart | None:
    """Draw the share won by the hours to the first touch; None where nothing has crossed."""
    days = min(90, situation.horizon)
    found = handoff.speed_to_lead(
        situation.crossed, situation.history, until=situation.now, days=days
    )
    shown = found[found["leads"] > 0]
    if shown.empty:
        return None
    return parts.Chart(
        name="speed",
        title="Speed to lead: wins by the time to the first touch",
        svg=charts.bars(
            shown["words"].tolist(),
            {"won": shown["share"].tolist()},
            name="speed",
            along=f"share won within {days} days of the hand-off",
            value_format=charts.percent,
            errors=(shown["low"].tolist(), shown["high"].tolist()),
        ),
        columns=["first touch", "hand-offs", "won", "share", "95 % interval"],
        rows=[
            [
                row["words"],
                f"{row['leads']:,}",
                f"{row['won']:,}",
                parts.share(row["share"]),
                f"{parts.share(row['low'])} to {parts.share(row['high'])}",
            ]
            for row in shown.to_dict("records")
        ],
        note="Our own leads, not an industry's. Association: who was called first may have looked "
        "better.",
    )
