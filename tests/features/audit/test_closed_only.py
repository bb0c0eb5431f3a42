import numpy as np
import pytest

from features.audit import NotApplicable
from features.audit.closed_only import check
from features.audit.subject import subject_of, subject_of_table
from tests.features.audit.companies import company


def test_detects_values_written_at_the_closing():
    def status(leads, random):
        return np.where(leads["closed"], random.choice(["archived", "done"], len(leads)), "active")

    [finding] = check(subject_of(company(status=status), "won"))
    assert finding.where == "leads.status"
    assert "'archived' or 'done'" in finding.message


def test_does_not_flag_a_source_that_closed_long_ago():
    def source(leads, random):
        return np.where(np.arange(len(leads)) < 200, "the fair of January", "web")

    history = company(origin=source)
    assert [each.where for each in check(subject_of(history, "won"))] == []


def test_needs_to_know_who_is_open():
    table = company().leads[["lead_id", "source"]].assign(y=[0, 1] * 600)
    with pytest.raises(NotApplicable, match="does not say"):
        list(check(subject_of_table(table, outcome="y", key="lead_id", order=None)))
