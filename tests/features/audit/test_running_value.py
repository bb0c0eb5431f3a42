import numpy as np
import pytest

from features.audit.running_value import check, runs
from features.audit.subject import subject_of
from tests.features.audit.companies import company


@pytest.mark.parametrize(
    "name", ["Last Activity", "last_stage", "lastTouch", "currentStage", "total_touches_all"]
)
def test_names_that_say_it_is_overwritten(name):
    assert runs(name)


@pytest.mark.parametrize(
    "name", ["lasting value", "plastic", "currency", "What is your current occupation"]
)
def test_names_that_do_not(name):
    assert not runs(name)


def test_detects_a_last_activity_that_tells():
    def last(leads, random):
        return np.where(
            leads["won"] & (random.random(len(leads)) < 0.5), "contract sent", "mail opened"
        )

    [finding] = check(subject_of(company(last_activity=last), "won"))
    assert (finding.where, finding.severity) == ("leads.last_activity", "high")


def test_only_mentions_a_last_activity_that_tells_nothing():
    [finding] = check(subject_of(company(last_activity=["a", "b"] * 600), "won"))
    assert finding.severity == "medium"
