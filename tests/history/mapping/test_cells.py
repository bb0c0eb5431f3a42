"""Times, money and numbers as people and tools write them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.mapping.cells import make_cell, numbers, times
from history.mapping.declaration import Cell, Mapping, parse_mapping

MAPPING: Mapping = parse_mapping(
    {
        "name": "own",
        "time_formats": ["%d %b, %Y %H:%M:%S", "%d.%m.%Y"],
        "rules": [{"into": "leads", "from": "t", "columns": {"lead_id": "i", "created_at": "c"}}],
    },
    "test",
)


def column(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype=object)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("15 Apr, 2021 00:03:00", "2021-04-15T00:03:00"),
        ("31.12.2024", "2024-12-31"),
        ("2020-12-30 3:15:52", "2020-12-30T03:15:52"),
        ("2018-09-20 02:07:59.649 UTC", "2018-09-20T02:07:59.649+00:00"),
        ("2024-01-22T20:36:47.000+0000", "2024-01-22T20:36:47.000+0000"),
        ("soon", "soon"),
    ],
)
def test_times_become_iso(text, read):
    assert times(column(text), MAPPING).tolist() == [read]


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        (["$22,700.00"], [22700.0]),
        (["1.234,50", "2.000"], [1234.5, 2000.0]),
        (["1,234.50", "2,000"], [1234.5, 2000.0]),
        (["$1,117.10K", "€3M"], [1117100.0, 3e6]),
        (["(12.50)", "-3"], [-12.5, -3.0]),
        (["1 234,5"], [1234.5]),
        (["none"], ["none"]),
    ],
)
def test_money_of_any_notation_is_a_number(texts, read):
    assert (
        numbers(column(*texts), ".").tolist() == pytest.approx(read)
        if isinstance(read[0], float)
        else numbers(column(*texts), ".").tolist() == read
    )


@given(st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1, max_size=20))
def test_both_decimal_marks_read_the_same_money(amounts):
    english = [f"{amount:,.2f}" for amount in amounts]
    german = [text.translate(str.maketrans(",.", ".,")) for text in english]
    assert numbers(column(*english), ".").tolist() == pytest.approx(amounts)
    assert numbers(column(*german), ".").tolist() == pytest.approx(amounts)


def test_the_later_of_two_clocks_counts_a_date_as_its_end():
    frame = pd.DataFrame({"a": ["2024-01-01", None], "b": ["2024-01-01T09:00:00", "2024-01-02"]})
    made = make_cell(Cell(latest=("a", "b")), frame, MAPPING, time=True)
    assert made.tolist() == ["2024-01-01", "2024-01-02"]


def test_an_id_of_several_columns_needs_all_of_them():
    frame = pd.DataFrame({"a": ["1", None], "b": ["2", "2"]})
    made = make_cell(Cell(template="{a}-{b}"), frame, MAPPING, time=False)
    assert made.tolist() == ["1-2", None]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100 KRW", 100.0),
        ("500 MXN", 500.0),
        ("9 BRL", 9.0),
        ("1.5 Mio. EUR", 1_500_000.0),
        ("2 bn", 2_000_000_000.0),
        ("\u22125", -5.0),
        ("12.50-", -12.5),
        ("(1,234.50)", -1234.5),
        ("-$3", -3.0),
    ],
)
def test_currencies_are_no_powers_and_every_minus_counts(text, number):
    assert numbers(pd.Series([text, "0.25"]), ".").tolist()[0] == number


def test_an_id_made_of_a_time_is_the_same_wherever_its_table_lies():
    cell = Cell(template="deal-{at}")
    spelled = ["2024-01-01 09:30:00", "2024-01-01T09:30:00Z", "2024-01-01T09:30:00.000000+00:00"]
    made = make_cell(
        cell, pd.DataFrame({"at": [*spelled, "2024-01-01 09:30:00.250"]}), MAPPING, time=False
    )
    assert made.tolist() == ["deal-2024-01-01T09:30:00"] * 3 + ["deal-2024-01-01T09:30:00.25"]
