import numpy as np
import pytest

from features.audit import NotApplicable
from features.audit.subject import subject_of
from features.audit.written_together import check
from tests.features.audit.companies import company


def block(of):
    def column(leads, random):
        return np.where(
            of(np.arange(len(leads)) / len(leads)),
            leads["won"] * 3 + random.random(len(leads)),
            np.nan,
        )

    return column


def recent(place):
    return np.random.default_rng(1).random(len(place)) < 0.2 + 0.6 * place


def any_time(place):
    return np.random.default_rng(1).random(len(place)) < 0.5


def test_detects_scores_that_a_run_wrote():
    history = company(score=block(recent), index=block(recent))
    found = {finding.where: finding.severity for finding in check(subject_of(history, "won"))}
    assert found == {"leads.score": "high", "leads.index": "high"}


def test_does_not_flag_fields_of_one_optional_form():
    assert list(check(subject_of(company(a=block(any_time), b=block(any_time)), "won"))) == []


def test_needs_two_fields_that_go_together():
    with pytest.raises(NotApplicable, match="no two fields"):
        list(check(subject_of(company(), "won")))
