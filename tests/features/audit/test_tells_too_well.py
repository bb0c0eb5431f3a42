import numpy as np
import pytest

from features.audit import NotApplicable
from features.audit.subject import subject_of
from features.audit.tells_too_well import check
from tests.features.audit.companies import company


def found(history):
    return {finding.where for finding in check(subject_of(history, "won"))}


def test_detects_a_verdict():
    verdict = company(verdict=lambda leads, random: np.where(leads["won"], "yes", "no"))
    assert found(verdict) == {"leads.verdict"}


def test_detects_a_number_that_knows():
    score = company(score=lambda leads, random: leads["won"] * 2.0 + random.normal(size=len(leads)))
    assert found(score) == {"leads.score"}


def test_does_not_flag_a_good_but_honest_field():
    hint = company(
        hint=lambda leads, random: np.where(random.random(len(leads)) < 0.3, leads["won"], False)
    )
    assert found(hint) == set()


def test_does_not_flag_what_names_every_lead():
    assert found(company(email=lambda leads, random: leads["lead_id"] + "@x.test")) == set()


def test_needs_conversions():
    history = company()
    with pytest.raises(NotApplicable, match="0 of 1200 leads converted"):
        list(check(subject_of(history, "opportunity")))
