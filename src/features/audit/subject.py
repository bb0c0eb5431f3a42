"""What the checks look at: who converted, and the fields that were written about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.logs import microseconds
from history import History
from history.tables import CLOSING_STAGES

BLANKS = frozenset({"", "select", "none", "n/a", "na", "null", "unknown", "-"})
"""Values, in lower case, by which forms and exports say that nothing was filled in."""

_DECLARED = {
    "leads": {"lead_id", "account_id", "created_at"},
    "accounts": {"account_id", "created_at"},
}


@dataclass(frozen=True, eq=False)
class Field:
    """One field, as it stands in the extract, for every lead.

    Parameters
    ----------
    where : ``table.column``.
    values : by lead; missing and blank values are missing.
    used : whether features would be made of it.
    """

    where: str
    values: pd.Series
    used: bool

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Whether each lead has a value."""
        return self.values.notna().to_numpy()


@dataclass(frozen=True, eq=False)
class Subject:
    """What is audited, one place a lead in every array.

    Parameters
    ----------
    fields : those without a history of their own: of the others every value has its time.
    converted : whether the lead reached the target by the end of the extract.
    order : the order of creation: microseconds, or a running number.
    decided : whether the lead was closed by the end; None where the extract does not say.
    closed_at : when it reached the target or was closed, UTC microseconds, NaN of open leads; None
        where the extract does not say.
    accounts : the account of each lead, missing where it has none; None where there are none.
    history : where it came from; None for a flat table.
    older : the same history, extracted earlier, where there is one.
    """

    fields: tuple[Field, ...]
    converted: npt.NDArray[np.bool_]
    order: npt.NDArray[np.int64]
    decided: npt.NDArray[np.bool_] | None = None
    closed_at: npt.NDArray[np.float64] | None = None
    accounts: pd.Series | None = None
    history: History | None = None
    older: History | None = None


def subject_of(history: History, target: str, older: History | None = None) -> Subject:
    """Look at a history: what its fields say today of each lead, and what became of it.

    Parameters
    ----------
    history : what happened.
    target : the stage that counts as a conversion.
    older : the same history, extracted earlier.
    """
    leads, outcomes = history.leads, history.outcomes
    reached = set(outcomes.loc[(outcomes["stage"] == target).to_numpy(), "lead_id"])
    last = outcomes.drop_duplicates("lead_id", keep="last")
    closed = set(last.loc[last["stage"].isin(CLOSING_STAGES).to_numpy(), "lead_id"]) | reached
    return Subject(
        fields=tuple(_fields(history)),
        converted=leads["lead_id"].isin(reached).to_numpy(),
        order=microseconds(leads["created_at"]),
        decided=leads["lead_id"].isin(closed).to_numpy(),
        closed_at=_closed_at(history, target),
        accounts=leads["account_id"],
        history=history,
        older=older,
    )


def subject_of_table(frame: pd.DataFrame, *, outcome: str, key: str, order: str | None) -> Subject:
    """Look at one flat table, as contests and quick exports have it: a row a lead, no dates.

    Parameters
    ----------
    frame : the table.
    outcome : the column that says whether the lead converted: 1 or 0, yes or no.
    key : the column with the lead's id.
    order : a column that rises with the creation of the leads; their order in the table where
        missing.

    Raises
    ------
    ValueError : a column is not there, the key is not unique or the outcome is no yes or no.
    """
    for column in filter(None, (outcome, key, order)):
        if column not in frame.columns:
            raise ValueError(
                f"there is no column {column!r}; the columns are {', '.join(frame.columns)}"
            )
    if frame[key].duplicated().any():
        twice = frame.loc[frame[key].duplicated(), key].iloc[0]
        raise ValueError(f"the column {key!r} has {twice!r} twice; it must name each lead once")
    answers = frame[outcome].astype(str).str.strip().str.lower()
    unclear = ~answers.isin({"1", "0", "1.0", "0.0", "yes", "no", "true", "false"})
    if unclear.any():
        found = frame.loc[unclear, outcome].iloc[0]
        raise ValueError(f"the column {outcome!r} holds {found!r}; expected 1 and 0, or yes and no")
    place = np.arange(len(frame)) if order is None else frame[order].rank().to_numpy()
    return Subject(
        fields=tuple(
            Field(f"leads.{name}", cleaned(frame[name]), used=True)
            for name in frame.columns
            if name not in (outcome, key)
        ),
        converted=answers.isin({"1", "1.0", "yes", "true"}).to_numpy(),
        order=np.array(place, dtype="int64"),
    )


def cleaned(values: pd.Series) -> pd.Series:
    """Return values with blanks as missing."""
    plain = values.astype(object).reset_index(drop=True)
    blank = plain.map(lambda value: isinstance(value, str) and value.strip().lower() in BLANKS)
    return plain.mask(blank | plain.isna(), np.nan)


def _closed_at(history: History, target: str) -> npt.NDArray[np.float64]:
    """Return when each lead first reached the target, or was last closed."""
    outcomes = history.outcomes
    ends = outcomes.assign(at=microseconds(outcomes["occurred_at"]))
    won = ends[(ends["stage"] == target).to_numpy()].groupby("lead_id")["at"].min()
    final = ends.drop_duplicates("lead_id", keep="last")
    final = final[final["stage"].isin(CLOSING_STAGES).to_numpy()]
    at: dict[str, float] = dict(zip(final["lead_id"], final["at"], strict=True)) | won.to_dict()
    return np.array([at.get(lead, np.nan) for lead in history.leads["lead_id"]], dtype="float64")


def _fields(history: History) -> Iterator[Field]:
    changes = history.attribute_history
    for table, frame in (("leads", history.leads), ("accounts", history.accounts)):
        key = table.removesuffix("s") + "_id"
        followed = set(changes.loc[(changes["entity"] == table[:-1]).to_numpy(), "field"])
        for name in frame.columns:
            if name in _DECLARED[table] or name in followed:
                continue
            values = frame[name]
            if table == "accounts":
                by_id = frame.set_index("account_id")[name]
                values = by_id.reindex(history.leads[key])
            where = f"{table}.{name}"
            yield Field(where, cleaned(values), used=where not in history.current_only)
