"""Making one canonical column out of source columns."""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from history.mapping.declaration import Cell, Mapping
from history.mapping.names import plain

_ISO = re.compile(r"^(\d{4}-\d{2}-\d{2})[T ](\d{1,2}):(\d{2})(.*)$")
_READY = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:[\d.]+)?(Z|[+-]\d{2}:\d{2})?$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_NUMBER = re.compile(
    r"^\(?[-+\u2212]?[^\d(.,+\u2212-]*([-+\u2212]?[\d.,'\u00a0\u202f ]*\d)"
    r"\s*([KMB](?![A-Za-z])|mio|million|mn|bn|billion|)[^\d]*$",
    re.I,
)
_MINUS = ("-", "\u2212")
# A letter alone: KRW and MXN are currencies.
_POWERS = {"": 1.0, "K": 1e3, "B": 1e9, "BN": 1e9, "BILLION": 1e9} | dict.fromkeys(
    ("M", "MN", "MIO", "MILLION"), 1e6
)
_BRACES = re.compile(r"\{([^{}]+)\}")


def make_cell(cell: Cell, frame: pd.DataFrame, mapping: Mapping, *, time: bool) -> pd.Series:
    """Make a column.

    Parameters
    ----------
    cell : how.
    frame : the rows of the rule, as text, columns of joined tables as ``table.column``.
    mapping : formats and placeholders of the source.
    time : whether the column holds times.

    Returns
    -------
    Text, None where there is nothing; what cannot be read stays as it came, so that its row is
    refused with the value in the message.
    """
    if cell.value is not None:
        return pd.Series(cell.value, index=frame.index, dtype=object)
    if cell.latest:
        return _latest([times(_column(frame, name), mapping) for name in cell.latest])
    if cell.template is not None:
        made = _filled(cell.template, frame)
    else:
        made = _coalesced([_column(frame, name) for name in cell.column])
    if cell.map:
        made = _mapped(made, cell)
    if time:
        made = times(made, mapping)
    if cell.number:
        made = numbers(made, mapping.decimal, cell.factor)
    return made


def key(name: str) -> str:
    """Return the key of a source column in a rule's frame: joined ones keep their table."""
    table, dot, column = name.rpartition(".")
    return f"{plain(table)}.{plain(column)}" if dot else plain(column)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if key(name) not in frame.columns:
        return pd.Series(None, index=frame.index, dtype=object)
    values = frame[key(name)]
    return values.astype(object).where(values.notna().to_numpy(), None)


def _coalesced(columns: Sequence[pd.Series]) -> pd.Series:
    made = columns[0]
    for column in columns[1:]:
        made = made.where(made.notna(), column)
    return made


def _mapped(values: pd.Series, cell: Cell) -> pd.Series:
    table = {source.casefold(): ours for source, ours in cell.map.items()}
    found = [
        table.get(value.casefold(), cell.default) if isinstance(value, str) else None
        for value in values.tolist()
    ]
    return pd.Series(found, index=values.index, dtype=object)


def _filled(template: str, frame: pd.DataFrame) -> pd.Series:
    names = _BRACES.findall(template)
    columns = [[_same(each) for each in _column(frame, name).tolist()] for name in names]
    shape = _BRACES.sub("{}", template)
    rows = zip(*columns, strict=True) if columns else [()] * len(frame)
    made = [
        shape.format(*row) if all(isinstance(each, str) for each in row) else None for row in rows
    ]
    return pd.Series(made, index=frame.index, dtype=object)


def _same(value: object) -> object:
    """Return a time in one notation, so that an id is the same wherever its table lies."""
    if not isinstance(value, str) or not _ISO.match(value):
        return value
    text = re.sub(r"(\.\d*?)0+(?=$|Z|[+-])", r"\1", _time(value, ()))
    return re.sub(r"\.?(Z|[+-]00:?00|)$", "", text)


def _latest(columns: Sequence[pd.Series]) -> pd.Series:
    """Return the latest of times; a date without a time of day counts as its end."""
    best, when = columns[0], _instants(columns[0])
    for column in columns[1:]:
        then = _instants(column)
        later = (then > when) | when.isna()
        best, when = best.where(~later, column), when.where(~later, then)
    return best


def _instants(values: pd.Series) -> pd.Series:
    ends = [f"{each}T23:59:59.999999" if _is_date(each) else each for each in values.tolist()]
    parsed = pd.to_datetime(
        pd.Series(ends, dtype=object), utc=True, format="ISO8601", errors="coerce"
    )
    parsed.index = values.index
    return parsed


def _is_date(value: str | None) -> bool:
    return isinstance(value, str) and bool(_DATE.match(value))


def times(values: pd.Series, mapping: Mapping) -> pd.Series:
    """Return times as ISO 8601 text; dates without a time of day stay dates."""
    given = values.tolist()
    others = {each for each in given if isinstance(each, str) and not _READY.match(each)}
    read = {each: _time(each, mapping.time_formats) for each in others}
    made = [read.get(each, each) if isinstance(each, str) else None for each in given]
    return pd.Series(made, index=values.index, dtype=object)


@lru_cache(maxsize=4096)
def _pattern(text: str, format: str) -> str | None:
    try:
        stamp = pd.to_datetime(text, format=format)
    except ValueError:
        return None
    return str(stamp.date()) if "%H" not in format and "%I" not in format else stamp.isoformat()


def _time(text: str, formats: tuple[str, ...]) -> str:
    clean = re.sub(r"\s*(?:UTC|GMT)$", "+00:00", text.strip())
    iso = _ISO.match(clean)
    if iso is not None:
        day, hour, minute, rest = iso.groups()
        return f"{day}T{int(hour):02d}:{minute}{rest.replace(' ', '')}"
    for format in formats:
        read = _pattern(clean, format)
        if read is not None:
            return read
    return clean


def numbers(values: pd.Series, decimal: str, factor: float = 1.0) -> pd.Series:
    """Return money and numbers of any notation as plain numbers.

    A mark that occurs twice, or before the other one, parts thousands. A single mark before
    three digits could be either: the other values of the column decide, else `decimal`.
    """
    present = {value: found for value in set(values.dropna()) if (found := _NUMBER.match(value))}
    mark = _decimal_mark([found.group(1) for found in present.values()], decimal)
    read: Dict[str, object] = {
        value: _number(value, found.group(1), found.group(2), mark) * factor
        for value, found in present.items()
    }
    made = [read.get(value, value) if isinstance(value, str) else None for value in values.tolist()]
    return pd.Series(made, index=values.index, dtype=object)


def _decimal_mark(digits: Sequence[str], default: str) -> str:
    votes = {".": 0, ",": 0}
    for text in digits:
        for mark, other in ((".", ","), (",", ".")):
            last = text.rfind(mark)
            if last < 0 or text.count(mark) > 1 or text.rfind(other) > last:
                continue
            if other in text or len(text) - last - 1 != 3:
                votes[mark] += 1
    if votes["."] == votes[","]:
        return default
    return max(votes, key=lambda mark: votes[mark])


def _number(value: str, digits: str, power: str, mark: str) -> float:
    other = "," if mark == "." else "."
    clean = re.sub(r"['\u00a0\u202f +\u2212-]", "", digits).replace(other, "").replace(mark, ".")
    bare = value.strip()
    signed = digits.startswith(_MINUS) or bare.startswith(("(", *_MINUS)) or bare.endswith(_MINUS)
    return (-1.0 if signed else 1.0) * float(clean) * _POWERS[power.upper()]
