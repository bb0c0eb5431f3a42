"""Salesforce External Services: one flat action, and a document that meets all its limits.

OpenAPI 3.0; action names are Apex names from `operationId`; descriptions under 1,333 characters;
no enumerations, unions or references; numbers are doubles; every key is always there.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from delivery.target import words
from serving.contract import LeadScore
from serving.errors import RequestError

_ANSWER = {
    "leadId": ("string", "The lead, as sent."),
    "score": ("number", "Percentile rank among open leads, 0 to 100."),
    "probability": ("number", "Calibrated probability within the longest horizon."),
    "grade": ("string", "A, B, C or D by the agreed thresholds; empty without a score."),
    "trend": ("string", "improving, steady, declining or unknown, against a week before."),
    "expectedValue": ("number", "Probability times the value of a win; 0 when unknown."),
    "reasons": ("string", "The strongest reasons in plain words."),
    "modelVersion": ("string", "Version of the model that scored."),
    "status": ("string", "ok, closed, unknown_lead or invalid."),
    "message": ("string", "What is wrong and what to do; empty when nothing is."),
}


def lead_of(body: Any) -> str:
    """Return the lead that a Flow asks about.

    Raises
    ------
    RequestError : 422, the body names none.
    """
    found = body.get("leadId") if isinstance(body, dict) else None
    if not isinstance(found, str) or not found:
        raise RequestError(422, 'leadId: expected the id of a lead, as in {"leadId": "00Q..."}')
    return found


def answer(score: LeadScore) -> dict[str, Any]:
    """Return a score as one flat object."""
    return {
        "leadId": score.lead_id,
        "score": float(score.score),
        "probability": float(score.probability),
        "grade": score.grade,
        "trend": score.trend,
        "expectedValue": float(score.expected_value),
        "reasons": words(asdict(score)),
        "modelVersion": score.model_version,
        "status": score.status,
        "message": score.message,
    }


def document(public_url: str) -> dict[str, Any]:
    """Return the document to register in Salesforce.

    Parameters
    ----------
    public_url : where Salesforce reaches the service; empty where it is registered by hand.
    """
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "smarketing",
            "version": "1.0.0",
            "description": "Calibrated conversion likelihood of leads.",
        },
        "servers": [{"url": public_url or "http://127.0.0.1:3000"}],
        "paths": {
            "/crm/salesforce/score": {
                "post": {
                    "operationId": "scoreLead",
                    "summary": "Score a lead",
                    "description": "Score one lead by its id, with the reasons in plain words.",
                    "requestBody": {
                        "required": True,
                        "content": _json(_object({"leadId": ("string", "Id of a lead.")})),
                    },
                    "responses": {
                        "200": {"description": "The score.", "content": _json(_object(_ANSWER))}
                    },
                }
            }
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _object(fields: dict[str, tuple[str, str]]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: {"type": kind, "description": told} for name, (kind, told) in fields.items()
    }
    for schema in properties.values():
        if schema["type"] == "number":
            schema["format"] = "double"
    return {"type": "object", "required": list(fields), "properties": properties}
