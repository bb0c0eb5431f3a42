import base64

import pandas as pd
import pytest

from alignment.pages import parts
from alignment.pages.render import typed

NOW = pd.Timestamp("2025-03-01T12:00:00Z")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "50\u00a0%"),
        (0.056, "5.6\u00a0%"),
        (0, "0\u00a0%"),
        (1e-5, "< 0.1\u00a0%"),
        (float("nan"), "-"),
        (None, "-"),
    ],
)
def test_shares(value, text):
    assert parts.share(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(950, "950"), (15_400, "15 k"), (2.1e6, "2.10 M"), (None, "-")]
)
def test_money(value, text):
    assert parts.money(value) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [(5, "due in 5 h"), (72, "due in 3 days"), (-5, "overdue by 5 h"), (-96, "overdue by 4 days")],
)
def test_clocks(hours, text):
    assert parts.clock(NOW + pd.Timedelta(hours=hours), NOW) == text
    assert parts.clock(pd.NaT, NOW) == ""


def test_reasons_are_words():
    found = parts.reason(
        {"feature": "f", "label": "e-mail clicks", "value": 1234.0, "effect": -0.021}
    )
    assert found == {"words": "E-mail clicks: 1,234", "effect": "-2.1 points", "up": False}
    assert parts.reason({"label": "source", "value": None, "effect": 0.0})["words"] == "Source"


def text_of(link):
    return base64.b64decode(link.partition("base64,")[2]).decode()


def test_a_saved_table_holds_no_formula():
    link = parts.csv_link(["campaign", "share"], [["=cmd()", "-5 %"], ["a,b", "3"]])
    assert text_of(link).splitlines() == ["campaign,share", "'=cmd(),-5 %", '"a,b",3']


def test_figures_are_saved_as_the_numbers_that_they_are():
    rows = [["a", parts.share(0.1234), parts.money(12_345.6), parts.points(0.021), "1,042", "-"]]
    saved = text_of(parts.csv_link(["x", "share", "money", "effect", "leads", "none"], rows))
    assert saved.splitlines()[1] == "a,0.1234,12345.6,2.1,1042,-"


def test_nearly_all_is_not_all():
    assert parts.share(0.9999) == "> 99\u00a0%"
    assert parts.share(1.0) == "100\u00a0%"


def test_columns_of_figures_are_told_from_words():
    rows = [
        ["a", "12 %", "-", "email", "3 days"],
        ["b", "< 0.1\u00a0%", "1.2 M", "4", "-2.1 points"],
    ]
    assert parts.numeric(rows) == [False, True, True, False, True]


def test_what_is_typed_stands_out_and_nothing_else_becomes_markup():
    assert typed("run `a <b>`, then `c`") == "run <code>a &lt;b&gt;</code>, then <code>c</code>"
    assert typed("`x` & <script>") == "<code>x</code> &amp; &lt;script&gt;"
