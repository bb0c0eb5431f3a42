import math

import pandas as pd
import pytest

from serving.answers import Answers, trend
from serving.contract import LeadScore

ROW = {
    "lead_id": "a",
    "as_of": pd.Timestamp("2025-01-01", tz="UTC"),
    "probability_30d": 0.1,
    "probability_90d": 0.25,
    "score": 80.0,
    "grade": "B",
    "reasons": [{"feature": "f", "label": "words", "value": 3.0, "effect": 0.05}],
}
ANSWERS = Answers((30, 90), "7", 1000.0)


@pytest.mark.parametrize(
    ("score", "earlier", "expected"),
    [
        (80, 60, "improving"),
        (80, 78, "steady"),
        (60, 80, "declining"),
        (80, math.nan, "unknown"),
    ],
)
def test_trend_compares_with_a_week_before(score, earlier, expected):
    assert trend(score, earlier) == expected


def test_expected_value_is_the_chance_times_the_value_of_a_win():
    answer = ANSWERS.answer(ROW, math.nan, still_open=True)
    assert answer.expected_value == 250.0
    assert answer.probability == 0.25
    assert answer.horizon_days == 90


def test_a_closed_lead_is_said_to_be_closed():
    answer = ANSWERS.answer(ROW, math.nan, still_open=False)
    assert answer.status == "closed"
    assert answer.message


def test_values_of_reasons_are_texts():
    values = [3.0, "web", None, 0.333333333]
    rows = [ROW | {"reasons": [ROW["reasons"][0] | {"value": value}]} for value in values]
    told = [ANSWERS.answer(row, 0.0, still_open=True).reasons[0].value for row in rows]
    assert told == ["3", "web", "", "0.333333"]


def test_a_refusal_has_every_key():
    refusal = ANSWERS.refusal("a", "", "invalid", "why")
    assert set(refusal.model_dump()) == set(LeadScore.model_fields)
    assert [each.probability for each in refusal.probabilities] == [0.0, 0.0]
