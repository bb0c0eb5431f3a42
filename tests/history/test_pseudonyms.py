"""A history under pseudonyms: nobody is named, and every feature is the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features import compute_features, default_features
from features.snapshots import snapshots_at_ages
from history import History, HistoryError
from history.pseudonyms import pseudonymous

KEY = b"0123456789abcdef"


@pytest.fixture(scope="module")
def named(small_company) -> History:
    """Return the sample company with names, mails, free text and ties of events."""
    whole = small_company.history
    count = len(whole.leads)
    leads = whole.leads.assign(
        email=[f"someone{number}@example.org" for number in range(count)],
        nickname=[f"nick {number % 60}" for number in range(count)],
        team=np.where(np.arange(count) % 3 == 0, "red", "blue"),
    )
    moments = whole.engagements["occurred_at"].dt.floor("D")  # many at one instant
    outcomes = whole.outcomes.assign(
        reason=[f"he said {number}" for number in range(len(whole.outcomes))], owner="Kim Lee"
    )
    frames = {
        **whole.frames(),
        "leads": leads,
        "outcomes": outcomes,
        "engagements": whole.engagements.assign(occurred_at=moments),
    }
    return History.from_frames(
        frames, whole.observed_until, whole.current_only, personal={"leads.email"}
    )


@pytest.fixture(scope="module")
def made(named):
    return pseudonymous(named, KEY)


def test_nobody_is_named(named, made):
    text = "".join(
        frame.to_csv(index=False) for frame in made.history.frames().values() if len(frame)
    )
    for word in ("someone", "nick ", "he said", "Kim", "@"):
        assert word not in text
    for frame, column in (("leads", "lead_id"), ("accounts", "account_id")):
        ids = set(getattr(named, frame)[column])
        assert not ids & set(getattr(made.history, frame)[column])
        assert getattr(made.history, frame)[column].is_unique
    assert not set(named.engagements["engagement_id"]) & set(
        made.history.engagements["engagement_id"]
    )
    assert dict(made.left_out) == {
        "leads.email": "marked as personal",
        "leads.nickname": "text with 60 different values",
        "outcomes.reason": f"text with {len(named.outcomes):,} different values",
    }
    assert set(made.history.leads["team"]) == {"red", "blue"}


def test_every_feature_has_the_same_value(named, made):
    hidden = {"leads.email", "leads.nickname"}
    plain = replace(named, current_only=named.current_only | hidden)
    features = default_features(plain)
    ages = {"target": "won", "until": named.observed_until}
    ours = snapshots_at_ages(named, (3, 30, 120), **ages)
    names = _pseudonyms(named, made)
    theirs = ours.assign(lead_id=ours["lead_id"].map(names).astype("str"))
    wanted = compute_features(plain, ours, features).values
    found = compute_features(made.history, theirs, features).values
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    assert len(features) > 60


def _pseudonyms(named, made) -> dict[str, str]:
    """Return the pseudonym of each lead, by what is the same on both sides."""
    ours = named.leads.sort_values("created_at", kind="stable")
    theirs = made.history.leads.sort_values("created_at", kind="stable")
    assert ours["created_at"].is_unique
    return dict(zip(ours["lead_id"], theirs["lead_id"], strict=True))


def test_the_same_key_gives_the_same_names_and_another_key_others(named, made):
    again = pseudonymous(named, KEY)
    assert again.history.digest() == made.history.digest()
    other = pseudonymous(named, KEY[::-1])
    assert not set(other.history.leads["lead_id"]) & set(made.history.leads["lead_id"])
    assert (again.key_id, other.key_id != made.key_id) == (made.key_id, True)


def test_a_short_key_is_refused(named):
    with pytest.raises(HistoryError, match="15 bytes, and 16 are needed"):
        pseudonymous(named, KEY[:-1])
