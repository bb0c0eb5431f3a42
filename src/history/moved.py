"""Leads that a source has merged or deleted, remembered, so that late rows follow them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import pandas as pd
from sqlalchemy import Connection, select

from history.erasure import erase_too, kept_out
from history.extract import Extract, RawTable
from history.schema import MOVED, STORED

_CHUNK = 500
_BY_LEAD = ("engagements", "outcomes", "dispositions")


def follow(connection: Connection, extract: Extract) -> Extract:
    """Move what the store holds of merged leads, drop deleted ones, and return the rows likewise.

    A lead that its source shows again is known again. What was merged stays merged. Rows of people
    who were erased are not followed: they keep their id, by which they are left out later. A lead
    that was merged into one of them is the same person, and is erased too.

    Parameters
    ----------
    connection : of the transaction that takes the source in.
    extract : the rows, with the leads that are no more.

    Raises
    ------
    StoreError : such a lead could not be erased.
    """
    if not extract.merged and not extract.gone and not _any(connection):
        return extract
    extract = _heed_erased(connection, extract)
    back = _ids(extract.tables.get("leads")) - extract.gone
    for ids in _chunks(back):
        connection.execute(MOVED.delete().where(MOVED.c.old_id.in_(ids), MOVED.c.new_id.is_(None)))
    _remember(connection, {**dict.fromkeys(extract.gone), **extract.merged})
    known = _known(connection)
    for old, new in known.items():
        if old in extract.merged or old in extract.gone or new in extract.merged:
            _move(connection, old, new)
    return _moved(extract, known)


def as_they_became(extract: Extract) -> Extract:
    """Return the rows of a source under the leads that theirs became, by what it says alone."""
    return _moved(extract, _ends({**dict.fromkeys(extract.gone), **extract.merged}))


def former_ids(connection: Connection) -> dict[str, list[str]]:
    """Return by lead the ids of those that became it."""
    found: dict[str, list[str]] = {}
    for old, new in sorted(_known(connection).items()):
        if new is not None:
            found.setdefault(new, []).append(old)
    return found


def _moved(extract: Extract, known: Mapping[str, str | None]) -> Extract:
    tables = {name: _followed(name, table, known) for name, table in extract.tables.items()}
    return replace(extract, tables=tables)


def _heed_erased(connection: Connection, extract: Extract) -> Extract:
    """Take out what the source says of erased people's ids; erase who was merged into them."""
    merged = dict(extract.merged)
    erased = kept_out(connection, {*merged, *merged.values(), *extract.gone})
    found = joined = _merged_into(merged, erased)
    while found:
        for old in found:
            erase_too(connection, old, merged.pop(old))
        erased.update(found)
        found = _merged_into(merged, erased)
        joined = joined + found
    if not erased:
        return extract
    note = f"merged into people who were erased, and so erased too: {len(joined):,} leads"
    return replace(
        extract,
        merged={old: new for old, new in merged.items() if old not in erased},
        gone=extract.gone - erased,
        notes=(*extract.notes, note) if joined else extract.notes,
    )


def _merged_into(merged: Mapping[str, str], erased: Collection[str]) -> list[str]:
    return [old for old, new in merged.items() if new in erased]


def _any(connection: Connection) -> bool:
    return connection.execute(select(MOVED.c.old_id).limit(1)).first() is not None


def _ids(table: RawTable | None) -> set[str]:
    if table is None or "lead_id" not in table.frame.columns:
        return set()
    return set(table.frame["lead_id"].dropna().astype("str"))


def _remember(connection: Connection, moves: Mapping[str, str | None]) -> None:
    for ids in _chunks(moves):
        connection.execute(MOVED.delete().where(MOVED.c.old_id.in_(ids)))
    if moves:
        rows = [{"old_id": old, "new_id": new} for old, new in moves.items()]
        connection.execute(MOVED.insert(), rows)


def _known(connection: Connection) -> dict[str, str | None]:
    """Return every lead that is no more, and where its rows belong today; None for nowhere."""
    return _ends({row[0]: row[1] for row in connection.execute(select(MOVED)).all()})


def _ends(pairs: Mapping[str, str | None]) -> dict[str, str | None]:
    """Follow mergers to their end; a circle ends where it is met again."""
    ends: dict[str, str | None] = {}
    for old, first in pairs.items():
        here, passed = first, {old}
        while here is not None and here in pairs and here not in passed:
            passed.add(here)
            here = pairs[here]
        ends[old] = here
    return ends


def _move(connection: Connection, old: str, new: str | None) -> None:
    """Give the rows of a lead to another one, or drop them."""
    for name in _BY_LEAD:
        table = STORED[name]
        ours = table.c.lead_id == old
        if new is None:
            connection.execute(table.delete().where(ours))
        else:
            connection.execute(table.update().where(ours).values(lead_id=new))
    history = STORED["attribute_history"]
    ours = (history.c.entity == "lead") & (history.c.entity_id == old)
    if new is None:
        connection.execute(history.delete().where(ours))
    else:
        connection.execute(history.update().where(ours).values(entity_id=new))
    leads = STORED["leads"]
    connection.execute(leads.delete().where(leads.c.lead_id == old))


def _followed(name: str, table: RawTable, known: Mapping[str, str | None]) -> RawTable:
    frame = table.frame
    column = "entity_id" if name == "attribute_history" else "lead_id"
    if column not in frame.columns:
        return table
    ids = frame[column].astype("str")
    moved = ids.isin(list(known))
    if name == "attribute_history":
        moved &= frame["entity"] == "lead"
    if not moved.any():
        return table
    if name == "leads":
        return replace(table, frame=frame[~moved].reset_index(drop=True))
    now = pd.Series([known.get(each, each) for each in ids], index=frame.index, dtype=object)
    kept = frame.assign(**{column: frame[column].where(~moved, now)})
    return replace(table, frame=kept[kept[column].notna() | ~moved].reset_index(drop=True))


def _chunks(ids: Collection[str]) -> list[list[str]]:
    ordered = sorted(ids)
    return [ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK)]
