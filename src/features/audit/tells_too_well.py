"""L101: one field alone tells the outcome better than anything known beforehand does."""

from __future__ import annotations

from collections.abc import Iterator

from features.audit.association import association, rates
from features.audit.finding import Finding, NotApplicable
from features.audit.subject import Subject

CODE, TITLE = "L101", "A field tells the outcome too well"
SUSPICIOUS = 0.2
"""Share of the log loss that one field alone takes away, at least. Of what is honestly known
of leads nothing does: the strongest single field that we have met (time spent on a website) takes
away 0.17."""
_FEWEST = 20


def check(subject: Subject) -> Iterator[Finding]:
    """Measure every field alone, out of fold, allowing for how many were tried.

    Raises
    ------
    NotApplicable : fewer than twenty leads converted, or fewer than twenty did not.
    """
    wins = int(subject.converted.sum())
    if min(wins, len(subject.converted) - wins) < _FEWEST:
        raise NotApplicable(f"{wins} of {len(subject.converted)} leads converted: too few to tell")
    confidence = 1 - 0.001 / max(1, len(subject.fields))
    for field in subject.fields:
        found = association(field.values, subject.converted, confidence)
        if found.least >= SUSPICIOUS:
            yield Finding(
                CODE,
                "high",
                field.where,
                f"alone it takes away {found.explained:.0%} of the uncertainty about the outcome "
                f"(at least {found.least:.0%})",
                "find out when it is written; if after the lead was handled, leave it out or give "
                "its history with dates",
                {"explained": found.explained, "least": found.least},
                rates(field.values, subject.converted),
                field.used,
            )
