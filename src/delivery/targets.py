"""What each CRM wants to be sent, how much at once, and how it answers.

Requests and answers follow the vendors' published contracts: HubSpot's batch update of contacts,
Salesforce's composite sObject collections, Odoo's inbound webhook, Dynamics' predictive scores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from delivery.outbox import Item
from delivery.tokens import client_credentials, signed_assertion
from settings.crm import CrmSettings

TRENDS = {"improving": 0, "steady": 1, "declining": 2}
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


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _properties(score: Mapping[str, Any], before: str, after: str = "") -> dict[str, Any]:
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


class HubSpot(Crm):
    """Batch update of contacts."""

    name, most = "hubspot", 100

    @property
    def problem(self) -> str:
        """The token that is missing."""
        return "" if self.crm.hubspot_token else "[crm] hubspot_token is not set"

    def payload(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties of a contact."""
        return _properties(score, "smarketing_")

    def request(self, items: Sequence[Item]) -> httpx.Request:
        """Return POST /crm/v3/objects/contacts/batch/update."""
        inputs = [{"id": item.record, "properties": dict(item.payload)} for item in items]
        url = f"{self.crm.hubspot_url.rstrip('/')}/crm/v3/objects/contacts/batch/update"
        headers = {"Authorization": f"Bearer {self.crm.hubspot_token}"}
        return httpx.Request("POST", url, headers=headers, json={"inputs": inputs})

    def verdicts(self, items: Sequence[Item], answer: httpx.Response) -> Verdict:
        """Read results and errors: 207 stands for some of each."""
        body = answer.json()
        refused: Verdict = {}
        for error in body.get("errors", []):
            for record in error.get("context", {}).get("ids", []):
                refused[str(record)] = str(error.get("message") or error.get("category"))
        accepted = {str(result["id"]) for result in body.get("results", [])}
        others = sum(item.record not in refused for item in items)
        # A contact that was merged is updated, and answered, under the id that it has now.
        whole = len(body.get("results", [])) >= others
        missing = "" if whole else "again: not in the answer"
        return {
            item.record: refused.get(item.record, "" if item.record in accepted else missing)
            for item in items
        }


class Salesforce(Crm):
    """Composite sObject collections, some of which may fail."""

    name, most = "salesforce", 200
    _LATER = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"})

    @property
    def problem(self) -> str:
        """The address, token or credentials that are missing."""
        crm = self.crm
        secret = crm.salesforce_client_secret or (
            crm.salesforce_username and crm.salesforce_private_key
        )
        known = crm.salesforce_token or (crm.salesforce_client_id and secret)
        if crm.salesforce_url and known:
            return ""
        return (
            "[crm] salesforce_url and salesforce_token, or salesforce_client_id and "
            "salesforce_client_secret, or salesforce_client_id, salesforce_username and "
            "salesforce_private_key, are not set"
        )

    @property
    def auth(self) -> httpx.Auth | None:
        """Fetch tokens of the connected app, unless one is given."""
        crm = self.crm
        if crm.salesforce_token:
            return None
        url = f"{crm.salesforce_url.rstrip('/')}/services/oauth2/token"
        if not crm.salesforce_client_secret:
            return signed_assertion(
                url,
                crm.salesforce_client_id,
                crm.salesforce_username,
                crm.salesforce_audience,
                crm.salesforce_private_key,
            )
        return client_credentials(url, crm.salesforce_client_id, crm.salesforce_client_secret)

    def record(self, lead_id: str, former: Sequence[str]) -> str:
        """Return the contact that a lead was converted to: the lead cannot be written any more."""
        if lead_id.startswith("003"):
            return lead_id
        return next((each for each in former if each.startswith("003")), lead_id)

    def payload(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """Return the custom fields of a lead or contact."""
        given = _properties(score, "Smarketing_", "__c")
        return {f"Smarketing_{key[11].upper()}{key[12:]}": each for key, each in given.items()}

    def request(self, items: Sequence[Item]) -> httpx.Request:
        """Return PATCH /composite/sobjects; ids that begin with 003 are contacts."""
        records = [
            {
                "attributes": {"type": "Contact" if item.record.startswith("003") else "Lead"},
                "id": item.record,
                **item.payload,
            }
            for item in items
        ]
        url = f"{self.crm.salesforce_url.rstrip('/')}/services/data/v61.0/composite/sobjects"
        headers = _bearer(self.crm.salesforce_token)
        body = {"allOrNone": False, "records": records}
        return httpx.Request("PATCH", url, headers=headers, json=body)

    def verdicts(self, items: Sequence[Item], answer: httpx.Response) -> Verdict:
        """Read the results, which stand in the order of the records."""
        found: Verdict = {item.record: "again: not in the answer" for item in items}
        for item, result in zip(items, answer.json(), strict=False):
            errors = result.get("errors") or []
            codes = {str(error.get("statusCode")) for error in errors}
            told = "; ".join(
                f"{error.get('statusCode')}: {error.get('message')}" for error in errors
            )
            later = "again: " if codes & self._LATER else ""
            found[item.record] = "" if result.get("success") else f"{later}{told or 'refused'}"
        return found


class Odoo(Crm):
    """The secret URL of an inbound webhook, one record a call."""

    name, most = "odoo", 1

    @property
    def problem(self) -> str:
        """The URL that is missing."""
        return "" if self.crm.odoo_url else "[crm] odoo_url is not set"

    def payload(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """Return the custom fields of a lead."""
        return {"model": "crm.lead", **_properties(score, "x_smarketing_")}

    def request(self, items: Sequence[Item]) -> httpx.Request:
        """Return POST to the secret URL with `model` and `id`."""
        item = items[0]
        number = int(item.record) if item.record.isdigit() else item.record
        return httpx.Request("POST", self.crm.odoo_url, json={**item.payload, "id": number})


class Dynamics(Crm):
    """Predictive scores, one record a call."""

    name, most = "dynamics", 1

    @property
    def problem(self) -> str:
        """The address, token or credentials that are missing."""
        crm = self.crm
        own = (crm.dynamics_client_id, crm.dynamics_client_secret, crm.dynamics_tenant)
        if crm.dynamics_url and (crm.dynamics_token or all(own)):
            return ""
        return (
            "[crm] dynamics_url and dynamics_token, or dynamics_client_id, "
            "dynamics_client_secret and dynamics_tenant, are not set"
        )

    @property
    def auth(self) -> httpx.Auth | None:
        """Fetch tokens of the Entra application, unless one is given."""
        crm = self.crm
        if crm.dynamics_token:
            return None
        login = crm.dynamics_login_url.rstrip("/")
        return client_credentials(
            f"{login}/{quote(crm.dynamics_tenant, safe='')}/oauth2/v2.0/token",
            crm.dynamics_client_id,
            crm.dynamics_client_secret,
            f"{crm.dynamics_url.rstrip('/')}/.default",
        )

    def payload(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a predictive score."""
        return predictive_score(score)

    def request(self, items: Sequence[Item]) -> httpx.Request:
        """Return POST /api/data/v9.0/msdyn_predictivescores.

        The id is the row's key: a score whose answer was lost is refused as a duplicate when it is
        sent again, and counts as accepted; one that comes back after another is news.
        """
        item = items[0]
        body = {
            "msdyn_predictivescoreid": item.key,
            "msdyn_entityid": item.record,
            "msdyn_entitytype": "lead",
            **item.payload,
        }
        url = f"{self.crm.dynamics_url.rstrip('/')}/api/data/v9.0/msdyn_predictivescores"
        headers = _bearer(self.crm.dynamics_token)
        return httpx.Request("POST", url, headers=headers, json=body)


def predictive_score(score: Mapping[str, Any]) -> dict[str, Any]:
    """Return a score in Dynamics' columns; a trend that is not known is 3."""
    return {
        "msdyn_score": round(float(score["score"])),
        "msdyn_scoretrend": TRENDS.get(str(score.get("trend", "")), 3),
        "msdyn_grade": str(score["grade"]),
    }


TARGETS: dict[str, type[Crm]] = {
    target.name: target for target in (HubSpot, Salesforce, Odoo, Dynamics)
}
"""Every CRM by name."""


def target_of(name: str, crm: CrmSettings) -> Crm:
    """Return a CRM by name.

    Raises
    ------
    ValueError : there is none of that name.
    """
    if name not in TARGETS:
        raise ValueError(f"unknown CRM {name!r}; expected one of {', '.join(TARGETS)}")
    return TARGETS[name](crm)
