"""Forgetting a person: which rows go, and the proof of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from history.schema import ASSIGNMENTS, HANDOFFS, MOVED, QUARANTINE, SCORES, STORED

_BESIDE = {"handoffs": HANDOFFS, "assignments": ASSIGNMENTS, "scores": SCORES}
"""Tables beside the history that speak of leads."""


@dataclass(frozen=True)
class Receipt:
    """Proof of an erasure: how many rows went, by table, and what was kept of the person: none."""

    lead_id: str
    removed: Mapping[str, int] = field(default_factory=dict)


def erase(connection: Connection, lead_id: str) -> dict[str, int]:
    """Delete every row of a lead, and every rejected row that names it.

    Parameters
    ----------
    connection : within a transaction of the caller.
    lead_id : the person; unknown ones have no rows.

    Returns
    -------
    How many rows went, by table.
    """
    removed = {}
    for name, table in {**STORED, **_BESIDE}.items():
        if "lead_id" in table.c:
            ours = table.c.lead_id == lead_id
        elif name == "attribute_history":
            ours = (table.c.entity == "lead") & (table.c.entity_id == lead_id)
        else:
            continue
        removed[name] = int(connection.execute(table.delete().where(ours)).rowcount)
    connection.execute(MOVED.delete().where(MOVED.c.new_id == lead_id))
    named = QUARANTINE.c.raw.contains(json.dumps(lead_id), autoescape=True)
    removed["quarantine"] = int(connection.execute(QUARANTINE.delete().where(named)).rowcount)
    return removed
