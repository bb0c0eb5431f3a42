"""What pages are made of: charts with their numbers, and words for values."""

from __future__ import annotations

import base64
import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pandas as pd

from alignment.pages.charts import standalone


class Figure(str):
    """A number in words for people, as `12 %`, that is saved as the number that it is.

    Parameters
    ----------
    text : what people read.
    value : what a file gets.
    """

    value: float

    def __new__(cls, text: str, value: float) -> Figure:
        """Make one; a text cannot be changed afterwards."""
        made = super().__new__(cls, text)
        made.value = value
        return made


@dataclass(frozen=True)
class Chart:
    """A picture and its numbers.

    Parameters
    ----------
    name : unique on its page, used for file names.
    title : what a reader learns from it.
    svg : the picture.
    columns, rows : its numbers, as text.
    note : what a reader has to know.
    """

    name: str
    title: str
    svg: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    @property
    def picture(self) -> str:
        """The picture as a file, in a data address."""
        return _data("image/svg+xml", standalone(self.svg))

    @property
    def numbers(self) -> str:
        """The numbers as a CSV file, in a data address."""
        return csv_link(self.columns, self.rows)


def csv_link(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as a CSV file, in a data address.

    Figures are written as the numbers that they are: shares from 0 to 1, money in full. No cell is
    taken for a formula.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_saved(cell) for cell in row])
    return _data("text/csv", out.getvalue())


def heat_map(columns: Sequence[str], rows: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Return a table whose cells are `shaded`, and its numbers as a file."""
    plain = [[cell["text"] for cell in row] for row in rows]
    return {"columns": columns, "rows": rows, "csv": csv_link(columns, plain)}


def shaded(text: str, value: float = 0.0, highest: float = 0.0) -> dict[str, Any]:
    """Return a cell of a heat map: its text, and how dark it is for its value, in per cent."""
    dark = 0 if math.isnan(value) or not highest > 0 else round(40 * value / highest)
    return {"text": text, "shade": dark}


def share(value: float | None) -> str:
    """Write a share, as `12 %`; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    shown = 100 * value
    if 0 < shown < 0.1:
        return Figure("< 0.1\u00a0%", value)
    if 99.5 <= shown < 100:
        return Figure("> 99\u00a0%", value)
    plain = f"{shown:.0f}" if shown >= 10 or shown == 0 else f"{shown:.1f}"
    return Figure(f"{plain}\u00a0%", value)


def points(value: float) -> str:
    """Write a difference of probability, as `+2.1 points`."""
    sign = "+" if value >= 0 else "-"
    return Figure(f"{sign}{abs(100 * value):.1f} points", 100 * value)


def number(value: float | None) -> str:
    """Write a number without needless digits; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    whole = abs(value) >= 100 or float(value).is_integer()
    return Figure(f"{value:,.0f}" if whole else f"{value:.3g}", value)


def money(value: float | None) -> str:
    """Write money, shortly."""
    if value is None or not math.isfinite(value):
        return "-"
    if abs(value) >= 1e6:
        return Figure(f"{value / 1e6:.2f} M", value)
    return Figure(f"{value / 1e3:.0f} k" if abs(value) >= 1e4 else f"{value:,.0f}", value)


def named(value: Any) -> str:
    """Write a value of a field as people say it, as in `paid search`."""
    return str(value).replace("_", " ")


def figure(value: float | None, unit: str) -> str:
    """Write a value of a unit: count, money or share."""
    return {"share": share, "money": money}.get(unit, number)(value)


def day(at: pd.Timestamp | None) -> str:
    """Write a day."""
    return "-" if at is None or pd.isna(at) else f"{at.day} {at:%b %Y}"


def span(hours: float) -> str:
    """Write a length of time, in hours up to two days."""
    hours = abs(hours)
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def clock(due: pd.Timestamp | None, now: pd.Timestamp) -> str:
    """Write by when something is due."""
    if due is None or pd.isna(due):
        return ""
    left = (due - now) / pd.Timedelta(hours=1)
    return f"due in {span(left)}" if left >= 0 else f"overdue by {span(left)}"


def reason(found: dict[str, Any]) -> dict[str, Any]:
    """Return a reason in words: label with its value, and how it moved the probability."""
    value = found["value"]
    if value is None or value == "":
        text = found["label"]
    else:
        shown = (
            named(value)
            if isinstance(value, str)
            else (f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}")
        )
        text = f"{found['label']}: {shown}"
    text = text[:1].upper() + text[1:]
    return {"words": text, "effect": points(found["effect"]), "up": found["effect"] >= 0}


def _data(kind: str, text: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"


_PLAIN = re.compile(r"[+-]?[\d,]*\.?\d+")
_SHOWN = re.compile(r"[<>]? ?[+-]?[\d,]*\.?\d+(\s?(%|k|M|h|days?|points))?( \(.*\))?")


def _saved(cell: str) -> str:
    """Return a cell as a file gets it."""
    if isinstance(cell, Figure):
        return f"{cell.value:.10g}"
    if _PLAIN.fullmatch(cell):
        return cell.replace(",", "")
    harmless = cell == "-" or _SHOWN.fullmatch(cell) is not None
    return f"'{cell}" if cell[:1] in "=+-@" and not harmless else cell


def numeric(rows: Sequence[Sequence[Any]]) -> list[bool]:
    """Tell which columns of a table hold figures, which stand below each other on the right."""

    def is_figure(cell: Any) -> bool:
        text = str(cell)
        return text in ("-", "") or _SHOWN.fullmatch(text) is not None

    columns = list(zip(*rows, strict=False))
    return [place > 0 and all(map(is_figure, each)) for place, each in enumerate(columns)]
