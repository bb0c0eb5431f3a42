import json

import pandas as pd
import pytest

from features import build_training_set
from history import Sample, open_store
from history.extract import Extract, RawTable
from history.teamwork import agree
from models import tune
from models.registry import Registry
from pipelines import score
from settings import Settings
from settings.settings import HistorySettings, TrackingSettings


@pytest.fixture(scope="module")
def installation(small_company: Sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("score")
    history = small_company.history
    store = open_store(f"sqlite:///{folder}/history.db")
    tables = {name: RawTable(frame, name) for name, frame in history.frames().items()}
    extract = Extract("test", tables, observed_until=history.observed_until)
    store.ingest(extract, now=history.observed_until)
    tracking = TrackingSettings(
        uri=f"sqlite:///{folder}/mlflow.db", artifacts=f"{folder}/artifacts"
    )
    tuned = tune(build_training_set(history, ages=(3, 30)), trials=1, folds=2, min_conversions=10)
    registry = Registry(tracking.uri, tracking.artifacts)
    words = {"who": "a test", "why": "to score", "now": history.observed_until}
    made = registry.log_and_register(tuned.model, tuned.evaluation, tuned.trials, **words)
    registry.promote(made, **words)
    settings = Settings(
        history=HistorySettings(url=f"sqlite:///{folder}/history.db"), tracking=tracking
    )
    return settings, tuned.model, store.history()


@pytest.mark.slow
def test_page_by_page_is_as_all_at_once(installation, tmp_path, monkeypatch):
    monkeypatch.setattr(score, "_PAGE", 70)
    settings, model, history = installation
    as_of = history.observed_until - pd.Timedelta(days=30)
    expected = score.filed(score.score_open_leads(settings, model, history, as_of, "1", 2))
    count = score.run(settings, as_of.isoformat(), tmp_path / "scores.parquet", top_reasons=2)
    found = pd.read_parquet(tmp_path / "scores.parquet")
    assert count == len(found) == len(expected)
    assert list(found.columns) == list(expected.columns)
    for name in set(found.columns) - {"reasons"}:
        assert found[name].tolist() == expected[name].tolist(), name
    assert [list(map(dict, each)) for each in found["reasons"]] == expected["reasons"].tolist()
    score.run(settings, None, tmp_path / "scores.csv", top_reasons=2)
    flat = pd.read_csv(tmp_path / "scores.csv")
    assert flat["probability_90d"].is_monotonic_decreasing
    assert {"feature", "label", "value", "effect"} == set(json.loads(flat["reasons"][0])[0])
    assert pd.Timestamp(flat["as_of"][0]) == history.observed_until
    with pytest.raises(ValueError, match="before the first lead"):
        score.run(settings, "1990-01-01T00:00:00Z", tmp_path / "scores.csv")


@pytest.mark.slow
def test_grades_are_those_that_both_teams_agreed_on(installation, tmp_path):
    settings, _, history = installation
    floors = {"a": 0.2, "b": 0.1, "c": 0.05}
    words = {"who": "a test", "why": "to grade", "seen": 0, "now": history.observed_until}
    agree(open_store(settings.history.url), {"grades": floors}, **words)
    score.run(settings, None, tmp_path / "scores.csv", top_reasons=0)
    found = pd.read_csv(tmp_path / "scores.csv")
    above = sum((found["probability_90d"] >= floor).astype(int) for floor in floors.values())
    assert found["grade"].tolist() == ["DCBA"[count] for count in above]
    assert found["grade"].nunique() > 1
