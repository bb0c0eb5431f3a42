"""Values that were logged before their field was marked as personal, taken out of the logs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, Table, select

from history.purging import purge
from history.schema import HANDOFFS, SCORE_COLUMNS, SCORES
from history.store import Store

_AT_ONCE: Final = 2_000


def scrub(store: Store, features: Collection[str]) -> dict[str, int]:
    """Take the values of features out of the score log and the ledger of hand-offs.

    The scores stay, with what they promised; the values count as missing, and reasons that named
    them are gone. An SQLite file is rewritten, so that nothing of them is left in it.

    Parameters
    ----------
    store : of the history.
    features : names of the features that are made of the field.

    Returns
    -------
    How many rows were changed, by table.

    Raises
    ------
    StoreError : the store cannot be written; nothing was changed.
    """
    named = set(features)
    with store.writing() as connection:
        changed = {
            SCORES.name: _scrub_scores(connection, named),
            HANDOFFS.name: _scrub_handoffs(connection, named),
        }
    purge(store.engine, ())
    return changed


def _scrub_scores(connection: Connection, named: set[str]) -> int:
    places, changed = _places(connection, named), 0
    for row in _rows(connection, SCORES, SCORES.c.number):
        values, reasons = json.loads(row.features), json.loads(row.reasons)
        told = [place for place in places[row.columns_id] if values[place] is not None]
        kept = _without(reasons, named)
        if told or kept != reasons:
            for place in told:
                values[place] = None
            fresh = {"features": json.dumps(values), "reasons": json.dumps(kept)}
            connection.execute(SCORES.update().where(SCORES.c.number == row.number).values(fresh))
            changed += 1
    return changed


def _scrub_handoffs(connection: Connection, named: set[str]) -> int:
    key, changed = HANDOFFS.c.handoff_id, 0
    for row in _rows(connection, HANDOFFS, key):
        reasons = json.loads(row.reasons)
        kept = _without(reasons, named)
        if kept != reasons:
            fresh = {"reasons": json.dumps(kept)}
            connection.execute(HANDOFFS.update().where(key == row.handoff_id).values(fresh))
            changed += 1
    return changed


def _places(connection: Connection, named: set[str]) -> dict[str, list[int]]:
    """Return where the values of the features stand, for each list of columns that has any."""
    found = {}
    for row in connection.execute(select(SCORE_COLUMNS)):
        names = json.loads(row.names)
        found[row.columns_id] = [place for place, name in enumerate(names) if name in named]
    return found


def _rows(connection: Connection, table: Table, key: Column[Any]) -> Iterator[Row[Any]]:
    """Yield the rows of a table by their key, a part of them at a time."""
    query, last = select(table).order_by(key).limit(_AT_ONCE), None
    while rows := connection.execute(query if last is None else query.where(key > last)).all():
        yield from rows
        last = getattr(rows[-1], key.name)


def _without(reasons: list[dict[str, Any]], named: set[str]) -> list[dict[str, Any]]:
    return [each for each in reasons if each.get("feature") not in named]
