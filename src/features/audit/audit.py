"""The audit: every check, on a history or on a flat table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from features.audit import (
    closed_only,
    dated_by_outcome,
    filled_in_later,
    point_in_time,
    rewritten,
    running_value,
    structure,
    tells_too_well,
    written_together,
)
from features.audit.finding import AuditReport, Finding, NotApplicable, by_gravity
from features.audit.subject import Subject, subject_of, subject_of_table
from features.declaration import Feature
from features.definitions import default_features
from history import History


@dataclass(frozen=True)
class Check:
    """One thing that the audit looks at.

    Parameters
    ----------
    code : by which findings are named and waived.
    title : what it finds, in a few words.
    look : the check itself; it raises `NotApplicable` where there is nothing to look at.
    """

    code: str
    title: str
    look: Callable[[Subject], Iterable[Finding]]


CHECKS: tuple[Check, ...] = (
    *(
        Check(module.CODE, module.TITLE, module.check)
        for module in (
            tells_too_well,
            filled_in_later,
            running_value,
            written_together,
            closed_only,
            dated_by_outcome,
            rewritten,
        )
    ),
    Check("Q101", "A field names the lead", structure.identifiers),
    Check("Q102", "A field tells the time", structure.clocks),
    Check("Q103", "Accounts lie on both sides of a split", structure.straddling_accounts),
    Check("Q104", "Only today's value is known", structure.current_only),
    Check("Q105", "A field looks personal", structure.personal),
)
"""The checks of fields; the proof of `features.audit.point_in_time` runs beside them."""


def audit(
    history: History,
    features: Sequence[Feature] | None = None,
    *,
    target: str = "won",
    against: History | None = None,
    waived: Collection[str] = (),
) -> AuditReport:
    """Look for leaks and faults in a history.

    Parameters
    ----------
    history : what happened.
    features : declarations for the proof of point-in-time truth; `default_features` where missing.
    target : the stage that counts as a conversion.
    against : the same history, extracted earlier.
    waived : findings that somebody accepts, by name: ``L101:leads.tags``.
    """
    declared = default_features(history) if features is None else features
    proof = Check(
        point_in_time.CODE, point_in_time.TITLE, partial(point_in_time.check, features=declared)
    )
    return _run(subject_of(history, target, against), (proof, *CHECKS), waived)


def audit_table(
    frame: pd.DataFrame,
    *,
    outcome: str,
    key: str,
    order: str | None = None,
    waived: Collection[str] = (),
) -> AuditReport:
    """Look for leaks in one flat table: a row a lead, with a column that tells the outcome.

    Parameters
    ----------
    frame, outcome, key, order : see `features.audit.subject.subject_of_table`.
    waived : findings that somebody accepts, by name.

    Raises
    ------
    ValueError : a column is not there or not what it must be.
    """
    subject = subject_of_table(frame, outcome=outcome, key=key, order=order)
    return _run(subject, CHECKS, waived)


def _run(subject: Subject, checks: Sequence[Check], waived: Collection[str]) -> AuditReport:
    findings: list[Finding] = []
    not_applicable: dict[str, str] = {}
    for check in checks:
        try:
            findings += check.look(subject)
        except NotApplicable as reason:
            not_applicable[check.code] = str(reason)
    accepted = [replace(each, waived=each.name in waived) for each in findings]
    checked = tuple(check.code for check in checks if check.code not in not_applicable)
    return AuditReport(tuple(sorted(accepted, key=by_gravity)), not_applicable, checked)
