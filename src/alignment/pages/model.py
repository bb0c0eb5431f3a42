"""Model: what it is and how right it has been, in words that sales believe; and Health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from alignment.pages import model_charts, parts
from alignment.situation import Situation
from features.attributes import field_of
from history import History
from models import ConversionModel

_WORDS = {
    "auc": "picks the better of two leads",
    "log_loss": "log loss (less is better)",
    "brier": "Brier score (less is better)",
    "calibration_error": "calibration error (less is better)",
    "average_precision": "average precision",
}
_STALE_DAYS = 7


@dataclass(frozen=True)
class Check:
    """One thing that is looked at.

    Parameters
    ----------
    name : what.
    state : ``good``, ``look`` or ``bad``.
    words : what was found, and what to do.
    """

    name: str
    state: str
    words: str


def view(situation: Situation) -> dict[str, Any]:
    """Return what the page Model shows."""
    figures = _last(situation.facts.figures)
    return {
        "title": "Model",
        "version": situation.version,
        "message": situation.model.message,
        "told": _told(situation.model, situation.version),
        "sentences": _sentences(situation, figures),
        "figures": _figures(figures),
        "promises": [
            chart
            for chart in (
                model_charts.reliability(situation.facts.reliability, situation.horizon),
                model_charts.weekly(situation.facts.weekly),
                model_charts.learning(situation.facts.learning),
            )
            if chart is not None
        ],
        "by_part": _by_part(_known_parts(situation)),
        "notes": situation.facts.notes,
        "fairness": _fairness(situation.facts.fairness),
        "versions": [
            [str(each.get(name, "")) for name in _VERSION] for each in situation.facts.versions
        ],
        "columns": ["version", "made", "serves", "kind", "log loss", "who", "why"],
    }


_PROMISE = ("promised", "observed")
_VERSION = ("version", "created_at", "champion", "chosen", "log_loss", "who", "why")


def checks(
    history: History | None,
    model: ConversionModel | None,
    now: pd.Timestamp,
    problem: str = "",
    leads: int = 0,
) -> list[Check]:
    """Look at what the product stands on.

    Parameters
    ----------
    history : what happened; None where there is none.
    model : that serves; None where none does.
    now : this instant.
    problem : with the champion, as the service found it.
    leads : how many there are, where the history itself is not at hand.
    """
    found = []
    if model is None:
        found.append(
            Check("Champion", "bad", problem or "no model serves yet: `smarketing promote`")
        )
    else:
        state = "look" if problem or model.kind == "prior" else "good"
        found.append(Check("Champion", state, problem or model.message))
        until = model.metadata.get("observed_until")
        if until:
            days = (now - pd.Timestamp(str(until))) / pd.Timedelta(days=1)
            ago = "today" if days < 1 else f"{days:.0f} day{'s' * (round(days) > 1)} ago"
            words = f"it has learned from a history up to {ago}"
            found.append(Check("Age of the model", "good" if days < 100 else "look", words))
    if history is None and leads:
        return [*found, Check("History", "good", f"it holds {leads:,} lead{'s' * (leads != 1)}")]
    if history is None or history.leads.empty:
        found.append(Check("History", "bad", "there are no leads yet: `smarketing ingest SOURCE`"))
        return found
    for name, words in (
        ("engagements", "engagement"),
        ("outcomes", "outcome"),
        ("dispositions", "answer by sales"),
    ):
        found.append(_freshness(getattr(history, name), words, now))
    return found


def health(found: Sequence[Check]) -> dict[str, Any]:
    """Return what the page Health shows."""
    worst = "bad" if any(each.state == "bad" for each in found) else "look"
    state = "good" if all(each.state == "good" for each in found) else worst
    said = {
        "good": "All is well.",
        "look": "It works; somebody should look at this.",
        "bad": "Something has to be mended.",
    }
    return {"title": "Health", "checks": found, "state": state, "said": said[state]}


def _count(known: Mapping[str, Any], name: str) -> str:
    value = known.get(name)
    return f"{value:,}" if isinstance(value, int) else "?"


def _freshness(frame: pd.DataFrame, words: str, now: pd.Timestamp) -> Check:
    name = f"Newest {words}"
    if frame.empty:
        return Check(name, "look", f"there is no {words} in the history yet")
    days = (now - frame["recorded_at"].max()) / pd.Timedelta(days=1)
    state = "good" if days <= _STALE_DAYS else "look"
    ago = "within the last day" if days < 1 else f"{days:.0f} days ago"
    return Check(name, state, f"recorded {ago}; {len(frame):,} in all")


def _told(model: ConversionModel, version: str) -> list[tuple[str, str]]:
    known = model.metadata
    rows = [
        ("Version", version),
        ("Predicts", f"{model.target} within {', '.join(map(str, model.horizons))} days"),
        (
            "Learned from",
            f"{_count(known, 'leads')} leads, {_count(known, 'conversions')} of them converted",
        ),
        ("History up to", str(known.get("observed_until", "unknown"))[:10]),
        ("Kind", str(known.get("chosen", model.kind))),
        ("Looks at", f"{len(model.features)} features, each known at the time"),
    ]
    return [(name, text) for name, text in rows if text]


def _last(figures: pd.DataFrame) -> pd.DataFrame:
    if figures.empty or "horizon" not in figures:
        return pd.DataFrame(columns=["predictor", "metric", "value", "low", "high"])
    return figures[
        (figures["horizon"] == figures["horizon"].max()) & (figures["segment"] == "future")
    ]


def _sentences(situation: Situation, figures: pd.DataFrame) -> list[str]:
    """Say how right it has been, without a word of statistics."""
    said = []
    mine = figures[figures["predictor"] == "model"].set_index("metric")["value"]
    if "auc" in mine:
        said.append(
            f"Shown one lead that was won and one that was not, it ranked the right one higher "
            f"{100 * mine['auc']:.0f} times out of 100, on leads whose end it had not seen. "
            "Guessing is right 50 times."
        )
    rows = situation.facts.reliability
    if len(rows):
        part = rows[(rows["segment"] == "future") & (rows["horizon"] == rows["horizon"].max())]
        if len(part):
            top, n = part.loc[part["promised"].idxmax()], part["n"]
            promised, won = (parts.share((part[each] * n).sum() / n.sum()) for each in _PROMISE)
            said.append(
                f"In all it expected {promised} of them to be won within {part['horizon'].iloc[0]} "
                f"days; {won} were."
            )
            said.append(
                f"It gave the best tenth of leads a chance of {parts.share(top['promised'])} each; "
                f"{parts.share(top['observed'])} of them were won in the end."
            )
    said.append(
        "It knows only what was recorded before the day of the score, and it cannot see what "
        "nobody writes down: a good talk on the phone counts when it is in the system."
    )
    return said


def _figures(figures: pd.DataFrame) -> dict[str, Any]:
    shown = [name for name in _WORDS if name in set(figures["metric"])]
    rows = []
    for name, part in figures.groupby("predictor", sort=False):
        cells = part.set_index("metric")
        row = [str(name)]
        for metric in shown:
            cell = cells.loc[metric] if metric in cells.index else None
            row.append(
                "-"
                if cell is None
                else f"{cell['value']:.3f} ({cell['low']:.3f} to {cell['high']:.3f})"
            )
        rows.append(row)
    return {"columns": ["", *(_WORDS[name] for name in shown)], "rows": rows}


def _fairness(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the groups that were declared, as text; those with too few leads say so."""
    shown = [
        [
            f"{row['by'].partition('.')[2]}: {row['value']}".replace("_", " "),
            f"{row['leads']:,.0f}",
            parts.share(row["promised"]),
            _came(row),
            parts.share(row["forward"]),
            parts.share(row["reached"]),
            _parity(row),
        ]
        for row in rows.to_dict("records")
    ]
    columns = [
        "group",
        "leads",
        "promised",
        "won (95 % interval)",
        "put forward",
        "of the won, put forward",
        "against the group put forward most (95 % interval)",
    ]
    return {"columns": columns, "rows": shown}


def _came(row: Mapping[Any, Any]) -> str:
    """Return the share that was won, with its interval."""
    return (
        f"{parts.share(row['observed'])} ({parts.share(row['low'])} to {parts.share(row['high'])})"
    )


def _parity(row: Mapping[Any, Any]) -> str:
    if not row["enough"]:
        return "too few leads to say"
    words = f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
    return words + (", worth a look" if row["differs"] else "")


def _known_parts(situation: Situation) -> pd.DataFrame:
    """Return the parts of the evaluation without those of fields that nobody may see any more.

    A field may have been marked as personal after the training; the history that pages are made
    of has none of these.
    """
    rows, history = situation.facts.segments, situation.history
    if rows.empty:
        return rows
    changes = history.attribute_history
    known = {
        *(f"leads.{name}" for name in history.leads),
        *(f"accounts.{name}" for name in history.accounts),
        *(changes["entity"].astype(str) + "s." + changes["field"].astype(str)),
    }
    gone = {f.label for f in situation.model.features if (field_of(f) or "") not in {"", *known}}
    return rows[~rows["by"].isin(gone)]


def _by_part(rows: pd.DataFrame) -> dict[str, Any]:
    """Return promised and observed shares of each part of the leads, broken promises first."""
    rows = rows.sort_values("kept", kind="stable") if len(rows) else rows
    shown = [
        [
            f"{row['by']}: {row['value']}".replace("_", " "),
            parts.share(row["promised"]),
            _came(row),
            "" if row["kept"] else "less" if row["observed"] < row["promised"] else "more",
            f"{row['n']:,.0f}",
        ]
        for row in rows.to_dict("records")
    ]
    kept = int(rows["kept"].sum()) if len(rows) else 0
    return {
        "columns": ["part", "promised", "won (95 % interval)", "than promised", "snapshots"],
        "rows": shown,
        "said": f"In {kept} of {len(shown)} parts of the leads the promise lies within the 95 % "
        "interval of what came.",
    }
