import pytest
from pydantic import ValidationError

from serving.contract import LeadToScore
from serving.errors import RequestError
from serving.reading import parsed, rows, sentence

ROW = {"lead_id": "a", "occurred_at": "2025-01-01T00:00:00Z", "kind": "visit"}


@pytest.mark.parametrize("body", [{"engagements": [ROW]}, [ROW]])
def test_rows_come_named_or_alone(body):
    assert rows("engagements", body) == [ROW]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (7, "a list of objects"),
        ({"rows": [ROW]}, "a list of objects"),
        ([7], "engagements.0: expected an object"),
        ([ROW, ROW | {"chanel": "web"}], "engagements.1: unknown field 'chanel'"),
        ([ROW | {"kind": ["a"]}], "engagements.0.kind"),
        ([ROW | {"kind": "a\x00"}], "engagements.0.kind"),
        ([ROW | {"lead_id": "a" * 501}], "engagements.0.lead_id"),
        ([ROW | {"kind": "a" * 10_001}], "engagements.0.kind"),
    ],
)
def test_rows_that_do_not_fit_are_named(body, says):
    with pytest.raises(RequestError, match=says) as caught:
        rows("engagements", body)
    assert caught.value.status == 422


def test_further_fields_of_leads_are_attributes():
    row = {"lead_id": "a", "created_at": "2025-01-01T00:00:00Z", "colour": "red"}
    assert rows("leads", [row]) == [row]


def test_too_many_rows_are_refused():
    with pytest.raises(RequestError, match="at most 50000 rows") as caught:
        rows("leads", [{}] * 50_001)
    assert caught.value.status == 413


def test_a_sentence_names_the_field_and_what_was_sent():
    with pytest.raises(ValidationError) as caught:
        LeadToScore.model_validate({"lead_id": "a", "attributes": {"size": [1]}})
    assert sentence(caught.value).startswith("attributes: the field 'size' must be")


def test_a_long_value_is_shown_in_short():
    with pytest.raises(RequestError) as caught:
        parsed(LeadToScore, {"lead_id": "a" * 100_000})
    assert len(str(caught.value)) < 250
