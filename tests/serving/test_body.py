import pandas as pd
import pytest

from history import TABLES, HistoryError
from history.history import micros
from serving.body import instant, understand
from serving.contract import LeadToScore

KIND = TABLES["engagements"].names.index("kind")
NOW = pd.Timestamp("2025-06-30T12:00:00", tz="UTC").as_unit("us")


def lead(**fields):
    return LeadToScore.model_validate({"lead_id": "a", **fields})


def understood(*leads, zone=None):
    return understand(list(enumerate(leads)), micros(NOW), zone)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2025-06-30T00:00:00Z", None, "2025-06-30T00:00:00Z"),
        ("2025-06-30T02:00:00+02:00", None, "2025-06-30T00:00:00Z"),
        ("2025-06-30T02:00:00", "Europe/Berlin", "2025-06-30T00:00:00Z"),
        ("2025-06-30", "Europe/Berlin", "2025-06-29T22:00:00Z"),
    ],
)
def test_instants_are_utc(text, zone, expected):
    assert instant(text, "as_of", zone) == micros(pd.Timestamp(expected))


@pytest.mark.parametrize(
    "text", ["yesterday", "2025-06-30T00:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", ""]
)
def test_an_instant_that_makes_no_sense_is_refused_in_one_line(text):
    with pytest.raises(HistoryError, match="^as_of: ") as caught:
        instant(text, "as_of", None)
    assert "\n" not in str(caught.value)


def test_a_lead_named_by_id_alone_has_no_body():
    (wanted,), unclear = understood(lead())
    assert wanted.body is None
    assert wanted.cutoff == micros(NOW)
    assert not unclear


def test_a_new_lead_comes_into_being_with_its_first_engagement():
    touch = {"occurred_at": "2025-06-01T00:00:00Z", "kind": "visit"}
    (wanted,), _ = understood(lead(engagements=[touch]))
    assert wanted.created == micros(pd.Timestamp("2025-06-01", tz="UTC"))


def test_a_new_lead_without_engagements_came_into_being_just_now():
    (wanted,), _ = understood(lead(attributes={"source": "web"}))
    assert wanted.created == micros(NOW) - 1


def test_numbers_are_read_as_the_store_gives_them_back():
    (wanted,), _ = understood(lead(attributes={"size": 3, "vip": True, "note": " ", "code": "007"}))
    assert wanted.body.attributes == {"size": 3.0, "vip": True, "note": None, "code": "007"}


def test_a_bad_engagement_refuses_its_lead_alone():
    good = {"occurred_at": "2025-06-01T00:00:00Z", "kind": "visit"}
    bad = {"occurred_at": "soon", "kind": "visit"}
    wanted, unclear = understood(lead(engagements=[good]), lead(engagements=[bad]))
    assert [each.place for each in wanted] == [0]
    assert [each.place for each in unclear] == [1]
    assert "occurred_at" in unclear[0].message


def test_equal_engagement_ids_of_two_leads_do_not_disturb_each_other():
    touch = {"engagement_id": "E1", "occurred_at": "2025-06-01T00:00:00Z", "kind": "visit"}
    leads = [lead(engagements=[touch]), lead(lead_id="b", engagements=[touch | {"kind": "call"}])]
    wanted, unclear = understood(*leads)
    assert not unclear
    assert [[row[KIND] for row in each.body.engagements] for each in wanted] == [
        ["visit"],
        ["call"],
    ]
