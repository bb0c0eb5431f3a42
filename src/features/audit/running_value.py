"""L103: a field that by its own name holds the latest value, without its history."""

from __future__ import annotations

import re
from collections.abc import Iterator

from features.audit.association import association, rates
from features.audit.finding import Finding, NotApplicable
from features.audit.subject import Subject

CODE, TITLE = "L103", "A field holds only the latest value"
_RUNNING = re.compile(
    r"\b(last|latest|current|recent|modified|updated|to date|so far|total \w+ all)\b"
)
_TELLS = 0.01


def check(subject: Subject) -> Iterator[Finding]:
    """Look for names such as "last activity" on fields without dates, that tell the outcome.

    The last thing that happened to a lead that converted is what happened at the conversion.
    "What is your current occupation" asks for a state, not for the latest event, and is judged by
    its presence and its strength like any other answer.

    Raises
    ------
    NotApplicable : no field is named so.
    """
    named = [field for field in subject.fields if runs(field.where.partition(".")[2])]
    if not named:
        raise NotApplicable("no field is named as the latest of something")
    for field in named:
        found = association(field.values, subject.converted, 0.999)
        tells = found.least >= _TELLS
        yield Finding(
            CODE,
            "high" if tells else "medium",
            field.where,
            "by its name it is overwritten as things happen, and only its last value is here"
            + (f"; it takes away {found.explained:.0%} of the uncertainty" if tells else ""),
            "give it as engagements or with its history; else name it in current_only",
            {"explained": found.explained, "least": found.least},
            rates(field.values, subject.converted),
            field.used,
        )


def runs(name: str) -> bool:
    """Tell whether a name says that its value is overwritten."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.sub(r"[^a-z0-9?]+", " ", words.lower()).strip()
    return not words.startswith(("what", "how", "why", "which")) and bool(_RUNNING.search(words))
