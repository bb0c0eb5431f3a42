"""Fields that move with the day of the outcome are named; those fixed at creation are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.audit.dated_by_outcome import check, partial_correlation
from features.audit.finding import NotApplicable
from features.audit.subject import Field, Subject

DAY = 86_400_000_000


@pytest.fixture
def subject():
    random = np.random.default_rng(4)
    created = np.sort(random.integers(0, 300 * DAY, 800))
    took = random.exponential(40, 800) * DAY
    closed_at = np.where(random.random(800) < 0.7, created + took, np.nan)
    touched = np.where(
        np.isfinite(closed_at), closed_at + random.exponential(3, 800) * DAY, created
    )
    dates = {
        "trial_ends": pd.to_datetime(created + 14 * DAY, unit="us", utc=True),
        "last_touched": pd.to_datetime(touched.astype("int64"), unit="us", utc=True),
    }
    numbers = {
        "employees": random.integers(1, 500, 800),
        "calls": random.poisson(took / DAY / 4),
        "serial": np.arange(800),
    }
    fields = tuple(
        Field(f"leads.{name}", pd.Series(values).astype(object), used=True)
        for name, values in {**dates, **numbers}.items()
    )
    return Subject(
        fields, np.isfinite(closed_at), created, np.isfinite(closed_at), closed_at=closed_at
    )


def test_only_what_moves_with_the_outcome_is_named(subject):
    found = {finding.where: finding for finding in check(subject)}
    assert set(found) == {"leads.last_touched", "leads.calls"}
    assert found["leads.last_touched"].evidence["correlation"] > 0.8
    assert found["leads.calls"].table["leads"].sum() == np.isfinite(subject.closed_at).sum()


def test_words_and_missing_times_are_not_judged(subject):
    words = Field("leads.city", pd.Series(["Graz"] * 800), used=True)
    with pytest.raises(NotApplicable, match="number or a date"):
        list(check(replace(subject, fields=(words,))))
    with pytest.raises(NotApplicable, match="when leads were closed"):
        list(check(replace(subject, closed_at=None)))


def test_partial_correlation_equals_the_formula():
    random = np.random.default_rng(1)
    x, y, z = random.random((3, 400)) + random.random(400)
    ranks = np.corrcoef([pd.Series(each).rank() for each in (x, y, z)])
    plain = ranks[0, 1] - ranks[0, 2] * ranks[1, 2]
    wanted = plain / np.sqrt((1 - ranks[0, 2] ** 2) * (1 - ranks[1, 2] ** 2))
    assert partial_correlation(x, y, z) == pytest.approx(wanted, abs=1e-12)
