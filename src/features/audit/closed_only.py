"""L105: values that no open lead has."""

from __future__ import annotations

from collections.abc import Iterator

from features.audit.association import rates
from features.audit.filled_in_later import open_leads_with
from features.audit.finding import Finding, NotApplicable
from features.audit.subject import Subject

CODE, TITLE = "L105", "A value exists for closed leads only"
_FEWEST_EXPECTED, _MOST_LEVELS = 12.0, 200


def check(subject: Subject) -> Iterator[Finding]:
    """Look for categories that no open lead has, though leads of the same age are open.

    Raises
    ------
    NotApplicable : the extract does not say which leads are open, or none is.
    """
    if subject.decided is None:
        raise NotApplicable("the table does not say which leads are still open")
    if subject.decided.all():
        raise NotApplicable("no lead is open")
    for field in subject.fields:
        if field.values.nunique() > _MOST_LEVELS:
            continue
        found = {}
        for value, rows in field.values.groupby(field.values).groups.items():
            expected, seen = open_leads_with(rows.to_numpy(), subject)
            if seen == 0 and expected >= _FEWEST_EXPECTED:
                found[str(value)] = expected
        if found:
            yield Finding(
                CODE,
                "high",
                field.where,
                f"no open lead has {_listed(list(found))} where {sum(found.values()):.0f} "
                "would be expected",
                "the value is written at the closing; leave the field out, or give its history",
                {"open_expected": sum(found.values()), "values": float(len(found))},
                rates(field.values, subject.converted),
                field.used,
            )


def _listed(values: list[str], most: int = 3) -> str:
    shown = " or ".join(repr(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown} or {len(values) - most} more"
