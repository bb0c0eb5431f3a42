"""What the default declarations say, beyond their list in docs/features.md."""

import numpy as np

from features import build_training_set, default_features


def test_lateness_is_told_in_the_leads_own_time(small_company):
    history = small_company.history
    made = build_training_set(history, horizons=(30,), ages=(1, 30))
    by_name = {feature.name: feature for feature in default_features(history)}
    shares = [name for name in by_name if name.startswith("share_since_")]
    assert {"share_since_engagement", "share_since_web_visit", "share_since_inbound"} <= {*shares}
    for name in shares:
        days = name.replace("share_since", "days_since")
        told, expected = made.values[name], made.values[days] / made.values["age_days"]
        assert np.array_equal(told, expected, equal_nan=True)
        assert by_name[name].monotone == by_name[days].monotone
        assert told.max() > 0
    # Whatever happened after a lead was created happened within its life.
    assert made.values["share_since_engagement"].max() <= 1.0
