"""L102: a field is filled in for those who convert, or only once a lead is closed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.audit.association import presence_auc, rates
from features.audit.finding import Finding, NotApplicable
from features.audit.subject import Field, Subject

CODE, TITLE = "L102", "A field is filled in after the outcome"
SUSPICIOUS = 0.6
_FEWEST_EXPECTED, _MOST_SEEN = 10.0, 0.2
_ADVICE = (
    "it is probably written while the lead is handled; leave it out, or give its history with dates"
)


def check(subject: Subject) -> Iterator[Finding]:
    """Look at whether a field has a value, rather than at which.

    Two signs: that it is filled in separates those who convert from the others (ROC-AUC of at
    least 0.6), or it is filled in for hardly any open lead though leads of the same age are open.

    Raises
    ------
    NotApplicable : every field is filled in for every lead.
    """
    partly = [field for field in subject.fields if 0 < field.present.mean() < 1]
    if not partly:
        raise NotApplicable("every field is filled in for every lead")
    confidence = 1 - 0.001 / len(partly)
    for field in partly:
        found = presence_auc(field.present, subject.converted, confidence)
        expected, seen = open_leads_with(field.present, subject)
        closed_only = expected >= _FEWEST_EXPECTED and seen <= _MOST_SEEN * expected
        if found.least < SUSPICIOUS and not closed_only:
            continue
        words = (
            f"it is filled in for {seen:.0f} open leads where {expected:.0f} would be expected"
            if closed_only
            else f"that it is filled in ranks the outcome with an AUC of {found.explained:.2f}"
        )
        yield _finding(field, subject, words, found.explained, expected, seen)


def open_leads_with(chosen: np.ndarray, subject: Subject) -> tuple[float, float]:
    """Return how many of the chosen leads would be open if they closed as others, and are.

    Others are the leads created in the same twentieth of time, so that a value that went out of
    use long ago, when all leads are closed by now, is nothing to wonder at.
    """
    if subject.decided is None or subject.decided.all():
        return 0.0, 0.0
    era = pd.qcut(pd.Series(subject.order).rank(method="first"), 20, labels=False)
    still_open = pd.Series(~subject.decided)
    chance = still_open.groupby(era.to_numpy()).transform("mean").to_numpy()
    return float(chance[chosen].sum()), float((~subject.decided[chosen]).sum())


def _finding(
    field: Field, subject: Subject, words: str, area: float, expected: float, seen: float
) -> Finding:
    evidence = {"presence_auc": area, "open_expected": expected, "open_seen": seen}
    filled = pd.Series(np.where(field.present, "filled in", "blank"))
    table = rates(filled, subject.converted)
    return Finding(CODE, "high", field.where, words, _ADVICE, evidence, table, field.used)
