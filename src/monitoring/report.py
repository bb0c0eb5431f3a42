"""What the monitor says: alerts that a person understands, with a next step."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from history import History
from monitoring.drift import Calendar, arrivals, silence, twins, verdicts, volumes
from monitoring.signals import LEAST_REFERENCE, LOOKS, Finding, Signal, judge, level
from monitoring.words import WORDS, Severity

_ORDER = {"urgent": 0, "warning": 1, "notice": 2}
_HALVED, _DOUBLED = 0.4, 2.5
_SOON = pd.Timedelta(days=3)
_FOR_VERDICTS = 0.8
"""Of the false alarms that are accepted."""
_POORER = 0.7
_TWICE, _FEW_ROWS = 0.25, 20
_PARTS = ("channel", "kind", "source", "campaign")
"""Kinds of signals that add up to a whole: where one falls, the others rise."""


@dataclass(frozen=True)
class Alert:
    """Something that a person should look at.

    Parameters
    ----------
    code : stable name of the kind of alert, as in ``channel_silent``.
    severity : urgent, warning or notice.
    subject : what it is about, as in a channel's name.
    cause : one sentence that says what changed, with figures.
    next_step : what to do first.
    observed, expected : shares or counts, None where there is none.
    weeks : how many of the newest weeks were looked at.
    """

    code: str
    severity: Severity
    subject: str
    cause: str
    next_step: str
    observed: float | None = None
    expected: float | None = None
    weeks: int = 1


@dataclass(frozen=True)
class Report:
    """One run of the monitor.

    Parameters
    ----------
    as_of : end of the weeks that were looked at, exclusive.
    alerts : the most urgent first.
    signals : how many shares were watched.
    reference_weeks : how many weeks they were compared with; with too few nothing is judged.
    """

    as_of: pd.Timestamp
    alerts: tuple[Alert, ...]
    signals: int
    reference_weeks: int

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "as_of": self.as_of.isoformat(),
            "signals": self.signals,
            "reference_weeks": self.reference_weeks,
            "judged": self.reference_weeks >= LEAST_REFERENCE,
            "alerts": [asdict(alert) for alert in self.alerts],
        }


def monitor(
    history: History,
    as_of: pd.Timestamp,
    *,
    reference_weeks: int = 26,
    alarms_a_year: float = 2.5,
) -> Report:
    """Look at the newest three weeks against the weeks before.

    Parameters
    ----------
    history : what happened; only what was recorded before `as_of` is looked at.
    as_of : end of the newest week, exclusive.
    reference_weeks : how many weeks before the newest three to compare with; fewer where the
        history begins later.
    alarms_a_year : false alarms accepted in a year of weekly runs, at most: the bound counts
        every look as if it were independent. Four fifths of them are for the verdicts of sales:
        they are few, come slowly, and most depends on them.

    Raises
    ------
    ValueError : `reference_weeks` is below eight or `alarms_a_year` is not positive.
    """
    if reference_weeks < LEAST_REFERENCE or alarms_a_year <= 0:
        raise ValueError("reference_weeks must be at least 8 and alarms_a_year above 0")
    known = history.known_before(as_of)
    calendar = Calendar(as_of, _weeks(known, as_of, reference_weeks) + max(LOOKS))
    of_feeds, of_sales = list(arrivals(known, calendar)), list(verdicts(known, calendar))
    for_sales = alarms_a_year * _FOR_VERDICTS
    found = _explained(of_feeds, level(alarms_a_year - for_sales, len(of_feeds)))
    found += _explained(of_sales, level(for_sales, len(of_sales)))
    alerts = [_told(each, known, calendar) for each in found]
    if calendar.weeks - max(LOOKS) >= LEAST_REFERENCE:
        alerts += _volume_alerts(known, calendar) + _silent(known, calendar)
        alerts += _twice(known, calendar)
    alerts.sort(key=lambda alert: _ORDER[alert.severity])
    count = len(of_feeds) + len(of_sales)
    return Report(as_of, tuple(alerts), count, calendar.weeks - max(LOOKS))


def _weeks(history: History, as_of: pd.Timestamp, wanted: int) -> int:
    """Return how many whole reference weeks the history has, at most those wanted."""
    if not len(history.leads):
        return 0
    lived = int((as_of - history.leads["created_at"].min()) / pd.Timedelta(days=7))
    return max(0, min(wanted, lived - max(LOOKS)))


def _explained(signals: list[Signal], probability: float) -> list[Finding]:
    """Return what moved, without what moved only because something else of its kind did.

    When one channel dies, the shares of all others rise. The strongest move is taken out of the
    totals and its kind is judged again, until nothing is left.
    """
    found: list[Finding] = []
    for kind, whole in dict.fromkeys((signal.kind, signal.whole) for signal in signals):
        mine = [signal for signal in signals if (signal.kind, signal.whole) == (kind, whole)]
        while mine:
            moved = [each for each in (judge(signal, probability) for signal in mine) if each]
            if not moved:
                break
            strongest = max(moved, key=lambda each: abs(each.strength))
            found.append(strongest)
            culprit = next(signal for signal in mine if signal.subject == strongest.subject)
            mine = [
                _without(signal, culprit) if kind in _PARTS else signal
                for signal in mine
                if signal is not culprit
            ]
    return found


def _without(signal: Signal, culprit: Signal) -> Signal:
    return replace(signal, trials=signal.trials - culprit.hits)


def _told(found: Finding, history: History, calendar: Calendar) -> Alert:
    """Put a finding into words."""
    fell = found.strength < 0
    span = "last week" if found.weeks == 1 else f"the last {found.weeks} weeks"
    code, severity, cause, step = WORDS[found.kind, fell]
    usual = found.expected * found.trials
    figures = {
        "subject": found.subject,
        "hits": f"{found.hits:,}",
        "usual": f"{usual:,.0f}",
        "share": f"{found.observed:.0%}",
        "expected": f"{found.expected:.0%}",
        "trials": f"{found.trials:,}",
        "span": span,
        "of": f"of channel {found.subject}" if found.subject else "without a channel",
        "where": f"in channel {found.whole}" if found.whole else "without a channel",
    }
    words = cause.format(**figures)
    if found.kind in ("source", "campaign") and not fell:
        poor = _quality(history, calendar, found)
        if poor:
            code, severity, words = "flood_of_poor_leads", "urgent", f"{words} {poor}"
    return Alert(
        code,
        severity,
        found.subject,
        words,
        step.format(**figures),
        found.observed,
        found.expected,
        found.weeks,
    )


def _quality(history: History, calendar: Calendar, found: Finding) -> str:
    """Say how few of the leads of a source came back soon, where it is fewer than before.

    Leads younger than the time they are given to come back are left out on both sides.
    """
    leads = history.leads
    ours = (leads[found.kind].astype("str") == found.subject) & (
        leads["created_at"] < calendar.as_of - _SOON
    )
    leads = leads[ours.to_numpy()]
    rows = history.engagements
    inbound = rows[(rows["direction"].astype("str") == "inbound").to_numpy()]
    first = inbound.groupby("lead_id", observed=True)["occurred_at"].min()
    reached = pd.DatetimeIndex(first.reindex(leads["lead_id"]).array)
    soon = np.asarray(reached - pd.DatetimeIndex(leads["created_at"]) < _SOON)
    week = calendar.week_of(leads["created_at"])
    new = week >= calendar.weeks - found.weeks
    old = (week >= 0) & (week < calendar.weeks - max(LOOKS))
    if not new.any() or not old.any():
        return ""
    before, today = float(soon[old].mean()), float(soon[new].mean())
    if today > _POORER * before:
        return ""
    return f"Only {today:.0%} of them came back within three days, where {before:.0%} did before."


def _volume_alerts(history: History, calendar: Calendar) -> list[Alert]:
    """Tell tables whose rows of a week halved or doubled against the eight weeks before."""
    alerts = []
    for name, counts in volumes(history, calendar).items():
        usual, last = float(counts[-LEAST_REFERENCE - 1 : -1].mean()), float(counts[-1])
        spread = float(counts[-LEAST_REFERENCE - 1 : -1].std(ddof=1))
        matters = usual >= 20 and abs(last - usual) > 5 * max(spread, usual**0.5)
        if matters and not _HALVED * usual < last < _DOUBLED * usual:
            few = last < usual
            word = "fell" if few else "rose"
            alerts.append(
                Alert(
                    "volume_fell" if few else "volume_rose",
                    "urgent" if few else "warning",
                    name,
                    f"Rows of {name} {word} to {last:,.0f} last week from {usual:,.0f} a week.",
                    "Look whether the import ran, and how often." if few
                    else "Look for an import that ran twice or a new campaign.",
                    last,
                    usual,
                )
            )  # fmt: skip
    return alerts


def _twice(history: History, calendar: Calendar) -> list[Alert]:
    """Tell engagements that came twice under different ids."""
    rows, share, before = twins(history, calendar)
    if rows < _FEW_ROWS or share < before + _TWICE:
        return []
    return [
        Alert(
            "rows_twice",
            "urgent",
            "engagements",
            f"{share:.0%} of the {rows:,} engagements of last week are there twice under different "
            f"ids, before {before:.0%}.",
            "Look for an import that ran twice, or a source that changed its ids; take one out.",
            share,
            before,
        )
    ]


def _silent(history: History, calendar: Calendar) -> list[Alert]:
    """Tell tables whose last row is older than anything seen before."""
    return [
        Alert(
            "not_fresh",
            "urgent",
            name,
            f"The last row of {name} is {days:.1f} days old; the longest gap before was "
            f"{gap:.1f} days.",
            "Look whether the import still runs; scores age until it does.",
            days,
            gap,
        )
        for name, (days, gap) in silence(history, calendar).items()
        if days > max(2.0, 2.0 * gap)
    ]
