import numpy as np
import pytest

from features.audit import NotApplicable
from features.audit.filled_in_later import check
from features.audit.subject import subject_of, subject_of_table
from tests.features.audit.companies import company


def found(history):
    return {finding.where for finding in check(subject_of(history, "won"))}


def test_detects_what_is_asked_for_on_the_way_to_a_win():
    def asked(leads, random):
        return np.where(
            random.random(len(leads)) < np.where(leads["won"], 0.9, 0.4), "an answer", None
        )

    assert found(company(occupation=asked)) == {"leads.occupation"}


def test_detects_what_is_written_at_the_closing():
    def reason(leads, random):
        return np.where(leads["closed"], random.choice(["a", "b"], len(leads)), None)

    assert "leads.reason" in found(company(reason=reason))


def test_does_not_flag_a_field_that_is_blank_by_chance():
    assert found(company()) == set()


def test_does_not_flag_a_field_that_went_out_of_use():
    def old(leads, random):
        return np.where(np.arange(len(leads)) < len(leads) // 2, "x", None)

    assert found(company(old=old)) == set()


def test_takes_select_for_blank():
    frame = company().leads.assign(y=lambda leads: leads.index % 2, level="Select", plan="x")
    frame.loc[frame["y"] == 1, "level"] = "gold"
    subject = subject_of_table(
        frame[["lead_id", "y", "level"]], outcome="y", key="lead_id", order=None
    )
    assert [finding.where for finding in check(subject)] == ["leads.level"]


def test_needs_a_blank_somewhere():
    history = company()
    full = subject_of_table(
        history.leads[["lead_id", "source"]].assign(y=[0, 1] * 600),
        outcome="y",
        key="lead_id",
        order=None,
    )
    with pytest.raises(NotApplicable, match="every field is filled in"):
        list(check(full))
