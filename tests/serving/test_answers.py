import math
from dataclasses import asdict, fields

import pytest

from serving.answers import Answers, trend
from serving.contract import LeadScore

REASON = {"feature": "f", "label": "words", "value": 3.0, "effect": 0.05}
ANSWERS = Answers((30, 90), "7", 1000.0)


def answer(*, reasons=(REASON,), still_open=True):
    at = "2025-01-01T00:00:00+00:00"
    return ANSWERS.answer(
        "a", at, [0.1, 0.25], 80.0, "B", reasons, earlier=math.nan, still_open=still_open
    )


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
    found = answer()
    assert found.expected_value == 250.0
    assert found.probability == 0.25
    assert found.horizon_days == 90


def test_a_closed_lead_is_said_to_be_closed():
    found = answer(still_open=False)
    assert found.status == "closed"
    assert found.message


def test_values_of_reasons_are_texts():
    values = [3.0, "web", None, 0.333333333]
    told = answer(reasons=[REASON | {"value": value} for value in values]).reasons
    assert [each.value for each in told] == ["3", "web", "", "0.333333"]


def test_a_refusal_has_every_key():
    refusal = ANSWERS.refusal("a", "", "invalid", "why")
    assert set(asdict(refusal)) == {each.name for each in fields(LeadScore)}
    assert [each.probability for each in refusal.probabilities] == [0.0, 0.0]
