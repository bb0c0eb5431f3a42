"""Dynamics 365: a score in the columns of its predictive scores."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from delivery.crms import predictive_score
from serving.contract import LeadScore
from serving.errors import RequestError


def entity_of(body: Any) -> tuple[str, str]:
    """Return the id and the type of the entity that is to be scored.

    Raises
    ------
    RequestError : 422, one of them is missing.
    """
    if not isinstance(body, dict):
        raise RequestError(422, "expected an object with msdyn_entityid and msdyn_entitytype")
    entity, kind = body.get("msdyn_entityid"), body.get("msdyn_entitytype", "lead")
    if not isinstance(entity, str) or not entity:
        raise RequestError(422, "msdyn_entityid: expected the id of a lead or opportunity")
    if kind not in ("lead", "opportunity"):
        raise RequestError(422, "msdyn_entitytype: expected lead or opportunity")
    return entity, kind


def answer(score: LeadScore, entity: str, kind: str) -> dict[str, Any]:
    """Return the columns of a predictive score; the trend is 3 where there is no score."""
    data = asdict(score)
    return {
        **predictive_score(data),
        "msdyn_entityid": entity,
        "msdyn_entitytype": kind,
        "status": score.status,
        "message": score.message,
    }
