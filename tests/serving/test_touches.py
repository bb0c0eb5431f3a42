"""Engagements in a request: read without a frame, they are what the contract makes of them."""

import string
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history import HistoryError
from history.conform import conform
from history.schema import STORED
from history.tables import ENGAGEMENTS
from history.upsert import rows
from serving.contract import LeadToScore, Touch
from serving.touches import plain_row, touch_rows

texts = st.one_of(
    st.none(),
    st.sampled_from(["", " web ", "null", "x"]),
    st.text(string.printable[:94], max_size=8),
)
zones = st.sampled_from(
    [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))]
)
FIRST, LAST = datetime.fromisoformat("1970-01-02"), datetime.fromisoformat("2199-12-01")
moments = st.datetimes(FIRST, LAST, timezones=zones).map(lambda moment: moment.isoformat())
numbers = st.one_of(st.none(), st.floats(-1e14, 1e14), st.integers(0, 9).map(float))
touches = st.builds(
    Touch,
    occurred_at=moments,
    kind=st.sampled_from(["call", " web_visit", "nan", "mail"]),
    engagement_id=texts,
    recorded_at=st.one_of(st.none(), moments),
    team=st.sampled_from([None, "sales", "marketing", "it"]),
    channel=texts,
    campaign=texts,
    direction=st.sampled_from([None, "inbound", "outbound"]),
    value=numbers,
    duration_s=numbers,
)


def by_contract(lead_id, touch):
    raw = pd.DataFrame([{**touch.model_dump(), "lead_id": lead_id}])
    try:
        read = conform(ENGAGEMENTS, raw, origin="engagements", timezone=None)
    except HistoryError:
        return None
    found = rows(STORED["engagements"], read.frame)
    return found[0] if found else None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["L1", " L1", "null"]), touches)
def test_what_is_read_at_once_is_what_the_contract_reads(lead_id, touch):
    found = plain_row(lead_id, touch)
    if found is not None:
        assert found == by_contract(lead_id, touch)


def test_what_the_documents_show_is_read_at_once():
    touch = Touch(occurred_at="2025-06-01T10:00:00Z", kind="web_visit", channel="web", value=2.5)
    assert plain_row("L1", touch) == by_contract("L1", touch)


@pytest.mark.parametrize(
    "change",
    [
        {"occurred_at": "2025-06-01"},
        {"occurred_at": "2025-06-01 10:00:00Z"},
        {"occurred_at": "2025-02-30T10:00:00Z"},
        {"occurred_at": "1969-06-01T10:00:00Z"},
        {"recorded_at": "2025-05-01T10:00:00Z"},
        {"kind": "null"},
        {"team": "legal"},
        {"duration_s": -1.0},
        {"value": 1e14},
    ],
)
def test_what_takes_more_is_left_to_the_contract(change):
    told = {"occurred_at": "2025-06-01T10:00:00Z", "kind": "call"} | change
    assert plain_row("L1", Touch(**told)) is None


def test_the_first_row_that_breaks_the_contract_is_named():
    good = Touch(occurred_at="2025-06-01T10:00:00Z", kind="call")
    bad = Touch(occurred_at="2025-06-01T10:00:00Z", kind="call", duration_s=-1.0)
    lead = LeadToScore(lead_id="L1", engagements=[good, bad])
    with pytest.raises(HistoryError, match="duration_s: expected at least 0"):
        touch_rows([(0, lead)], None)


def test_equal_rows_count_once():
    touch = Touch(occurred_at="2025-06-01T10:00:00Z", kind="call")
    lead = LeadToScore(lead_id="L1", engagements=[touch, touch])
    assert len(touch_rows([(0, lead)], None)) == 1
