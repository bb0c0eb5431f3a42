"""L201: two extracts of one history disagree about the same past."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from features.audit.finding import Finding, NotApplicable
from features.audit.subject import Subject, cleaned
from history import History

CODE, TITLE = "L201", "The past was rewritten between two extracts"
_KEYS = {"leads": "lead_id", "accounts": "account_id"}
_LATE_SHARE = 0.001


def check(subject: Subject) -> Iterator[Finding]:
    """Compare with an older extract: what was known then must be what is said now of then.

    No statistics of one extract can find a field that is overwritten and yet tells little.

    Raises
    ------
    NotApplicable : there is no older extract.
    """
    if subject.history is None or subject.older is None:
        raise NotApplicable("there is no older extract to compare with (--against)")
    yield from _changed_fields(subject.history, subject.older)
    yield from _backdated(subject.history, subject.older)


def _changed_fields(newer: History, older: History) -> Iterator[Finding]:
    for table, key in _KEYS.items():
        then, now = (getattr(each, table).set_index(key) for each in (older, newer))
        both = then.index.intersection(now.index)
        followed = set(newer.attribute_history["field"]) | set(older.attribute_history["field"])
        names = [name for name in then.columns if name in now and name not in followed]
        for name in names:
            if name in ("created_at", "account_id"):
                continue
            before, after = (cleaned(each.loc[both, name]) for each in (then, now))
            changed = (_as_text(before) != _as_text(after)).to_numpy()
            if changed.any():
                yield _overwritten(f"{table}.{name}", changed.sum(), len(both), newer)
        for name in sorted(set(now.columns) - set(then.columns)):
            filled = now.loc[both, name].notna().sum() if len(both) else 0
            if filled:
                yield _overwritten(f"{table}.{name}", filled, len(both), newer)


def _as_text(values: pd.Series) -> pd.Series:
    return values.map(str, na_action="ignore").fillna("")


def _overwritten(where: str, changed: int, both: int, newer: History) -> Finding:
    return Finding(
        CODE,
        "high",
        where,
        f"{changed:,} of {both:,} rows that both extracts have say something else now",
        "it is overwritten in place; give its history with dates, or name it in current_only",
        {"changed": float(changed), "rows": float(both)},
        used=where not in newer.current_only,
    )


def _backdated(newer: History, older: History) -> Iterator[Finding]:
    for table, key in (("engagements", "engagement_id"), ("outcomes", "outcome_id")):
        rows: pd.DataFrame = getattr(newer, table)
        known = rows[(rows["recorded_at"] < older.observed_until).to_numpy()]
        missing = int((~known[key].isin(getattr(older, table)[key])).sum())
        if missing > _LATE_SHARE * max(1, len(known)):
            yield Finding(
                CODE,
                "high",
                table,
                f"{missing:,} rows claim to have been recorded before the older extract was made, "
                "which does not have them",
                "recorded_at cannot be trusted: use the time at which the system wrote the row",
                {"missing": float(missing), "rows": float(len(known))},
            )
