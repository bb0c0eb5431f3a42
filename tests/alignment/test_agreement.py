import pandas as pd
import pytest

from alignment.agreement import Agreement, AgreementError, changes, rules, terms_of
from settings.agreement import AgreementSettings


def test_terms_are_checked_with_the_field_that_is_wrong():
    with pytest.raises(AgreementError, match=r"handoff_hours.*got -1"):
        terms_of({"handoff_hours": -1})
    with pytest.raises(AgreementError, match="colour"):
        terms_of({"colour": "red"})


def test_changes_name_both_values():
    before, after = AgreementSettings(), AgreementSettings(target_wins=5)
    assert changes(before, after) == {"target_wins": (None, 5.0)}
    assert changes(before, before) == {}


def test_rules_are_fields_and_values():
    assert rules(AgreementSettings(excluded=("source=list=2", " a = b "))) == [
        ("source", "list=2"),
        ("a", "b"),
    ]
    with pytest.raises(AgreementError, match="source=partner"):
        rules(AgreementSettings(excluded=("list",)))


def test_a_stored_version_comes_back():
    at = pd.Timestamp("2025-01-01", tz="UTC")
    record = {"version": 2, "content": {"target_wins": 9}, "who": "ann", "why": "more", "at": at}
    found = Agreement.from_record(record)
    assert (found.version, found.terms.target_wins, found.as_dict()["at"]) == (
        2,
        9.0,
        at.isoformat(),
    )
