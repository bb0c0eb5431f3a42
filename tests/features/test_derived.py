"""Clocks against pandas, and shares of something and of nothing."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.checking import CLOCKS
from features.declaration import Feature
from features.derived import Derived

INSTANTS = st.integers(-(10**15), 7_258_118_400_000_000)  # 1938 to 2199, in microseconds


def filled(features, created, as_of, out):
    lines = {feature.name: line for line, feature in enumerate(features)}
    Derived(features, lines).fill(out, np.array(created), np.array(as_of))
    return out


@settings(deadline=None)  # the first one may compile
@given(st.lists(st.tuples(INSTANTS, INSTANTS), min_size=1, max_size=20))
def test_clocks_read_what_a_calendar_says(pairs):
    created, as_of = zip(*pairs, strict=True)
    features = [Feature(name, name, "timing", "clock", column=name) for name in CLOCKS]
    found = filled(features, created, as_of, np.empty((len(CLOCKS), len(pairs))))
    born, now = (pd.DatetimeIndex(np.array(each, dtype="M8[us]")) for each in (created, as_of))
    expected = {
        "age_days": (np.array(as_of) - np.array(created)) / 86_400_000_000,
        "created_weekday": born.day_of_week,
        "created_hour": born.hour,
        "as_of_weekday": now.day_of_week,
        "as_of_month": now.month,
    }
    for line, name in enumerate(CLOCKS):
        assert np.array_equal(found[line], np.asarray(expected[name], dtype=np.float64)), name


def test_a_share_of_nothing_is_missing_and_a_share_of_the_unknown_unknown():
    features = [
        Feature("share", "share", "ratio", "ratio", of=("part", "whole")),
        Feature("part", "part", "engagements", "count"),
        Feature("whole", "whole", "engagements", "count"),
    ]
    out = np.array([[7.0] * 4, [1.0, 1.0, np.nan, 3.0], [3.0, 0.0, 2.0, np.nan]])
    found = filled(features, [0] * 4, [1] * 4, out)
    assert found[0, 0] == 1.0 / 3.0
    assert np.isnan(found[0, 1:]).all()
