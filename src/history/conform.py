"""From rows as they were read to rows as the contracts want them, and the rows that do not fit.

Readers hand over whatever the source holds: strings, numbers, instants. Here ids become strings,
times become UTC instants, numbers are checked, and every row that breaks the contract is set
aside with the file, the row, the field and the reason. Nothing is guessed: a time without a zone
is refused as long as nobody has named the zone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from history.errors import SourceError
from history.history import UTC_MICROSECONDS
from history.rejects import Conformed, Problems
from history.schemas import SCHEMAS
from history.tables import STAGES, Column, Table

EARLIEST = pd.Timestamp("1970-01-01", tz="UTC").as_unit("us")
LATEST = pd.Timestamp("2200-01-01", tz="UTC").as_unit("us")
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_ZONE = r"(?:[zZ]|[+-]\d{2}:?\d{2})$"
MISSING_WORDS = frozenset({"", "nan", "NaN", "NULL", "null", "None", "NaT", "<NA>"})
LARGEST_NUMBER = 1e13
"""Beyond it money in minor units would no longer be exact."""


def conform(
    table: Table,
    raw: pd.DataFrame,
    *,
    origin: str,
    timezone: str | None,
    partial: bool = False,
) -> Conformed:
    """Bring a raw frame to the contract of a table.

    Parameters
    ----------
    table : the contract.
    raw : the rows as read, with canonical column names.
    origin : the file or table that they came from, for messages.
    timezone : the zone of times that carry none. A date without a time of day means the start of
        that day, learned of at its very end, so that it is known from the following midnight.
    partial : whether these are only the new rows of the source: then all of them may be bad.

    Raises
    ------
    SourceError : a required column is missing, a time carries no zone and none is configured, or
        not a single row fits.
    """
    missing = [name for name in table.required if name not in raw.columns]
    if missing:
        raise SourceError(
            f"{origin}: the column {missing[0]!r} is missing; {table.name} needs "
            f"{', '.join(table.required)} (found {', '.join(map(str, raw.columns)) or 'none'})"
        )
    raw = raw.reset_index(drop=True)
    problems = Problems(raw, table, origin)
    data = {column.name: _column(column, raw, problems, timezone) for column in table.columns}
    _fill_recorded(raw, data, problems, timezone)
    extra = [name for name in raw.columns if table.attributes and name not in data]
    frame = pd.DataFrame({**data, **{name: _attribute(raw[name]) for name in extra}})
    frame[table.key] = frame[table.key].where(frame[table.key].notna(), _derived_ids(table, frame))
    duplicates = _mark_duplicates(table, frame, problems)
    rejects = [problems.found[position] for position in sorted(problems.found)]
    kept = frame[~problems.rows() & ~duplicates].reset_index(drop=True)
    if len(raw) and len(rejects) == len(raw) and not partial:
        raise SourceError(f"{rejects[0]}; none of the {len(raw)} rows of {origin} can be used")
    # A frame that breaks the contract here would be a defect of ours, not of the source.
    SCHEMAS[table.name].validate(kept)
    given = frozenset(name for name in table.names if name in raw.columns)
    return Conformed(kept, rejects, int(duplicates.sum()), given)


_EMPTY: dict[str, Any] = {"time": UTC_MICROSECONDS, "number": "float64", "value": "object"}


def _column(
    column: Column, raw: pd.DataFrame, problems: Problems, timezone: str | None
) -> pd.Series:
    if column.name not in raw.columns:
        dtype: Any = _EMPTY.get(column.kind, "str")
        return pd.Series(index=raw.index, dtype=dtype)
    values = raw[column.name]
    if column.kind == "time":
        clean = _times(values, column.name, problems, timezone)
    elif column.kind == "number":
        clean = _numbers(values, column, problems)
    elif column.kind == "value":
        clean = values.astype(object).where(~_blank(values), None)
    else:
        clean = texts(values)
    if column.required:
        absent = clean.isna().to_numpy()
        problems.add(absent, column.name, f"is missing; every row needs {column.meaning}")
    if column.among:
        wrong = (clean.notna() & ~clean.isin(column.among)).to_numpy()
        problems.add(wrong, column.name, f"expected one of {', '.join(column.among)}")
    return clean


def texts(values: pd.Series) -> pd.Series:
    """Return ids and names as strings, trimmed; whole floats lose their decimal point."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.rename_categories(lambda each: str(each).strip()).astype("str")
    if pd.api.types.is_float_dtype(values.dtype):
        whole = values.dropna().mod(1).eq(0).all()
        values = values.astype("Int64") if whole else values
    clean = values.astype("str").str.strip()
    return clean.where(~clean.isin(MISSING_WORDS).to_numpy())


def _blank(values: pd.Series) -> pd.Series:
    return values.isna() | values.astype("str").str.strip().isin(MISSING_WORDS)


def _attribute(values: pd.Series) -> pd.Series:
    """Read an attribute as numbers where all of it is, and as strings otherwise.

    Digits with a leading zero are a code (a postcode, say), not a number.
    """
    if values.dtype != object and not pd.api.types.is_string_dtype(values.dtype):
        return values
    clean = values.astype(object).where(~_blank(values), None)
    known = clean.dropna()
    if not len(known) or not known.map(lambda each: isinstance(each, str)).all():
        return clean
    coded = known.astype("str").str.match(r"^[+-]?0\d").any()
    numbers = pd.to_numeric(clean, errors="coerce")
    return clean if coded or numbers.isna().sum() > clean.isna().sum() else numbers.astype(float)


def _numbers(values: pd.Series, column: Column, problems: Problems) -> pd.Series:
    blank = _blank(values)
    numbers = pd.to_numeric(values.where(~blank), errors="coerce").astype("float64")
    problems.add((numbers.isna() & ~blank).to_numpy(), column.name, "expected a number")
    huge = (numbers.abs() > LARGEST_NUMBER).to_numpy()
    problems.add(huge, column.name, f"expected a number of at most {LARGEST_NUMBER:.0e}")
    if column.minimum is not None:
        low = (numbers < column.minimum).to_numpy()
        problems.add(low, column.name, f"expected at least {column.minimum:g}")
    return numbers.where(np.isfinite(numbers))


def _times(values: pd.Series, name: str, problems: Problems, timezone: str | None) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        clean = values.dt.tz_convert("UTC").astype(UTC_MICROSECONDS)
    elif pd.api.types.is_datetime64_dtype(values.dtype):
        clean = _localized(values, values, name, problems, timezone)
    else:
        clean = _parsed(values, name, problems, timezone)
    outside = ((clean < EARLIEST) | (clean >= LATEST)).fillna(False).to_numpy()
    problems.add(outside, name, "expected a time between 1970 and 2200")
    return clean


def _parsed(values: pd.Series, name: str, problems: Problems, timezone: str | None) -> pd.Series:
    text = texts(values)
    zoned = text.str.contains(_ZONE, regex=True).fillna(False).to_numpy(dtype=bool)
    zoned = zoned & ~text.str.match(_DATE).fillna(False).to_numpy(dtype=bool)
    clean = pd.Series(pd.NaT, index=values.index, dtype=UTC_MICROSECONDS)
    if zoned.any():
        parsed = pd.to_datetime(text[zoned], utc=True, format="ISO8601", errors="coerce")
        clean[zoned] = parsed.astype(UTC_MICROSECONDS)
    rest = text[~zoned]
    if rest.notna().any():
        naive = pd.to_datetime(rest, format="ISO8601", errors="coerce").astype("datetime64[us]")
        clean[~zoned] = _localized(naive, values[~zoned], name, problems, timezone)
    bad = (clean.isna() & text.notna()).to_numpy()
    problems.add(bad, name, "is no ISO 8601 time, such as 2025-06-30T09:15:00+02:00")
    return clean


def _localized(
    naive: pd.Series, raw: pd.Series, name: str, problems: Problems, timezone: str | None
) -> pd.Series:
    """Place naive times in the configured zone.

    Where clocks go back the earlier of two instants is meant; a time that clocks skip is moved
    forward to the first one that exists.
    """
    if timezone is None and naive.notna().any():
        first: Any = naive.notna().idxmax()
        raise SourceError(
            f"{problems.origin}, row {first + 1}, {name}: {raw.loc[first]!s} carries no time zone; "
            "name the zone of such times with --timezone or [history] timezone, or write them "
            "with one, as in 2025-06-30T09:15:00+02:00"
        )
    zone = ZoneInfo(timezone or "UTC")
    earlier = np.ones(len(naive), dtype=bool)
    placed = naive.dt.tz_localize(zone, ambiguous=earlier, nonexistent="shift_forward")
    return placed.dt.tz_convert("UTC").astype(UTC_MICROSECONDS)


def _fill_recorded(
    raw: pd.DataFrame,
    data: dict[str, pd.Series],
    problems: Problems,
    timezone: str | None,
) -> None:
    """Say when each row was learned of, where the source does not."""
    if "recorded_at" not in data:
        return
    event = "valid_from" if "valid_from" in data else "occurred_at"
    learned = data[event].copy()
    dates = _date_only(raw[event])
    if dates.any():
        zone = ZoneInfo(timezone or "UTC")
        local = data[event][dates].dt.tz_convert(zone).dt.tz_localize(None)
        midnight = (local + pd.Timedelta(days=1)).dt.tz_localize(
            zone, ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward"
        )
        learned[dates] = midnight.dt.tz_convert("UTC") - pd.Timedelta(microseconds=1)
    given = data["recorded_at"]
    if "recorded_at" in raw.columns:
        # A date in recorded_at, too, is known only when its day is over.
        own_dates = _date_only(raw["recorded_at"])
        given = given.where(~own_dates, given + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1))
    early = ((given < data[event]) & given.notna()).fillna(False).to_numpy()
    problems.add(early, "recorded_at", f"lies before {event}; nothing is recorded ahead of time")
    data["recorded_at"] = given.where(given.notna(), learned).astype(UTC_MICROSECONDS)


def _date_only(values: pd.Series) -> npt.NDArray[np.bool_]:
    if not (values.dtype == object or pd.api.types.is_string_dtype(values.dtype)):
        return np.zeros(len(values), dtype=bool)
    return values.astype("str").str.strip().str.match(_DATE).fillna(False).to_numpy(dtype=bool)


def _derived_ids(table: Table, frame: pd.DataFrame) -> pd.Series:
    """Derive ids from content: the same row has the same id whenever it is read.

    Equal times are ordered by id, so that of an outcome begins with its place in the funnel: two
    stages of one day follow each other as they must have.
    """
    absent = frame[table.key].isna().to_numpy()
    ids = pd.Series(index=frame.index, dtype="str")
    if absent.any():
        names = [name for name in table.names if name not in (table.key, "recorded_at")]
        rows = frame.loc[absent, names]
        rows = pd.DataFrame({name: _written(rows[name]) for name in names}, index=rows.index)
        joined = rows.agg("\x1f".join, axis=1) if names else rows.index.astype("str")
        ids[absent] = [
            hashlib.blake2b(text.encode(), digest_size=12).hexdigest() for text in joined
        ]
    if "stage" in frame.columns and absent.any():
        place = frame["stage"].map({stage: f"{rank}-" for rank, stage in enumerate(STAGES)})
        ids = ids.where(~absent, place.astype("str").fillna("") + ids)
    return ids


def _written(values: pd.Series) -> pd.Series:
    """Write each value in a way that does not depend on the others: pandas aligns fractions."""
    if not isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.astype("str").fillna("")
    whole = values.dt.floor("s").astype("str").fillna("")
    split = (values.dt.microsecond > 0).to_numpy()
    fraction = values[split].dt.strftime(".%f")
    whole[split] = whole[split].str[:19] + fraction + whole[split].str[19:]
    return whole


def _mark_duplicates(
    table: Table, frame: pd.DataFrame, problems: Problems
) -> npt.NDArray[np.bool_]:
    """Tell equal rows from rows that claim the id of another one."""
    repeated = frame[table.key].duplicated(keep="first") & frame[table.key].notna()
    if not repeated.any():
        return np.zeros(len(frame), dtype=bool)
    suspects = frame[frame[table.key].isin(frame.loc[repeated, table.key])].astype(object)
    same = suspects.fillna("\x00missing").astype("str").duplicated(keep="first")
    equal = np.zeros(len(frame), dtype=bool)
    equal[suspects.index[same.to_numpy()]] = True
    conflicting = repeated.to_numpy() & ~equal
    problems.add(
        conflicting, table.key, "is the id of an earlier row with other content; ids are unique"
    )
    return equal


def columns_of(frames: Sequence[pd.DataFrame]) -> list[str]:
    """Return the names of all columns, in order of appearance."""
    return list(dict.fromkeys(name for frame in frames for name in frame.columns))
