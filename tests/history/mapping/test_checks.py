"""A wrong mapping is explained, not obeyed."""

from __future__ import annotations

import tomllib

import pytest

from history.mapping import MappingError, parse_mapping, vendor_text
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


def outcome(**more):
    """Return an entry for outcomes with further columns."""
    stage = {"column": "value", "map": {"marketingqualifiedlead": "mql"}}
    made = {"lead_id": "contact_id", "occurred_at": "timestamp", "stage": stage}
    return {"columns": made | more}


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
        ({"timezone": "Mars/Base"}, "timezone: 'Mars/Base' is no time zone"),
        ({"cursor": "loaded"}, "cursor: no table has a column 'loaded'"),
        ({"outcomes": {"from": "contact_history"}}, "did you mean 'contact_property_history'"),
        ({"outcomes": outcome(reason="sourse")}, "reason: there is no column 'sourse'"),
        ({"outcomes": outcome(reason=["name", "nam"])}, "'nam'; did you mean 'name'"),
        (
            {"outcomes": outcome(outcome_id={"template": "{contact_id}-{tim}"})},
            "outcome_id: there is no column 'tim'",
        ),
        ({"outcomes": {"where": {"nme": ["lifecyclestage"]}}}, "where: there is no column 'nme'"),
        ({"outcomes": {"unless": {"nme": ["x"]}}}, "unless: there is no column 'nme'"),
        ({"leads": {"fixed": ["property_emial"]}}, "fixed: there is no column 'property_emial'"),
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


def test_a_table_that_may_be_missing_is_said_to_be_optional(source):
    spare = {"into": "outcomes", "from": "nowhere", "optional": True, **outcome()}
    rules = [*mapping()["rules"], spare]
    extract = read_mapped(source, parse_mapping(mapping(rules=rules), "[mapping]"), None)
    assert extract.tables["outcomes"].frame["stage"].tolist() == ["mql"]


def zoho(tmp_path, calls=30, **changed):
    """Return a small export with calls of known leads and of strangers, and a mapping of it."""
    folder = tmp_path / "zoho"
    folder.mkdir()
    leads = [f'{n},"0{1 + n % 9} Jan, 2024 10:00:00"' for n in range(5)]
    (folder / "Leads.csv").write_text("\n".join(["LEADID,Created Time", *leads]))
    (folder / "Potentials.csv").write_text("LEADID,Stage,Created Time\n")
    head = "TASKID,LEADID,Call Start Time,Created Time,Call Type,Call Purpose,Subject"
    rows = [
        f'{n},{n % 5},"09 Feb, 2024 10:00:00","09 Feb, 2024 11:00:00",Inbound,Prospecting,talk {n}'
        for n in range(calls)
    ]
    (folder / "Calls.csv").write_text("\n".join([head, *rows]))
    data = tomllib.loads(vendor_text("zoho"))
    rule = next(each for each in data["rules"] if each["from"] == "Calls")
    rule["columns"] |= changed
    return str(folder), parse_mapping(data, "[mapping]")


def test_what_a_vendors_mapping_names_may_be_missing_and_what_was_added_may_not(tmp_path):
    folder, untouched = zoho(tmp_path)
    assert len(read_mapped(folder, untouched, None).tables["engagements"].frame) == 30
    edited = untouched.model_dump(by_alias=True, exclude_unset=True)
    rule = next(each for each in edited["rules"] if each["from"] == "Calls")
    rule["columns"]["campaign"] = {"column": ("Subjekt",)}
    with pytest.raises(MappingError, match="campaign: there is no column 'Subjekt'; did you mean"):
        read_mapped(folder, parse_mapping(edited, "[mapping]"), None)


def test_a_column_that_names_no_lead_is_refused_though_other_tables_name_some(tmp_path):
    folder, wrong = zoho(tmp_path, lead_id="Subject")
    (tmp_path / "zoho" / "Potentials.csv").write_text(
        'LEADID,Stage,Created Time\n1,Qualification,"10 Feb, 2024 10:00:00"\n'
    )
    with pytest.raises(MappingError, match="Calls: none of the 30 rows names a known lead"):
        read_mapped(folder, wrong, None)


def test_a_few_rows_about_strangers_are_told(tmp_path):
    folder, wrong = zoho(tmp_path, calls=3, lead_id="Subject")
    (tmp_path / "zoho" / "Potentials.csv").write_text(
        'LEADID,Stage,Created Time\n1,Qualification,"10 Feb, 2024 10:00:00"\n'
    )
    notes = "\n".join(read_mapped(folder, wrong, None).notes)
    assert "Calls: none of the 3 rows names a known lead" in notes
