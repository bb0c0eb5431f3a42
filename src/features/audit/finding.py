"""What an audit finds, in words for the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

Severity = Literal["high", "medium", "low"]
_RANK = {"high": 0, "medium": 1, "low": 2}


class NotApplicable(Exception):  # noqa: N818  an answer, not an error
    """Raised by a check that the data gives nothing to look at, with the reason."""


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that a person should look at.

    Parameters
    ----------
    code : of the check, as in ``L101``.
    severity : a leak of high severity fails the build of a training set, unless it is waived or
        concerns a field that no feature uses.
    where : ``table.column``, or the name of a feature or table.
    message : what is wrong, with figures.
    advice : what to do about it.
    evidence : the figures.
    table : what a plot of the evidence shows, one row a bar: ``value``, ``leads``, ``rate``.
    used : whether features would be made of it.
    waived : whether the configuration accepts it by name.
    """

    code: str
    severity: Severity
    where: str
    message: str
    advice: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    table: pd.DataFrame | None = None
    used: bool = True
    waived: bool = False

    @property
    def name(self) -> str:
        """The name by which a finding is waived: ``L101:leads.tags``."""
        return f"{self.code}:{self.where}"

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as JSON data, without its table."""
        return {
            "code": self.code,
            "severity": self.severity,
            "where": self.where,
            "message": self.message,
            "advice": self.advice,
            "evidence": dict(self.evidence),
            "used": self.used,
            "waived": self.waived,
        }


@dataclass(frozen=True, eq=False)
class AuditReport:
    """Everything that an audit found.

    Parameters
    ----------
    findings : the gravest first.
    not_applicable : for each check that had nothing to look at, the reason.
    checked : codes of the checks that ran.
    """

    findings: tuple[Finding, ...]
    not_applicable: Mapping[str, str]
    checked: tuple[str, ...]

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """Findings of high severity that nobody waived."""
        return tuple(each for each in self.findings if each.severity == "high" and not each.waived)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """Leaks of which features would be made: no training set is built with these."""
        return tuple(each for each in self.leaks if each.used)

    def frame(self) -> pd.DataFrame:
        """Return one row a finding, for a notebook."""
        return pd.DataFrame([each.as_dict() for each in self.findings])


def by_gravity(finding: Finding) -> tuple[int, str, str]:
    """Return the key by which findings are sorted."""
    return _RANK[finding.severity], finding.code, finding.where
