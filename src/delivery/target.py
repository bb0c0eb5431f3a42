"""What a receiver is: how much it takes at once, what it is sent, and how it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from delivery.outbox import Item
from settings.crm import CrmSettings

Verdict = dict[str, str]
"""By record: empty for accepted, ``again: ...`` for later, anything else for never."""


class Target(ABC):
    """Somebody who is told over HTTP.

    Parameters
    ----------
    crm : where they are and with which secret.
    """

    name: str
    most: int
    """Records in one call."""

    def __init__(self, crm: CrmSettings) -> None:
        self.crm = crm

    @property
    @abstractmethod
    def problem(self) -> str:
        """What is missing in the configuration; empty when nothing is."""

    @property
    def auth(self) -> httpx.Auth | None:
        """What signs requests with a token that expires; None where they carry their secret."""
        return None

    @abstractmethod
    def request(self, items: Sequence[Item]) -> httpx.Request:
        """Return the request that tells them about these records."""

    def questions(self, items: Sequence[Item]) -> list[httpx.Request]:
        """Return requests that ask what they have of these records; none where they tell nobody.

        It is asked before a record is sent again of which nobody knows whether it was taken.
        """
        del items
        return []

    def has(self, items: Sequence[Item], answers: Sequence[httpx.Response]) -> set[str]:
        """Read the answers to the questions: the records that stand there as they would be sent."""
        del items, answers
        return set()

    def verdicts(self, items: Sequence[Item], answer: httpx.Response) -> Verdict:
        """Read a 2xx answer; all is accepted unless the vendor says otherwise."""
        del answer
        return {item.record: "" for item in items}


class Crm(Target):
    """A CRM that scores are written to."""

    def record(self, lead_id: str, former: Sequence[str]) -> str:
        """Return the id of the record that a lead's score is written to.

        Parameters
        ----------
        lead_id : of the history.
        former : ids that were merged into it.
        """
        del former
        return lead_id

    @abstractmethod
    def payload(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is sent of a score with the keys of `POST /score`."""


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token; none without one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def properties(score: Mapping[str, Any], before: str, after: str = "") -> dict[str, Any]:
    """Return the fields of a score; nothing in them changes unless the score does."""
    return {
        f"{before}score{after}": float(score["score"]),
        f"{before}probability{after}": round(float(score["probability"]), 4),
        f"{before}grade{after}": str(score["grade"]),
        f"{before}reasons{after}": words(score),
    }


def words(score: Mapping[str, Any]) -> str:
    """Return the reasons of a score as one line."""
    reasons = score.get("reasons") or []
    if isinstance(reasons, str):
        return reasons[:255]
    return "; ".join(str(reason["label"]) for reason in reasons)[:255]


def same(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether a record has the values that it would be sent.

    Vendors give numbers back as texts, and no text as nothing.

    Parameters
    ----------
    wanted : as it would be sent.
    found : as the vendor has it, with other fields beside.
    """
    return all(_equal(value, found.get(name)) for name, value in wanted.items())


def _equal(wanted: Any, found: Any) -> bool:
    if not isinstance(wanted, int | float):
        return str(wanted) == ("" if found is None else str(found))
    try:
        return float(found) == float(wanted)
    except (TypeError, ValueError):
        return False
