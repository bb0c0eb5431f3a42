"""HubSpot's custom workflow action: its signature, what it sends, and what it wants to hear.

Signature v3 of HubSpot's documentation: base64 of HMAC-SHA256 over method, URI, body and
timestamp, keyed with the app's client secret; refused when older than five minutes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import pandas as pd

from serving.contract import LeadScore
from serving.errors import RequestError

_OLDEST_MS = 5 * 60 * 1000
# The only escapes that HubSpot undoes before it signs.
_ESCAPES = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def signature(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """Return the signature of a request.

    Parameters
    ----------
    secret : client secret of the app.
    method, uri, body : of the request; the URI as HubSpot calls it, with its query.
    timestamp : milliseconds since 1970, as sent.
    """
    for escaped, letter in _ESCAPES.items():
        uri = uri.replace(escaped, letter).replace(escaped.lower(), letter)
    source = method.encode() + uri.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode()


def check_signature(
    secret: str, method: str, uri: str, body: bytes, headers: Mapping[str, str], now: pd.Timestamp
) -> None:
    """See that a request comes from HubSpot, as it was sent, and was not sent long ago.

    Raises
    ------
    RequestError : 401, with the reason.
    """
    if not secret:
        raise RequestError(
            401, "calls of HubSpot cannot be checked: set SMARKETING_CRM__HUBSPOT_SECRET"
        )
    timestamp = headers.get("x-hubspot-request-timestamp", "")
    given = headers.get("x-hubspot-signature-v3", "")
    if not given or not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 15:
        raise RequestError(401, "expected HubSpot's signature v3 and its timestamp")
    age = now.timestamp() * 1000 - int(timestamp)
    if abs(age) > _OLDEST_MS:
        raise RequestError(401, "the request is older than five minutes, or from the future")
    if not hmac.compare_digest(
        signature(secret, method, uri, body, timestamp).encode(), given.encode()
    ):
        raise RequestError(401, "the signature does not fit the request")


def lead_of(body: Any) -> str:
    """Return the lead that an action is about: the input field `lead_id`, else the object's id.

    Raises
    ------
    RequestError : 422, the body is none of a custom workflow action.
    """
    if not isinstance(body, dict) or not isinstance(body.get("object"), dict):
        raise RequestError(422, "expected the body of a custom workflow action, with `object`")
    fields = body.get("inputFields")
    named = fields.get("lead_id") if isinstance(fields, dict) else None
    found = named or body["object"].get("objectId")
    if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
        raise RequestError(422, "object.objectId: expected the id of a contact")
    return str(found)


def answer(score: LeadScore, reasons: str) -> dict[str, Any]:
    """Return what the workflow goes on with; every field is always there."""
    done = score.status in ("ok", "closed")
    return {
        "outputFields": {
            "smarketing_score": score.score,
            "smarketing_probability": score.probability,
            "smarketing_grade": score.grade,
            "smarketing_reasons": reasons,
            "smarketing_status": score.status,
            "smarketing_message": score.message,
            "hs_execution_state": "SUCCESS" if done else "FAIL_CONTINUE",
        }
    }
