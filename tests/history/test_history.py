"""A history in memory, and what was known of it at a time."""

from __future__ import annotations

import pandas as pd
import pytest

from history import History


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2024-{text}", tz="UTC").as_unit("us")


def test_a_late_record_is_unknown_until_it_arrives(small_history):
    before = small_history.known_before(at("02-20")).engagements["engagement_id"]
    after = small_history.known_before(at("02-20") + pd.Timedelta(microseconds=1)).engagements[
        "engagement_id"
    ]
    assert set(after) - set(before) == {"e2"}


def test_leads_created_later_are_unknown(small_history):
    assert small_history.known_before(at("02-01")).leads["lead_id"].tolist() == [
        "ann",
        "bob",
        "cyd",
    ]


def test_equal_content_has_an_equal_digest_in_any_order(small_history):
    shuffled = {name: frame.iloc[::-1] for name, frame in small_history.frames().items()}
    assert (
        History.from_frames(shuffled, small_history.observed_until).digest()
        == small_history.digest()
    )


def test_another_value_has_another_digest(small_history):
    frames = small_history.frames()
    frames["leads"] = frames["leads"].assign(source="event")
    assert (
        History.from_frames(frames, small_history.observed_until).digest() != small_history.digest()
    )


def test_a_field_with_a_history_keeps_no_other_value(small_history):
    frames = small_history.frames()
    frames["attribute_history"] = pd.DataFrame(
        {
            "change_id": ["c"],
            "entity": ["lead"],
            "entity_id": ["ann"],
            "field": ["source"],
            "value": ["event"],
            "valid_from": [at("03-01")],
        }
    )
    leads = History.from_frames(frames, small_history.observed_until).leads.set_index("lead_id")
    assert leads["source"].isna().to_dict() == {
        "ann": True,
        "bob": False,
        "cyd": False,
        "dee": False,
    }


def test_a_table_without_a_required_column_is_refused():
    with pytest.raises(ValueError, match="'leads' lacks the column 'created_at'"):
        History.from_frames({"leads": pd.DataFrame({"lead_id": ["a"]})})
