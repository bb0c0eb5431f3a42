"""Features are compared bin by bin; chance is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring import feature_drift
from monitoring.drift import Calendar, volumes


def frames(seed, rows):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {f"f{i}": rng.normal(size=rows) for i in range(30)}
        | {
            "source": rng.choice(list("abc"), rows),
            "sparse": np.where(rng.random(rows) < 0.5, np.nan, 1.0),
        }
    )


def test_equal_laws_do_not_drift():
    for seed in range(20):
        assert not feature_drift(frames(seed, 800), frames(seed + 100, 120))["moved"].any()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("f3", lambda values: values + 1.0),
        ("source", lambda values: values.where(values != "a", "unheard of")),
        ("sparse", lambda values: values * np.nan),
    ],
)
def test_what_moved_is_named_first(name, change):
    current = frames(2, 500)
    current[name] = change(current[name])
    told = feature_drift(frames(1, 800), current)
    assert told["feature"][0] == name
    assert told["moved"].sum() == 1


def test_weeks_end_at_the_cutoff_which_is_exclusive():
    end = pd.Timestamp("2024-03-01", tz="UTC")
    times = pd.Series(
        [end, end - pd.Timedelta("1us"), end - pd.Timedelta(days=7), end - pd.Timedelta(days=15)]
    )
    assert Calendar(end, 2).week_of(times).tolist() == [-1, 1, 1, -1]


def test_every_row_of_a_week_is_counted_once(small_company):
    history = small_company.history
    counted = volumes(history, Calendar(history.observed_until, 200))
    assert counted["engagements"].sum() == len(history.engagements)
    assert counted["leads"].sum() == len(history.leads)
