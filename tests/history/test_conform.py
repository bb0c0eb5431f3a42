"""From rows as read to rows that fit, and the rows that do not."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history import SourceError
from history.conform import conform
from history.tables import ENGAGEMENTS, LEADS, OUTCOMES


def leads(**columns: list[object]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    base = {
        "lead_id": [f"l{row}" for row in range(rows)],
        "created_at": ["2024-01-01T00:00:00Z"] * rows,
    }
    return pd.DataFrame({**base, **columns})


def touches(**columns: list[object]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    base = {
        "lead_id": ["a"] * rows,
        "occurred_at": ["2024-01-01T00:00:00Z"] * rows,
        "kind": ["visit"] * rows,
    }
    return pd.DataFrame({**base, **columns})


def clean(table, raw, timezone=None):
    return conform(table, raw, origin="file.csv", timezone=timezone)


def test_ids_keep_their_leading_zeros():
    assert clean(LEADS, leads(lead_id=["007", "7"])).frame["lead_id"].tolist() == ["007", "7"]


def test_ids_that_are_whole_floats_lose_their_point():
    assert clean(LEADS, leads(lead_id=[7.0, 8.0])).frame["lead_id"].tolist() == ["7", "8"]


def test_a_postcode_stays_a_code_and_a_number_becomes_one():
    frame = clean(LEADS, leads(postcode=["01067", "10115"], size=["10", "20.5"])).frame
    assert frame["postcode"].tolist() == ["01067", "10115"]
    assert frame["size"].tolist() == [10.0, 20.5]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-03-01T10:00:00Z", "2024-03-01 10:00:00"),
        ("2024-03-01T10:00:00+02:00", "2024-03-01 08:00:00"),
        ("2024-03-01 10:00:00.250-0500", "2024-03-01 15:00:00.250"),
    ],
)
def test_times_with_a_zone_become_utc(text, utc):
    found = clean(ENGAGEMENTS, touches(occurred_at=[text])).frame["occurred_at"].iloc[0]
    assert found == pd.Timestamp(utc, tz="UTC")


def test_a_naive_time_without_a_configured_zone_refuses_the_source():
    raw = touches(occurred_at=["2024-03-01T10:00:00Z", "2024-03-01T10:00:00"])
    with pytest.raises(
        SourceError, match=r"file.csv, row 2, occurred_at: .* carries no time zone; .*--timezone"
    ):
        clean(ENGAGEMENTS, raw)


def test_a_naive_time_is_placed_in_the_configured_zone():
    found = clean(ENGAGEMENTS, touches(occurred_at=["2024-07-01T10:00:00"]), "Europe/Berlin").frame
    assert found["occurred_at"].iloc[0] == pd.Timestamp("2024-07-01T08:00:00Z")


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2024-10-27T02:30:00", "2024-10-27T00:30:00Z"),  # happens twice: the earlier one
        ("2024-03-31T02:30:00", "2024-03-31T01:00:00Z"),  # never happens: the next that does
    ],
)
def test_daylight_saving_changes_are_decided(local, utc):
    found = clean(ENGAGEMENTS, touches(occurred_at=[local]), "Europe/Berlin").frame
    assert found["occurred_at"].iloc[0] == pd.Timestamp(utc)


def test_a_date_is_known_from_the_following_midnight_on():
    row = clean(ENGAGEMENTS, touches(occurred_at=["2024-03-01"]), "UTC").frame.iloc[0]
    assert row["occurred_at"] == pd.Timestamp("2024-03-01T00:00:00Z")
    assert row["recorded_at"] == pd.Timestamp("2024-03-01T23:59:59.999999Z")


def test_a_missing_recorded_at_is_the_time_of_the_event():
    row = clean(ENGAGEMENTS, touches(recorded_at=[""])).frame.iloc[0]
    assert row["recorded_at"] == row["occurred_at"]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("occurred_at", "yesterday", "is no ISO 8601 time"),
        ("occurred_at", "", "is missing"),
        ("occurred_at", "9999-01-01T00:00:00Z", "between 1970 and 2200"),
        ("lead_id", "", "is missing"),
        ("team", "support", "expected one of marketing, sales"),
        ("value", "12,5", "expected a number"),
        ("value", "1e300", "at most"),
        ("duration_s", "-1", "at least 0"),
        ("recorded_at", "2023-01-01T00:00:00Z", "before occurred_at"),
    ],
)
def test_a_bad_row_goes_to_quarantine_with_its_place_and_reason(column, value, reason):
    good = (
        ["2024-01-01T00:00:00Z"]
        if column in ("occurred_at", "recorded_at")
        else ["a" if column == "lead_id" else None]
    )
    result = clean(ENGAGEMENTS, touches(**{column: [*good, value]}))
    (reject,) = result.rejects
    assert (reject.row, reject.field, reject.origin) == (2, column, "file.csv")
    assert reason in reject.reason
    assert len(result.frame) == 1


def test_a_table_of_which_no_row_fits_is_refused_as_a_whole():
    with pytest.raises(SourceError, match="none of the 2 rows"):
        clean(ENGAGEMENTS, touches(occurred_at=["x", "y"]))


def test_a_missing_column_names_what_is_needed():
    with pytest.raises(
        SourceError,
        match="file.csv: the column 'created_at' is missing; leads needs lead_id, created_at",
    ):
        clean(LEADS, pd.DataFrame({"lead_id": ["a"]}))


def test_equal_rows_are_duplicates_and_other_rows_of_the_same_id_are_rejected():
    result = clean(LEADS, leads(lead_id=["a", "a", "a"], source=["web", "web", "event"]))
    assert result.duplicates == 1
    assert [reject.row for reject in result.rejects] == [3]
    assert len(result.frame) == 1


def test_an_unknown_stage_is_rejected():
    raw = pd.DataFrame(
        {
            "lead_id": ["a", "a"],
            "occurred_at": ["2024-01-01T00:00:00Z"] * 2,
            "stage": ["won", "closed"],
        }
    )
    assert [reject.field for reject in clean(OUTCOMES, raw).rejects] == ["stage"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["visit", "call", "open"]), min_size=1, max_size=6))
def test_derived_ids_depend_on_content_alone(kinds):
    whole = clean(ENGAGEMENTS, touches(kind=kinds)).frame.set_index("kind")["engagement_id"]
    for kind in set(kinds):
        alone = clean(ENGAGEMENTS, touches(kind=[kind])).frame["engagement_id"].iloc[0]
        assert whole[kind] == alone


def test_stages_of_one_day_follow_the_funnel():
    leads_of_a_day = [f"l{number}" for number in range(40)]
    rows = [
        {"lead_id": lead, "occurred_at": "2024-02-01", "stage": stage}
        for lead in leads_of_a_day
        for stage in ("won", "opportunity", "mql")
    ]
    frame = clean(OUTCOMES, pd.DataFrame(rows), "UTC").frame.sort_values(["lead_id", "outcome_id"])
    assert frame["stage"].tolist() == ["mql", "opportunity", "won"] * 40


def test_a_derived_id_does_not_depend_on_the_rows_beside_it():
    whole = {"lead_id": "L1", "occurred_at": "2025-06-01T10:00:00Z", "kind": "call"}
    part = {**whole, "occurred_at": "2025-06-01T10:00:00.5Z"}

    def ids(*rows):
        read = conform(ENGAGEMENTS, pd.DataFrame(rows), origin="x", timezone=None)
        return read.frame["engagement_id"].tolist()

    assert ids(whole, part) == ids(whole) + ids(part)
