"""What may be asked for in the path and the query of a GET, as the contract describes it."""

from __future__ import annotations

from typing import Any

from alignment.pages.funnel import DIMENSIONS
from alignment.pages.today import SHOWN
from serving.contract import MAX_TEXT

LEAD_ID = {
    "name": "lead_id",
    "in": "path",
    "required": True,
    "description": "Id of a lead.",
    "schema": {"type": "string", "maxLength": MAX_TEXT},
    "example": "L000042",
}
_LIMIT = {
    "name": "limit",
    "in": "query",
    "required": False,
    "description": "How many leads.",
    "example": 20,
    "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
}


def _asked(name: str, description: str, example: str) -> dict[str, Any]:
    """Describe a text in the query."""
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "example": example,
        "schema": {"type": "string", "maxLength": MAX_TEXT},
    }


QUEUE = [
    _LIMIT,
    {
        "name": "page",
        "in": "query",
        "required": False,
        "description": "Which page of so many leads, from 1.",
        "example": 1,
        "schema": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1},
    },
    _asked("show", f"Which part: one of {', '.join(SHOWN)}; all where missing.", "today"),
    _asked("owner", "Only leads of this owner; of everybody where missing.", "ann"),
    _asked("campaign", "Only leads of this campaign; of all where missing.", "email_01"),
    _asked("source", "Only leads from this source; from all where missing.", "organic"),
]
FOCUS = [
    _asked("by", "Only leads alike in this: a segment's name; all where missing.", "source"),
    _asked("value", "And of this value.", "organic"),
    _asked("feature", "How the effect of this feature runs over its values.", "engagements_7d"),
]
CUT = [_asked("by", f"Cut by one of {', '.join(DIMENSIONS)}; by source if missing.", "campaign")]
