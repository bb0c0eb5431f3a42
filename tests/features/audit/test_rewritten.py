import dataclasses

import pandas as pd
import pytest

from features.audit import NotApplicable
from features.audit.rewritten import check
from features.audit.subject import subject_of
from tests.features.audit.companies import START, company

MIDYEAR = START + pd.Timedelta(days=180)


def older_and_newer(**change):
    history = company(is_sql=False, touches=1)
    older = history.known_before(MIDYEAR)
    return older, dataclasses.replace(history, leads=history.leads.assign(**change))


def found(older, newer):
    return [(each.where, each.used) for each in check(subject_of(newer, "won", older))]


def test_detects_fields_that_are_overwritten_and_tell_little():
    older, newer = older_and_newer(is_sql=[True, False] * 600, touches=[1, 2, 3] * 400)
    assert found(older, newer) == [("leads.is_sql", True), ("leads.touches", True)]


def test_tells_a_field_that_no_feature_uses():
    older, newer = older_and_newer(is_sql=True)
    unused = dataclasses.replace(newer, current_only=frozenset({"leads.is_sql"}))
    assert found(older, unused) == [("leads.is_sql", False)]


def test_detects_a_column_that_came_later():
    older, newer = older_and_newer(customer_id=["k", None] * 600)
    assert found(older, newer) == [("leads.customer_id", True)]


def test_detects_rows_that_claim_to_be_older_than_they_are():
    older, newer = older_and_newer()
    first = older.engagements.index[:50]
    shorter = dataclasses.replace(older, engagements=older.engagements.drop(index=first))
    assert found(shorter, newer) == [("engagements", True)]


def test_does_not_flag_a_history_that_only_grew():
    assert found(*older_and_newer()) == []


def test_needs_an_older_extract():
    with pytest.raises(NotApplicable, match="--against"):
        list(check(subject_of(company(), "won")))
