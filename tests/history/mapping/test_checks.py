"""A wrong mapping is explained, not obeyed."""

from __future__ import annotations

import pytest

from history.mapping import MappingError, parse_mapping
from history.sources.mapped import read_mapped
from tests.history.mapping import warehouse


def mapping(**changes):
    leads = {
        "into": "leads",
        "from": "contact",
        "columns": {"lead_id": "id", "created_at": "property_createdate"},
        **changes.pop("leads", {}),
    }
    outcomes = {
        "into": "outcomes",
        "from": "contact_property_history",
        "columns": {
            "lead_id": "contact_id",
            "occurred_at": "timestamp",
            "stage": {"column": "value", "map": {"marketingqualifiedlead": "mql"}},
        },
        **changes.pop("outcomes", {}),
    }
    return {"name": "own", "timezone": "UTC", "rules": [leads, outcomes], **changes}


@pytest.fixture
def source(tmp_path):
    return warehouse.as_sqlite(tmp_path / "w.db", warehouse.tables())


def test_a_right_mapping_of_ones_own_is_obeyed(source):
    extract = read_mapped(source, parse_mapping(mapping(), "[mapping]"), None)
    assert extract.tables["outcomes"].frame["stage"].tolist() == ["mql"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leads": {"into": "people"}}, "into: expected one of leads"),
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"leads": {"columns": {"lead_id": "id"}}}, "leads needs 'created_at'"),
        ({"outcomes": {"columns": {"lead_id": "a", "occured_at": "b"}}}, "mean 'occurred_at'"),
        (
            {"rules": [{"into": "accounts", "from": "a", "columns": {"account_id": "id"}}]},
            "none makes leads",
        ),
    ],
)
def test_words_that_mean_nothing_are_named(changes, words):
    with pytest.raises(MappingError, match=words):
        parse_mapping(mapping(**changes), "[mapping]")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leads": {"from": "contacts", "optional": False}}, "did you mean 'contact'"),
        (
            {"leads": {"columns": {"lead_id": "idd", "created_at": "property_createdate"}}},
            "there is no column 'idd'; did you mean 'id'",
        ),
        (
            {"leads": {"fixed": ["property_lifecyclestage"]}, "hindsight": ["*lifecyclestage"]},
            "holds the outcome and was written after it",
        ),
        (
            {"leads": {"columns": {"lead_id": "id", "created_at": "lastmodifieddate"}}},
            "there is no column 'lastmodifieddate'",
        ),
        (
            {"leads": {"columns": {"lead_id": "id", "created_at": "property_email"}}},
            "holds no times, such as 'a@x'",
        ),
        (
            {
                "outcomes": {
                    "columns": {
                        "lead_id": "value",
                        "occurred_at": "timestamp",
                        "stage": {"value": "mql"},
                    }
                }
            },
            "none of the 4 rows names a known lead",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_is_explained(source, changes, words):
    with pytest.raises(MappingError, match=words):
        read_mapped(source, parse_mapping(mapping(**changes), "[mapping]"), None)


def test_a_time_that_every_change_rewrites_is_refused(tmp_path):
    tables = warehouse.tables()
    tables["contact"]["lastmodifieddate"] = "2024-05-01 00:00:00"
    source = warehouse.as_sqlite(tmp_path / "w.db", tables)
    wrong = mapping(leads={"columns": {"lead_id": "id", "created_at": "lastmodifieddate"}})
    with pytest.raises(MappingError, match="rewritten at every change"):
        read_mapped(source, parse_mapping(wrong, "[mapping]"), None)
