"""The agreement of sales and marketing: who owes what to whom, in versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import ValidationError

from settings.agreement import AgreementSettings, GradeFloors
from settings.settings import GradeSettings

RATES = ("mql_to_sal", "sal_to_sql", "sql_to_opportunity", "opportunity_to_won")
"""The agreed shares that move from one stage to the next."""


class AgreementError(ValueError):
    """A proposed agreement cannot stand; the message says which field and what was expected."""


@dataclass(frozen=True)
class Agreement:
    """One version of what both teams signed.

    Parameters
    ----------
    version : 0 is the configuration, before anybody has agreed.
    terms : what was agreed.
    who, why : who changed it, and the reason.
    at : from when it holds, UTC; None for version 0.
    """

    version: int
    terms: AgreementSettings
    who: str = "the configuration"
    why: str = "nobody has agreed to anything yet"
    at: pd.Timestamp | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Agreement:
        """Build from a stored version: version, content (a mapping), who, why, at."""
        return cls(
            int(record["version"]),
            terms_of(record["content"]),
            str(record["who"]),
            str(record["why"]),
            record["at"],
        )

    def grades(self, configured: GradeSettings) -> GradeFloors | GradeSettings:
        """Return where each grade begins: as agreed, else as configured."""
        return self.terms.grades or configured

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        at = "" if self.at is None else self.at.isoformat()
        terms = self.terms.model_dump(mode="json")
        return {"version": self.version, "who": self.who, "why": self.why, "at": at, **terms}


def in_force(records: Sequence[Mapping[str, Any]], configured: AgreementSettings) -> Agreement:
    """Return the newest of the stored versions, else the configuration.

    Parameters
    ----------
    records : as `history.teamwork.agreements` returns them, oldest first.
    configured : version 0.
    """
    return Agreement.from_record(records[-1]) if records else Agreement(0, configured)


def terms_of(values: Mapping[str, Any]) -> AgreementSettings:
    """Check terms that somebody proposes.

    Raises
    ------
    AgreementError : an unknown field, or a value out of bounds.
    """
    try:
        return AgreementSettings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the agreement"
        message = first["msg"].removeprefix("Value error, ")
        raise AgreementError(f"{where}: {message} (got {first['input']!r})") from error


def changes(before: AgreementSettings, after: AgreementSettings) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ, with both values."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {name: (old[name], new[name]) for name in new if old[name] != new[name]}


def rules(terms: AgreementSettings) -> list[tuple[str, str]]:
    """Return the fit rules as pairs of field and value.

    Raises
    ------
    AgreementError : a rule is not written as `field=value`.
    """
    found = []
    for rule in terms.excluded:
        field, mark, value = rule.partition("=")
        if not mark or not field.strip():
            raise AgreementError(f"excluded: {rule!r} is no rule; write it as source=partner")
        found.append((field.strip(), value.strip()))
    return found
