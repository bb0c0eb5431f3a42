"""Tables of a history as the kernel reads them: sorted, and in integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.layout import FIRST_CODE, FIRST_NUMBER, MISSING, Rows
from history import History
from history.sorting import sort_by_group

IntArray = npt.NDArray[np.int64]
CodeArray = npt.NDArray[np.int32]

NUMBER_SCALES: Mapping[str, float] = {"value": 100.0, "amount": 100.0, "duration_s": 1000.0}
"""Numbers enter the kernel as integers: money in minor units, durations in milliseconds."""


@dataclass(frozen=True, eq=False)
class Log:
    """Rows of one table, as the kernel reads them.

    Parameters
    ----------
    rows : sorted by (group, occurred); the last group is empty, for snapshots of no group.
    members : the most members of any group where one's own rows are to be left out, else 0.
    categories : for each category column, the strings that its codes stand for.
    """

    rows: Rows
    members: int
    categories: tuple[npt.NDArray[np.object_], ...]


@dataclass(frozen=True, eq=False)
class Index:
    """Which leads and accounts there are, as codes.

    Parameters
    ----------
    leads : ids of the leads, by code.
    account_of : account code of each lead, -1 where it has none.
    accounts : ids of the accounts, by code.
    place : number of each lead among those of its account, -1 where it has none.
    """

    leads: pd.Index
    account_of: npt.NDArray[np.intp]
    accounts: pd.Index
    place: npt.NDArray[np.intp]

    @classmethod
    def of(cls, history: History) -> Index:
        """Index the leads of a history and the accounts that they or the account table name."""
        account_ids = history.leads["account_id"]
        named = pd.concat([account_ids.dropna(), history.accounts["account_id"].dropna()])
        accounts = pd.Index(named.unique())
        account_of = codes_in(accounts, account_ids)
        numbered = pd.Series(account_of).groupby(account_of).cumcount().to_numpy(np.intp)
        return cls(
            leads=pd.Index(history.leads["lead_id"]),
            account_of=account_of,
            accounts=accounts,
            place=np.where(account_of < 0, -1, numbered),
        )


def codes_in(index: pd.Index, values: pd.Series) -> npt.NDArray[np.intp]:
    """Return the position of each value in an index of ids, -1 where missing or unknown."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return lookup(index.get_indexer(values.cat.categories), values.cat.codes.to_numpy())
    ids, sought = (pa.array(each, from_pandas=True) for each in (index, values))
    if not len(ids):
        return np.full(len(sought), -1, dtype=np.intp)
    text = pa.large_string()
    places = pc.index_in(sought.cast(text), value_set=ids.cast(text))
    return np.asarray(pc.fill_null(places, -1)).astype(np.intp)


def lookup(table: npt.NDArray[np.intp], codes: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
    """Translate codes by a table; -1 stays -1."""
    if not len(table):
        return np.full(len(codes), -1, dtype=np.intp)
    return np.where(codes < 0, -1, table[codes])


def encode(
    values: pd.Series, vocabulary: Sequence[str]
) -> tuple[CodeArray, npt.NDArray[np.object_]]:
    """Encode a category column: the vocabulary first, then whatever else occurs, -1 missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes, found = values.cat.codes.to_numpy(), values.cat.categories
    else:
        codes, found = pd.factorize(values)
    known = pd.Index(list(vocabulary), dtype=object)
    others = pd.Index(found.astype(object)).difference(known, sort=False)
    categories = np.concatenate([known.to_numpy(), others.to_numpy()]).astype(object)
    table = pd.Index(categories).get_indexer(pd.Index(found.astype(object)))
    return lookup(table, codes).astype(np.int32), categories


def encode_plain(
    values: Sequence[str | None], vocabulary: Sequence[str]
) -> tuple[CodeArray, npt.NDArray[np.object_]]:
    """Do as `encode` does, for few values that are in no frame."""
    table = _Numbered(zip(vocabulary, range(len(vocabulary)), strict=True))
    codes = np.fromiter(map(table.__getitem__, values), dtype=np.int32, count=len(values))
    return codes, np.array(list(table), dtype=object)


class _Numbered(dict[str | None, int]):
    """Numbers values in the order in which they are first asked for; None is -1."""

    def __missing__(self, value: str | None) -> int:
        if value is None:
            return -1
        self[value] = len(self)
        return self[value]


def scaled(values: pd.Series | Sequence[float | None], scale: float) -> IntArray:
    """Bring a number column to integers of its smallest unit."""
    floats = np.asarray(values, dtype=np.float64)
    present = np.isfinite(floats)
    return np.where(present, np.rint(np.where(present, floats, 0.0) * scale), MISSING).astype(
        np.int64
    )


def microseconds(values: pd.Series) -> IntArray:
    """Return instants as UTC microseconds since 1970."""
    return np.asarray(values.astype("int64"), dtype=np.int64)


def build_log(
    frame: pd.DataFrame,
    *,
    group: npt.NDArray[np.intp],
    groups: int,
    occurred: str,
    recorded: str,
    categories: Mapping[str, Sequence[str]],
    numbers: Sequence[str] = (),
    member: npt.NDArray[np.intp] | None = None,
    members: int = 0,
) -> Log:
    """Encode a table as a log.

    Rows of no group are dropped: an engagement of an unknown lead explains nobody. Rows keep
    their order among equal times; `History` orders them by id, and so ties are broken by id.

    Parameters
    ----------
    frame : the table, in canonical order.
    group : code of the group of each row, -1 for none.
    groups : how many groups there are.
    occurred, recorded : names of the two time columns.
    categories : the category columns to encode, each with the vocabulary that comes first;
        ``lead_id`` is encoded as the member.
    numbers : the number columns to encode.
    member : number of each row's lead within its group, where one's own rows are to be left out.
    members : the most leads of any group there.
    """
    everyone = np.zeros(len(frame), np.int32) if member is None else member.astype(np.int32)
    encoded = [
        (everyone, np.empty(0, dtype=object))
        if name == "lead_id"
        else encode(frame[name], vocabulary)
        for name, vocabulary in categories.items()
    ]
    return sorted_log(
        group=group,
        groups=groups,
        occurred=microseconds(frame[occurred]),
        recorded=microseconds(frame[recorded]),
        encoded=encoded,
        numbers=[scaled(frame[name], NUMBER_SCALES[name]) for name in numbers],
        member=everyone,
        members=members,
    )


def sorted_log(
    *,
    group: npt.NDArray[np.intp],
    groups: int,
    occurred: IntArray,
    recorded: IntArray,
    encoded: Sequence[tuple[CodeArray, npt.NDArray[np.object_]]],
    numbers: Sequence[IntArray],
    member: CodeArray,
    members: int,
) -> Log:
    """Put encoded columns in the order of the kernel.

    Parameters
    ----------
    group, groups, member, members : as for `build_log`.
    occurred, recorded : UTC microseconds.
    encoded : codes and their categories, for each category column.
    numbers : in the smallest unit, for each number column.
    """
    order, offsets = sort_by_group(group, occurred, groups + 1)
    wide = np.empty((len(order), FIRST_NUMBER + len(numbers)), np.int64)
    for column, values in enumerate((occurred, recorded, *numbers)):
        wide[:, column] = values[order]
    narrow = np.empty((len(order), FIRST_CODE + len(encoded)), np.int32)
    for column, codes in enumerate((member, *(codes for codes, _ in encoded))):
        narrow[:, column] = codes[order]
    return Log(Rows(offsets, wide, narrow), members, tuple(names for _, names in encoded))
