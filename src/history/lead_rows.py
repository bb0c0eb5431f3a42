"""What is known of a few leads and of their colleagues, as plain rows: for one request, at once.

A frame costs more to make than a request may take. Everything is read through the store's own
connections, as in `history.store`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple

import orjson

from history.errors import NotInPlaceError
from history.schema import STORED
from history.store import Store

_CHUNK = 500
_MOST_IN_PLACE = 1_000
_ALWAYS = frozenset({"engagement_id", "outcome_id", "lead_id", "occurred_at", "recorded_at"})
Row = tuple[Any, ...]


class Lead(NamedTuple):
    """A lead.

    Parameters
    ----------
    created : UTC microseconds.
    account : its account; None where it has none.
    attributes : as fixed at creation; empty for a colleague, of whom they do not matter.
    """

    created: int
    account: str | None
    attributes: Mapping[str, Any]


class Account(NamedTuple):
    """An account.

    Parameters
    ----------
    created : UTC microseconds; None where unknown.
    attributes : as fixed at creation.
    """

    created: int | None
    attributes: Mapping[str, Any]


class Change(NamedTuple):
    """A row of the attribute history, of one lead or account; times are UTC microseconds."""

    valid_from: int
    recorded_at: int
    change_id: str
    value: Any


@dataclass(frozen=True, eq=False)
class LeadRows:
    """What is known of a few leads and of their colleagues.

    Parameters
    ----------
    leads, accounts : by id.
    changes : of an attribute, by entity, id and field; in any order.
    engagements, outcomes, dispositions : rows with the columns of the contracts, in any order.
    """

    leads: dict[str, Lead] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    changes: dict[tuple[str, str, str], list[Change]] = field(default_factory=dict)
    engagements: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)
    dispositions: list[Row] = field(default_factory=list)


def read_lead_rows(
    store: Store,
    lead_ids: Iterable[str],
    account_ids: Iterable[str] = (),
    of_colleagues: Collection[str] | None = None,
    *,
    in_place: bool = False,
) -> LeadRows:
    """Read leads, their accounts, and everything that they and their colleagues did.

    Parameters
    ----------
    store : the live history.
    lead_ids : the leads; unknown ones are simply not there.
    account_ids : further accounts, whose leads are colleagues too.
    of_colleagues : which columns of what only colleagues did are wanted, beside ids and times;
        the others are None. All of them where missing.
    in_place : read only what can be had at once; see `history.in_place`.

    Raises
    ------
    StoreError : the store cannot be read.
    NotInPlaceError : the store would have to be waited for, or there are too many rows.
    """
    wanted = list(dict.fromkeys(lead_ids))
    mark = "?" if store.engine.dialect.paramstyle == "qmark" else "%s"
    with store.in_place.cursor() if in_place else store.cursor() as cursor:
        ask = partial(_read, cursor, mark, _MOST_IN_PLACE if in_place else -1)
        own, named = ask("leads_by_id", wanted), set(account_ids)
        if not own and not named:
            return LeadRows()
        if in_place:
            # One transaction: one look at the history, and one lock instead of many.
            cursor.execute("BEGIN")
            own = ask("leads_by_id", wanted)
        accounts = sorted({row[2] for row in own if row[2] is not None} | named)
        colleagues = ask("leads_by_account", accounts)
        leads = {row[0]: Lead(row[1], row[2], {}) for row in colleagues}
        leads |= {row[0]: Lead(row[1], row[2], _plain(row[3])) for row in own}
        mine = [each for each in wanted if each in leads]
        known = set(mine)
        others = [each for each in leads if each not in known]
        kept = None if of_colleagues is None else frozenset(of_colleagues) | _ALWAYS
        return LeadRows(
            leads,
            {row[0]: Account(row[1], _plain(row[2])) for row in ask("accounts", accounts)},
            _changes(ask("changes", [*mine, *accounts])),
            ask("engagements", mine) + ask("engagements", others, kept),
            ask("outcomes", mine) + ask("outcomes", others, kept),
            ask("dispositions", mine),
        )


_QUERIES: Mapping[str, tuple[str, str]] = {
    "leads_by_id": ("leads", "lead_id"),
    "leads_by_account": ("leads", "account_id"),
    "accounts": ("accounts", "account_id"),
    "changes": ("attribute_history", "entity_id"),
    "engagements": ("engagements", "lead_id"),
    "outcomes": ("outcomes", "lead_id"),
    "dispositions": ("dispositions", "lead_id"),
}
"""Table and column of each query."""


@lru_cache(maxsize=2048)
def _sql(query: str, count: int, mark: str, kept: frozenset[str] | None) -> str:
    """Return a query as text: building one takes longer than answering it."""
    table, column = _QUERIES[query]
    names = ", ".join(
        f'"{each.name}"' if kept is None or each.name in kept else "NULL"
        for each in STORED[table].columns
    )
    marks = ", ".join([mark] * count)
    return f'SELECT {names} FROM {table} WHERE "{column}" IN ({marks})'  # noqa: S608  our own names


def _read(
    cursor: Any,
    mark: str,
    most: int,
    query: str,
    ids: Sequence[str],
    kept: frozenset[str] | None = None,
) -> list[Row]:
    """Ask the driver itself: what SQLAlchemy adds to a query takes longer than these queries."""
    found: list[Row] = []
    for start in range(0, len(ids), _CHUNK):
        part = tuple(ids[start : start + _CHUNK])
        cursor.execute(_sql(query, len(part), mark, kept), part)
        if most < 0:
            found += cursor.fetchall()
            continue
        found += cursor.fetchmany(most + 1)
        if len(found) > most:
            cursor.close()
            raise NotInPlaceError(f"more than {most} rows of {query}")
    return found


def _changes(rows: Iterable[Row]) -> dict[tuple[str, str, str], list[Change]]:
    found: dict[tuple[str, str, str], list[Change]] = {}
    for change_id, entity, entity_id, name, value, valid_from, recorded_at in rows:
        plain = None if value is None else _plain(value)
        change = Change(valid_from, recorded_at, change_id, plain)
        found.setdefault((entity, entity_id, name), []).append(change)
    return found


def _plain(text: str) -> Any:
    """Read what was stored as JSON; infinities, which are none, take longer."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
