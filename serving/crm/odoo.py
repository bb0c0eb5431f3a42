"""Odoo's outgoing webhook, which waits one second: note it, answer, score and write back after."""

from __future__ import annotations

import hmac
from typing import Any

from serving.errors import RequestError

_MODELS = ("crm.lead", "res.partner")


def check_key(expected: str, given: str) -> None:
    """See that the caller knows the key in the URL: Odoo's webhooks cannot sign.

    Raises
    ------
    RequestError : 401.
    """
    if not expected:
        raise RequestError(401, "calls of Odoo cannot be checked: set SMARKETING_CRM__ODOO_KEY")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise RequestError(401, "key: expected the key that is configured as [crm] odoo_key")


def record_of(body: Any) -> tuple[str, str]:
    """Return the model and the id of the record that a webhook is about.

    Raises
    ------
    RequestError : 422, the body is none of Odoo's webhook.
    """
    if not isinstance(body, dict) or "_id" not in body or "_model" not in body:
        raise RequestError(422, "expected the body of Odoo's webhook, with `_model` and `_id`")
    model, number = body["_model"], body["_id"]
    if model not in _MODELS:
        raise RequestError(422, f"_model: expected one of {', '.join(_MODELS)}")
    if isinstance(number, bool) or not isinstance(number, int | str) or number == "":
        raise RequestError(422, "_id: expected the id of a record")
    return str(model), str(number)
