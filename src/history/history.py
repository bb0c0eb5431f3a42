"""A history in memory: six frames, and the instant up to which they are complete."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from history.sorting import ranks, sort_by_group
from history.tables import TABLES, Table

UTC_MICROSECONDS = pd.DatetimeTZDtype(unit="us", tz="UTC")


@dataclass(frozen=True, eq=False)
class History:
    """What happened to whom, and when we learned of it.

    Parameters
    ----------
    leads, accounts, engagements, outcomes, attribute_history, dispositions :
        frames with the columns of `history.tables`. Leads and accounts carry their attributes
        as further columns.
    observed_until : the instant up to which the history is complete. A label is known only when
        its whole horizon lies before it.
    current_only : ``table.column`` names of attributes that are never used as features: of which
        only today's value is known, and those that are personal.
    personal : which of `current_only` tell who somebody is.
    """

    leads: pd.DataFrame
    accounts: pd.DataFrame
    engagements: pd.DataFrame
    outcomes: pd.DataFrame
    attribute_history: pd.DataFrame
    dispositions: pd.DataFrame
    observed_until: pd.Timestamp
    current_only: frozenset[str] = field(default_factory=frozenset)
    personal: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def from_frames(
        cls,
        tables: Mapping[str, pd.DataFrame],
        observed_until: pd.Timestamp | None = None,
        current_only: Collection[str] = (),
        personal: Collection[str] = (),
    ) -> History:
        """Build a history from frames that already have the canonical columns and types.

        Missing tables are empty, missing optional columns are filled, a missing ``recorded_at``
        is the time of the event. A lead or account whose field has rows in the attribute history
        keeps no other value of that field: it could only be today's. Rows are put in their
        canonical order (lead, time, id), so that equal content gives an equal digest. Messy
        input goes through `history.conform` instead.

        Raises
        ------
        ValueError : a required column is missing, or the history has no leads and no
            ``observed_until`` is given.
        """
        frames = {
            name: _complete(table, tables.get(name), only_declared=not table.attributes)
            for name, table in TABLES.items()
        }
        _drop_followed(frames)
        until = observed_until if observed_until is not None else latest_recorded(frames)
        if until is None:
            raise ValueError("an empty history has no observed_until: give one")
        return cls(
            **{name: _ordered(TABLES[name], frame) for name, frame in frames.items()},
            observed_until=pd.Timestamp(until).tz_convert("UTC").as_unit("us"),
            current_only=frozenset((*current_only, *personal)),
            personal=frozenset(personal),
        )

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the six tables by name."""
        return {name: getattr(self, name) for name in TABLES}

    def known_before(self, as_of: pd.Timestamp) -> History:
        """Return the history as it could be known just before an instant.

        Every row recorded at or after `as_of` is gone, whatever it happened; leads and accounts
        created at or after it are unknown. Attributes without history stay as they are: they
        are fixed at creation by contract.
        """
        kept = {
            name: _kept(frame, _recorded(TABLES[name], frame) < as_of)
            for name, frame in self.frames().items()
        }
        until = min(as_of, self.observed_until)
        return History(
            **kept,
            observed_until=until,
            current_only=self.current_only,
            personal=self.personal,
        )

    def recorded_from(self, instant: pd.Timestamp) -> History:
        """Return the rows that were recorded at or after an instant: what a later look adds.

        With `known_before` of a later instant it is what the time between the two brought.
        """
        kept = {
            name: _kept(frame, _recorded(TABLES[name], frame) >= instant)
            for name, frame in self.frames().items()
        }
        return History(
            **kept,
            observed_until=self.observed_until,
            current_only=self.current_only,
            personal=self.personal,
        )

    def for_leads(self, lead_ids: Collection[str]) -> History:
        """Return the part of the history that concerns these leads and their accounts.

        Colleagues at the same accounts are not included: name them too if they matter.
        """
        wanted = set(lead_ids)
        leads = _kept(self.leads, self.leads["lead_id"].isin(wanted))
        accounts = set(leads["account_id"].dropna())
        entity, entity_id = self.attribute_history["entity"], self.attribute_history["entity_id"]
        ours = ((entity == "lead") & entity_id.isin(wanted)) | (
            (entity == "account") & entity_id.isin(accounts)
        )
        return replace(
            self,
            leads=leads,
            accounts=_kept(self.accounts, self.accounts["account_id"].isin(accounts)),
            engagements=_kept(self.engagements, self.engagements["lead_id"].isin(wanted)),
            outcomes=_kept(self.outcomes, self.outcomes["lead_id"].isin(wanted)),
            attribute_history=_kept(self.attribute_history, ours),
            dispositions=_kept(self.dispositions, self.dispositions["lead_id"].isin(wanted)),
        )

    def without_personal(self) -> History:
        """Return the history without the values of personal fields, as scoring may know it.

        To a model that was trained before a field was marked, the field is missing.
        """
        gone = self.personal
        changes = self.attribute_history
        where = changes["entity"].astype(str) + "s." + changes["field"].astype(str)
        return replace(
            self,
            leads=_unnamed(self.leads, "leads", gone),
            accounts=_unnamed(self.accounts, "accounts", gone),
            attribute_history=_kept(changes, ~where.isin(list(gone))),
            current_only=self.current_only - gone,
            personal=frozenset(),
        )

    def unmarked(self, fields: Collection[str]) -> History:
        """Return the history with these personal fields usable: whoever asks for it names them."""
        ours = self.personal.intersection(fields)
        return replace(self, current_only=self.current_only - ours, personal=self.personal - ours)

    def digest(self) -> str:
        """Return a short fingerprint of the content: equal content, equal digest."""
        state = hashlib.blake2b(digest_size=16)
        for name, frame in self.frames().items():
            state.update(name.encode())
            for column in sorted(frame.columns):
                state.update(column.encode())
                state.update(_column_bytes(frame[column]))
        state.update(str(micros(self.observed_until)).encode())
        state.update("\n".join(sorted(self.current_only)).encode())
        return state.hexdigest()


def micros(instant: pd.Timestamp) -> int:
    """Return an instant as UTC microseconds since 1970."""
    return int(instant.as_unit("us").asm8.view("i8"))


def _kept(frame: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    return frame[rows.to_numpy()].reset_index(drop=True)


def latest_recorded(frames: Mapping[str, pd.DataFrame]) -> pd.Timestamp | None:
    """Return the latest recorded time in any table, or None when there is no row at all."""
    latest = [_recorded(TABLES[name], frame).max() for name, frame in frames.items() if len(frame)]
    known = [instant for instant in latest if pd.notna(instant)]
    return max(known) if known else None


def _recorded(table: Table, frame: pd.DataFrame) -> pd.Series:
    """When the system learned of each row; an account of unknown age was always known."""
    if "recorded_at" in table.names:
        return frame["recorded_at"]
    unknown = pd.Timestamp(0, tz="UTC").as_unit("us")
    return frame["created_at"].fillna(unknown)


def _unnamed(frame: pd.DataFrame, table: str, fields: Collection[str]) -> pd.DataFrame:
    return frame.drop(columns=[name for name in frame.columns if f"{table}.{name}" in fields])


def _drop_followed(frames: dict[str, pd.DataFrame]) -> None:
    """Leave the values of fields that have a history to that history."""
    changes = frames["attribute_history"]
    for (entity, field_name), rows in changes.groupby(["entity", "field"], observed=True):
        table = f"{entity}s"
        frame = frames[table]
        if field_name in frame.columns:
            followed = frame[f"{entity}_id"].isin(rows["entity_id"])
            frames[table] = frame.assign(
                **{str(field_name): frame[field_name].mask(followed.to_numpy())}
            )


def _complete(table: Table, frame: pd.DataFrame | None, *, only_declared: bool) -> pd.DataFrame:
    """Add what is optional and missing, bring times and numbers to their types."""
    frame = pd.DataFrame(columns=list(table.required)) if frame is None else frame
    missing = [name for name in table.required if name not in frame.columns]
    if missing:
        raise ValueError(f"table {table.name!r} lacks the column {missing[0]!r}")
    data: dict[str, pd.Series] = {}
    for column in table.columns:
        values = frame.get(column.name)
        if values is None:
            values = pd.Series(np.nan, index=frame.index, dtype=object)
        if column.kind == "time":
            values = pd.to_datetime(values, utc=True).astype(UTC_MICROSECONDS)
        elif column.kind == "number":
            values = values.astype("float64")
        elif column.kind != "value" and not isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype("str")
        data[column.name] = values
    if "recorded_at" in data:
        event_time = "valid_from" if "valid_from" in data else "occurred_at"
        data["recorded_at"] = data["recorded_at"].fillna(data[event_time])
    extra = [] if only_declared else [name for name in frame.columns if name not in data]
    return pd.DataFrame({**data, **{name: frame[name] for name in extra}})


_ORDER = {
    "leads": ["lead_id"],
    "accounts": ["account_id"],
    "attribute_history": ["entity", "entity_id", "field", "valid_from", "recorded_at", "change_id"],
}


def _ordered(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    if not len(frame):
        return frame
    *keys, last = _ORDER.get(table.name, ["lead_id", "occurred_at", table.key])
    placed_by = [ranks(frame[name]) for name in keys]
    order = _order(placed_by, len(frame))
    same = np.ones(len(frame) - 1, dtype=bool)
    for each in placed_by:
        placed = each[order]
        same &= placed[1:] == placed[:-1]
    # Ids are long and decide between equals alone: only those are compared.
    tied = np.append(same, False) | np.insert(same, 0, False)
    if tied.any():
        rows = order[tied]
        by_id = np.lexsort(
            (ranks(frame[last].iloc[rows]), *(each[rows] for each in placed_by[::-1]))
        )
        order[tied] = rows[by_id]
    return frame.take(order).reset_index(drop=True)


def _order(placed_by: Sequence[npt.NDArray[np.int64]], length: int) -> npt.NDArray[np.int64]:
    """Return the rows in the order of their ranks, of which the first weighs most."""
    if not placed_by:
        return np.arange(length)
    if len(placed_by) == 2:  # the big tables: by lead and time
        return sort_by_group(placed_by[0], placed_by[1], int(placed_by[0].max()) + 1)[0]
    return np.lexsort(placed_by[::-1])


def _column_bytes(values: pd.Series) -> bytes:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.astype("int64").to_numpy().tobytes()
    if values.dtype == "float64":
        return values.to_numpy().tobytes()
    if isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype):
        return _text_bytes(pa.array(values, from_pandas=True))
    return pd.util.hash_pandas_object(values.astype(object), index=False).to_numpy().tobytes()


def _text_bytes(values: pa.Array | pa.ChunkedArray) -> bytes:
    """Return the lengths of strings, -1 where missing, and then their characters."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    text = values.cast(pa.large_string()).cast(pa.large_binary())
    lengths = np.asarray(pc.fill_null(pc.binary_length(text), -1)).astype(np.int64)
    if not len(text):
        return b""
    filled = pc.fill_null(text, b"")
    _, offsets, characters = filled.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[filled.offset :][: len(text) + 1]
    whole = b"" if characters is None else characters[ends[0] : ends[-1]].to_pybytes()
    return lengths.tobytes() + whole
