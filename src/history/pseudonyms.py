"""A history without persons: ids replaced by keyed digests, what may name somebody left out.

Whoever has the key can make the same pseudonyms again, and so join two exports; without it they say
nothing (pseudonymisation as in the GDPR, article 4 (5): such data are still personal data).
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from history.errors import HistoryError
from history.history import History
from history.tables import TABLES

LEAST_KEY_BYTES = 16
MOST_VALUES = 50
"""Texts with more different values than this are left out: they may be written by hand."""
_DIGITS = 24
_FREE = (("outcomes", "reason"), ("dispositions", "reason"))


@dataclass(frozen=True, eq=False)
class Pseudonymous:
    """A history without persons.

    Parameters
    ----------
    history : leads, accounts and owners bear pseudonyms; events bear numbers.
    left_out : the fields that are not in it, by ``table.column``, and why.
    key_id : tells two keys apart, and nothing else of them.
    """

    history: History
    left_out: Mapping[str, str]
    key_id: str


def pseudonymous(history: History, key: bytes) -> Pseudonymous:
    """Replace every id of a person and leave out what may name one.

    Leads, accounts and owners get a keyed digest (HMAC-SHA-256), the same for the same key. Events
    get numbers in the order of their times and ids, so that ties are broken as before and every
    feature has the same value. Times stay as they are.

    Parameters
    ----------
    history : what happened; its personal fields are left out.
    key : at least sixteen bytes, kept by whoever exports.

    Raises
    ------
    HistoryError : the key is too short.
    """
    if len(key) < LEAST_KEY_BYTES:
        raise HistoryError(
            f"the key has {len(key)} bytes, and {LEAST_KEY_BYTES} are needed: a short one can be "
            "guessed, and every pseudonym with it"
        )
    named = _Names(key)
    left_out = _left_out(history)
    frames = {
        name: _renamed(name, _without(name, frame, left_out), named)
        for name, frame in history.frames().items()
    }
    kept = frozenset(each for each in history.current_only if each not in left_out)
    made = History.from_frames(frames, history.observed_until, kept)
    return Pseudonymous(made, left_out, named.of("key", "")[:8])


class _Names:
    """Makes pseudonyms, the same for the same id."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, kind: str, name: str) -> str:
        return hmac.new(self._key, f"{kind}\x1f{name}".encode(), "sha256").hexdigest()[:_DIGITS]

    def column(self, kind: str, names: pd.Series) -> pd.Series:
        known = names.dropna().astype(str).unique()
        return names.astype(object).map({each: self.of(kind, each) for each in known})


def _left_out(history: History) -> dict[str, str]:
    """Return the fields that must not go out, and why."""
    found = dict.fromkeys(sorted(history.personal), "marked as personal")
    changes = history.attribute_history
    for table in ("leads", "accounts"):
        frame, entity = history.frames()[table], table[:-1]
        declared = {"lead_id", "account_id", "created_at"}
        fields = {name: frame[name] for name in frame.columns if name not in declared}
        ours = changes[(changes["entity"] == entity).to_numpy()]
        for field in sorted(set(ours["field"].dropna().astype(str))):
            values = [ours.loc[(ours["field"] == field).to_numpy(), "value"]]
            values += [fields[field]] if field in fields else []
            fields[field] = pd.concat([each.astype(object) for each in values])
        found |= _many(table, fields, found)
    for table, field in _FREE:
        found |= _many(table, {field: history.frames()[table][field]}, found)
    return found


def _many(table: str, fields: Mapping[str, pd.Series], known: Collection[str]) -> dict[str, str]:
    found = {}
    for field, values in fields.items():
        where, filled = f"{table}.{field}", values.dropna()
        if where in known or not len(filled) or isinstance(filled.dtype, pd.DatetimeTZDtype):
            continue
        if pd.to_numeric(filled.astype(object), errors="coerce").notna().all():
            continue
        if (count := filled.astype(str).nunique()) > MOST_VALUES:
            found[where] = f"text with {count:,} different values"
    return found


def _without(table: str, frame: pd.DataFrame, left_out: Collection[str]) -> pd.DataFrame:
    if table == "attribute_history":
        where = frame["entity"].astype(str) + "s." + frame["field"].astype(str)
        return frame[~where.isin(list(left_out)).to_numpy()].reset_index(drop=True)
    gone = [name for name in frame.columns if f"{table}.{name}" in left_out]
    if table in ("leads", "accounts"):
        return frame.drop(columns=gone)
    return frame.assign(**dict.fromkeys(gone, None))


def _renamed(table: str, frame: pd.DataFrame, named: _Names) -> pd.DataFrame:
    changed: dict[str, pd.Series] = {}
    for column, kind in (("lead_id", "lead"), ("account_id", "account"), ("owner", "owner")):
        if column in frame.columns:
            changed[column] = named.column(kind, frame[column])
    if table == "attribute_history":
        of_lead = (frame["entity"] == "lead").to_numpy()
        names = frame["entity_id"]
        changed["entity_id"] = named.column("lead", names).where(
            of_lead, named.column("account", names)
        )
    key = TABLES[table].key
    if table not in ("leads", "accounts"):
        changed[key] = _numbered(frame, key)
    return frame.assign(**changed)


def _numbered(frame: pd.DataFrame, key: str) -> pd.Series:
    """Return numbers in the order of time and id, as text of one length."""
    time = "valid_from" if "valid_from" in frame.columns else "occurred_at"
    order = frame[[time, key]].astype({key: str}).sort_values([time, key]).index
    numbers = np.empty(len(frame), dtype=object)
    numbers[frame.index.get_indexer(order)] = [f"{place:012d}" for place in range(len(frame))]
    return pd.Series(numbers, index=frame.index)
