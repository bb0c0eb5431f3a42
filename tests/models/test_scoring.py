import numpy as np
import pytest

from models.scoring import grade, percentile_scores, score
from settings.agreement import GradeFloors
from settings.settings import GradeSettings

GRADES = GradeSettings()


@pytest.fixture(scope="module")
def scores(tuned, training_set):
    return score(tuned.model, training_set, grades=GRADES, top_reasons=2, version="3")


def test_has_the_promised_columns(scores):
    assert list(scores.frame.columns) == [
        *("lead_id", "as_of", "probability_30d", "probability_90d"),
        *("score", "grade", "reasons", "model_version"),
    ]
    assert (scores.frame["model_version"] == "3").all()
    assert str(scores.frame["as_of"].dtype) == "datetime64[us, UTC]"


def test_score_follows_the_probability(scores):
    ordered = scores.frame.sort_values("probability_90d")
    assert ordered["score"].is_monotonic_increasing
    assert ordered["score"].between(0, 100).all()
    assert set(ordered["grade"]) == set("ABCD")


def test_one_lead_alone_scores_as_among_many(scores, tuned, training_set):
    alone = score(tuned.model, training_set.take(np.array([5])), grades=GRADES, top_reasons=2)
    expected = scores.frame.iloc[5].drop("model_version")
    assert alone.frame.iloc[0].drop("model_version").equals(expected)


def test_no_reasons_when_none_are_asked_for(tuned, training_set):
    found = score(tuned.model, training_set.take(np.arange(3)), grades=GRADES, top_reasons=0)
    assert found.frame["reasons"].tolist() == [[], [], []]


def test_no_leads_no_scores(tuned, training_set):
    found = score(tuned.model, training_set.take(np.array([], dtype=int)), grades=GRADES)
    assert len(found.frame) == 0


def test_grades_begin_at_their_threshold():
    points = np.array([100, 90, 89.9, 70, 40, 39.9, 0])
    chances = np.linspace(0.9, 0.0, len(points))
    assert "".join(grade(points, chances, GRADES)) == "AABBCDD"


def test_agreed_grades_begin_at_their_probability_whatever_the_score():
    chances = np.array([0.3, 0.29, 0.1, 0.0999, 0.05, 0.0499])
    floors = GradeFloors(a=0.3, b=0.1, c=0.05)
    assert "".join(grade(np.full(len(chances), 50.0), chances, floors)) == "ABBCCD"


def test_percentiles_count_ties_half():
    reference = np.array([0.1, 0.2, 0.2, 0.9])
    found = percentile_scores(np.array([0.0, 0.1, 0.2, 1.0]), reference)
    assert found.tolist() == [0.0, 12.5, 50.0, 100.0]
    assert percentile_scores(np.array([0.3]), np.zeros(0)).tolist() == [50.0]
