"""Training sets with a known law, small enough to check by eye."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from features.declaration import Feature
from features.training_set import TrainingSet
from models.search import TunedModel, tune

FEATURES = (
    Feature("clicks_30d", "clicks in the last 30 days", "engagements", "count", window_days=30),
    Feature(
        "days_since_visit",
        "days since the last visit",
        "engagements",
        "days_since_last",
        where={"kind": ("web_visit",)},
        unit="days",
        group="timing",
    ),
    Feature(
        "industry",
        "industry",
        "lead",
        "attribute",
        column="industry",
        unit="category",
        group="fit",
        categorical=True,
    ),
    Feature("noise", "a number without meaning", "lead", "attribute", column="noise", group="fit"),
)


def make_training_set(
    leads: int = 1500, seed: int = 3, level: float = -1.5, horizons: tuple[int, ...] = (30, 90)
) -> TrainingSet:
    """Two snapshots a lead over 600 days; clicks and software firms convert more and sooner."""
    rng = np.random.default_rng(seed)
    lead = np.repeat(np.arange(leads), 2)
    created = np.repeat(rng.uniform(0, 600, leads), 2)
    age = np.tile([1.0, 30.0], leads)
    clicks = rng.poisson(2.0, 2 * leads).astype(float)
    visit = np.where(rng.random(2 * leads) < 0.3, np.nan, rng.exponential(10.0, 2 * leads))
    industry = np.repeat(rng.choice(["software", "retail", "farming"], leads), 2)
    odds = level + 0.7 * (clicks - 2) + 1.0 * (industry == "software") - 0.5 * np.isnan(visit)
    converted = rng.random(2 * leads) < 1 / (1 + np.exp(-odds))
    days = np.where(converted, rng.uniform(0, 90, 2 * leads), np.nan)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    as_of = (start + pd.to_timedelta(created + age, unit="D")).as_unit("us")
    until = start + pd.Timedelta(days=640)
    observed = (until - as_of) / pd.Timedelta(days=1)
    labels = {h: np.where(observed >= h, (days < h).astype(float), np.nan) for h in horizons}
    account = np.char.add("a", (lead // 3).astype(str))
    return TrainingSet(
        snapshots=pd.DataFrame(
            {
                "lead_id": pd.Series(np.char.add("l", lead.astype(str)), dtype="str"),
                "as_of": as_of,
                "account_id": pd.Series(account, dtype="str"),
                "age_days": age,
            }
        ),
        values=pd.DataFrame(
            {
                "clicks_30d": clicks,
                "days_since_visit": visit,
                "industry": pd.Series(industry, dtype="str"),
                "noise": rng.normal(size=2 * leads),
            }
        ),
        features=FEATURES,
        history_digest="h",
        labels=pd.DataFrame(labels),
        days_to_conversion=days,
        days_observed=observed.to_numpy(),
        groups=account,
        target="won",
        observed_until=until,
        definitions_digest="d",
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., TrainingSet]:
    """The maker itself."""
    return make_training_set


@pytest.fixture(scope="session")
def training_set() -> TrainingSet:
    """3,000 snapshots of 1,500 leads."""
    return make_training_set()


@pytest.fixture(scope="session")
def tuned(training_set: TrainingSet) -> TunedModel:
    """A small search on the training set, shared by tests that only look at it."""
    return tune(training_set, trials=5, workers=1)


@pytest.fixture(scope="session")
def data():
    """Encoded rows, the last column a category, some values missing; and their outcome."""
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=(800, 4)), rng.integers(0, 4, 800)])
    X[rng.random(X.shape) < 0.1] = np.nan
    odds = np.nan_to_num(X[:, 0]) + (X[:, 4] == 2) - 1
    return X, (rng.random(800) < 1 / (1 + np.exp(-odds))).astype(float)
