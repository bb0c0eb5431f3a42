"""Q101 to Q105: what makes splits too easy, and fields that no feature can or should use."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.audit.finding import Finding, NotApplicable, Severity
from features.audit.subject import Field, Subject

_UNIQUE, _RISING, _FEWEST = 0.9, 0.95, 50
_PERSONAL_NAME = re.compile(
    r"(^|_)(e?_?mails?|phone|mobile|telephone|fax|(first|last|full|middle)_?name|surname|"
    r"birth(day|_?date)?|date_of_birth|ssn|passport|iban|street|address|ip_address)(_|$)"
)
_MAIL, _PHONE = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), re.compile(r"\+?[\d ()/.-]{7,20}")
_FEW_VALUES, _MOST = 10, 0.5


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
    """Q104: list the fields that are declared as known only today, or as personal.

    Raises
    ------
    NotApplicable : there are none.
    """
    unused = [field for field in subject.fields if not field.used]
    if not unused:
        raise NotApplicable("no field is declared as known only today, or as personal")
    for field in unused:
        message = "declared as known only today, or as personal: no feature is made of it"
        yield _note("Q104", field, message, "of the former, send its history to make it usable")


def personal(subject: Subject) -> Iterator[Finding]:
    """Q105: find fields that look as if they told who somebody is, and are not marked so."""
    for field in subject.fields:
        filled = field.values.dropna()
        if not field.used or filled.nunique() <= _FEW_VALUES:
            continue
        why = _personal(field.where.partition(".")[2].lower(), filled)
        if why:
            advice = (
                f'mark it, so that it stays out of models: [history] personal = ["{field.where}"]'
            )
            yield _note("Q105", field, why, advice, severity="medium")


def _personal(name: str, filled: pd.Series) -> str:
    """Say why a field looks personal; nothing where it does not."""
    if _PERSONAL_NAME.search(re.sub(r"[^a-z0-9]+", "_", name)):
        return "its name says that it tells who somebody is"
    texts = filled.map(lambda value: value.strip() if isinstance(value, str) else "")
    for words, form in (("e-mail addresses", _MAIL), ("telephone numbers", _PHONE)):
        fitting = texts.map(lambda text, form=form: bool(form.fullmatch(text)))
        # A number written as text is no telephone number: those are grouped, or begin with +.
        grouped = texts.str.contains(r"[+ ()/-]", regex=True) | (form is _MAIL)
        if (fitting & grouped).mean() > _MOST:
            return f"most of its values look like {words}"
    return ""


def _note(
    code: str, field: Field, message: str, advice: str, severity: Severity = "low"
) -> Finding:
    return Finding(code, severity, field.where, message, advice, used=field.used)
