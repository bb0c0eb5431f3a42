"""What each CRM wants to be sent, how much at once, and how it answers.

Requests and answers follow the vendors' published contracts: HubSpot's batch update of contacts,
Salesforce's composite sObject collections, Odoo's inbound webhook, Dynamics' predictive scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from delivery.outbox import Item
from delivery.target import Crm, Verdict, bearer, properties, same
from delivery.tokens import client_credentials, signed_assertion
from settings.crm import CrmSettings

TRENDS = {"improving": 0, "steady": 1, "declining": 2}


class HubSpot(Crm):
    """Batch update of contacts."""

    name, most = "hubspot", 100

    @property
    def problem(self) -> str:
        """The token that is missing."""
        return "" if self.crm.hubspot_token else "[crm] hubspot_token is not set"

    def payload(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties of a contact."""
        return properties(score, "smarketing_")

    def request(self, items: Sequence[Item]) -> httpx.Request:
        """Return POST /crm/v3/objects/contacts/batch/update."""
        inputs = [{"id": item.record, "properties": dict(item.payload)} for item in items]
        url = f"{self.crm.hubspot_url.rstrip('/')}/crm/v3/objects/contacts/batch/update"
        headers = bearer(self.crm.hubspot_token)
        return httpx.Request("POST", url, headers=headers, json={"inputs": inputs})

    def questions(self, items: Sequence[Item]) -> list[httpx.Request]:
        """Return POST /crm/v3/objects/contacts/batch/read."""
        url = f"{self.crm.hubspot_url.rstrip('/')}/crm/v3/objects/contacts/batch/read"
        body = {
            "properties": sorted({name for item in items for name in item.payload}),
            "inputs": [{"id": item.record} for item in items],
        }
        headers = bearer(self.crm.hubspot_token)
        return [httpx.Request("POST", url, headers=headers, json=body)]

    def has(self, items: Sequence[Item], answers: Sequence[httpx.Response]) -> set[str]:
        """Read the properties of each contact; one that was merged is found under no old id."""
        found = {
            str(result["id"]): result.get("properties") or {}
            for answer in answers
            for result in answer.json().get("results", [])
        }
        return {each.record for each in items if same(each.payload, found.get(each.record, {}))}

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
        given = properties(score, "Smarketing_", "__c")
        return {f"Smarketing_{key[11].upper()}{key[12:]}": each for key, each in given.items()}

    def request(self, items: Sequence[Item]) -> httpx.Request:
        """Return PATCH /composite/sobjects; ids that begin with 003 are contacts."""
        records = [
            {
                "attributes": {"type": self._type(item.record)},
                "id": item.record,
                **item.payload,
            }
            for item in items
        ]
        headers = bearer(self.crm.salesforce_token)
        body = {"allOrNone": False, "records": records}
        return httpx.Request("PATCH", self._collections, headers=headers, json=body)

    def questions(self, items: Sequence[Item]) -> list[httpx.Request]:
        """Return POST /composite/sobjects/Lead and .../Contact, where there are such."""
        asked = []
        for kind, some in self._by_type(items).items():
            url = f"{self._collections}/{kind}"
            fields = sorted({name for item in some for name in item.payload})
            body = {"ids": [item.record for item in some], "fields": fields}
            asked.append(
                httpx.Request("POST", url, headers=bearer(self.crm.salesforce_token), json=body)
            )
        return asked

    def has(self, items: Sequence[Item], answers: Sequence[httpx.Response]) -> set[str]:
        """Read the records, which stand in the order of their ids; null for none."""
        there = set()
        for some, answer in zip(self._by_type(items).values(), answers, strict=True):
            for item, found in zip(some, answer.json(), strict=False):
                if found and same(item.payload, found):
                    there.add(item.record)
        return there

    def _by_type(self, items: Sequence[Item]) -> dict[str, list[Item]]:
        found: dict[str, list[Item]] = {}
        for item in items:
            found.setdefault(self._type(item.record), []).append(item)
        return found

    @staticmethod
    def _type(record: str) -> str:
        return "Contact" if record.startswith("003") else "Lead"

    @property
    def _collections(self) -> str:
        return f"{self.crm.salesforce_url.rstrip('/')}/services/data/v61.0/composite/sobjects"

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
        return {"model": "crm.lead", **properties(score, "x_smarketing_")}

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
        headers = bearer(self.crm.dynamics_token)
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
