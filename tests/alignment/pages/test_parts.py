import base64

import pandas as pd
import pytest

from alignment.pages import parts

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


def test_a_saved_table_holds_no_formula():
    link = parts.csv_link(["campaign", "share"], [["=cmd()", "-5 %"], ["a,b", "3"]])
    text = base64.b64decode(link.partition("base64,")[2]).decode()
    assert text.splitlines() == ["campaign,share", "'=cmd(),-5 %", '"a,b",3']
