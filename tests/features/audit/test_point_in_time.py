import pandas as pd

from features import default_features
from features.audit import point_in_time
from features.audit.subject import subject_of
from features.compute import FeatureEngine
from tests.features.audit.companies import company


def test_proves_that_no_feature_knows_the_future():
    history = company()
    assert list(point_in_time.check(subject_of(history, "won"), default_features(history))) == []


def test_detects_a_feature_that_does(monkeypatch):
    """A computation that looks at the whole log is caught, by the name of the feature."""
    history = company()
    honest = FeatureEngine.compute

    def peeking(engine, snapshots):
        matrix = honest(engine, snapshots)
        total = pd.Series(float(len(engine.history.engagements)), index=matrix.values.index)
        matrix.values["engagements_ever"] = total
        return matrix

    monkeypatch.setattr(FeatureEngine, "compute", peeking)
    found = point_in_time.check(subject_of(history, "won"), default_features(history))
    assert [each.where for each in found] == ["engagements_ever"]
