"""Q101 to Q104: what makes splits too easy, and fields that no feature can use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.audit.finding import Finding, NotApplicable, Severity
from features.audit.subject import Field, Subject

_UNIQUE, _RISING, _FEWEST = 0.9, 0.95, 50


def identifiers(subject: Subject) -> Iterator[Finding]:
    """Q101: find strings that name a lead rather than describe it."""
    for field in subject.fields:
        filled = field.values.dropna()
        if len(filled) < _FEWEST or pd.to_numeric(filled, errors="coerce").notna().all():
            continue
        if filled.nunique() >= _UNIQUE * len(filled):
            message = f"{filled.nunique():,} different values for {len(filled):,} leads"
            yield _note("Q101", field, message, "it names the lead; no feature is made of it")


def clocks(subject: Subject) -> Iterator[Finding]:
    """Q102: find numbers that rise with the creation of the leads, and so tell the time."""
    for field in subject.fields:
        numbers = pd.to_numeric(field.values, errors="coerce")
        there = numbers.notna().to_numpy()
        if there.sum() < _FEWEST or numbers.nunique() < _FEWEST:
            continue
        place = pd.Series(subject.order[there]).rank()
        rising = float(np.corrcoef(numbers[there].rank(), place)[0, 1])
        if abs(rising) >= _RISING:
            message = f"it follows the creation of the leads (correlation {rising:+.2f})"
            advice = "leave it out: it tells a model the date, and the date tells the split"
            yield _note("Q102", field, message, advice, severity="medium")


def straddling_accounts(subject: Subject) -> Iterator[Finding]:
    """Q103: tell how many accounts lie on both sides of a split forward in time.

    Raises
    ------
    NotApplicable : no lead has an account.
    """
    if subject.accounts is None or subject.accounts.isna().all():
        raise NotApplicable("no lead has an account")
    later = subject.order >= np.quantile(subject.order, 0.75)
    frame = pd.DataFrame({"account": subject.accounts.to_numpy(), "later": later}).dropna()
    sides = frame.groupby("account")["later"].nunique()
    share = float((sides == 2).mean())
    if share > 0.05:
        yield Finding(
            "Q103",
            "low",
            "leads.account_id",
            f"{share:.0%} of the accounts have leads before and after the last quarter began",
            "figures on unseen accounts are given beside those on the future; read both",
            {"share": share},
        )


def current_only(subject: Subject) -> Iterator[Finding]:
    """Q104: list the fields of which only today's value is known.

    Raises
    ------
    NotApplicable : there are none.
    """
    unused = [field for field in subject.fields if not field.used]
    if not unused:
        raise NotApplicable("no field is declared as known only today")
    for field in unused:
        message = "only today's value is known, so that no feature is made of it"
        yield _note("Q104", field, message, "send its history to make it usable")


def _note(
    code: str, field: Field, message: str, advice: str, severity: Severity = "low"
) -> Finding:
    return Finding(code, severity, field.where, message, advice, used=field.used)
