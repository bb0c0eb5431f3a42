"""The way of one request gives what the way of a training set gives, to the last bit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import LiveEngine, compute_features, default_features
from features.snapshots import is_open
from history import History, Sample, open_store
from history.extract import Extract, RawTable
from history.lead_rows import read_lead_rows

DAY = pd.Timedelta(days=1)


def fill(folder, history: History):
    store = open_store(f"sqlite:///{folder}/history.db")
    tables = {name: RawTable(frame, name) for name, frame in history.frames().items()}
    store.ingest(Extract("test", tables), now=history.observed_until)
    return store


def live(store, features, snapshots, personal=()):
    engine = LiveEngine(features, personal)
    known = read_lead_rows(store, snapshots["lead_id"], of_colleagues=engine.of_colleagues)
    as_of = snapshots["as_of"].dt.as_unit("us").astype("int64").to_numpy()
    return engine.compute(known, snapshots["lead_id"].tolist(), as_of)


def assert_equal(found, matrix):
    for feature, column in zip(matrix.features, found.columns, strict=True):
        expected = matrix.values[feature.name]
        if feature.is_text:
            assert pd.Series(column, dtype="str").equals(expected.astype("str")), feature.name
        else:
            bits = expected.to_numpy(np.float64).view(np.int64)
            same = (np.asarray(column, np.float64).view(np.int64) == bits) | (
                np.isnan(column) & expected.isna().to_numpy()
            )
            assert same.all(), feature.name


@pytest.fixture(scope="module")
def company(small_company: Sample, tmp_path_factory):
    store = fill(tmp_path_factory.mktemp("company"), small_company.history)
    yield store, store.history()
    store.engine.dispose()


def test_what_is_kept_from_a_model_is_missing_whichever_way_it_is_asked(company):
    store, history = company
    features = default_features(history)
    hidden = {f"{each.source}s.{each.column}" for each in features if each.source == "account"}
    hidden |= {"leads.source"}
    used = [each for each in features if f"{each.source}s.{each.column}" in hidden]
    assert len(used) > 2
    snapshots = pd.DataFrame(
        {"lead_id": history.leads["lead_id"][:9], "as_of": history.observed_until}
    )
    blind = replace(history, personal=frozenset(hidden)).without_personal()
    matrix = compute_features(blind, snapshots, features)
    assert matrix.values[[each.name for each in used]].isna().all(axis=None)
    assert_equal(live(store, features, snapshots, hidden), matrix)
    seen = compute_features(history, snapshots, features).values
    assert seen[[each.name for each in used]].notna().any(axis=None)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_request_finds_the_features_of_the_training_set(company, data):
    store, history = company
    features = default_features(history)
    leads = history.leads
    rows = data.draw(st.lists(st.integers(0, len(leads) - 1), min_size=1, max_size=6))
    ages = [data.draw(st.floats(0.01, 400)) for _ in rows]
    chosen = leads.iloc[rows]
    as_of = chosen["created_at"].reset_index(drop=True) + pd.to_timedelta(ages, unit="D")
    snapshots = pd.DataFrame(
        {"lead_id": chosen["lead_id"].to_numpy(), "as_of": as_of.dt.floor("us").dt.as_unit("us")}
    )
    found = live(store, features, snapshots)
    assert_equal(found, compute_features(history, snapshots, features))
    assert found.still_open.tolist() == is_open(history, snapshots).tolist()


def test_what_came_late_and_what_changed_is_seen_as_in_training(small_history, tmp_path):
    store = fill(tmp_path, small_history)
    changed = pd.DataFrame(
        {
            "lead_id": ["ann", "cyd"],
            "created_at": ["2024-01-01T00:00:00Z", "2024-01-03T00:00:00Z"],
            "account_id": ["acme", None],
            "source": ["fair", None],
        }
    )
    store.upsert("leads", changed, now=pd.Timestamp("2024-02-15", tz="UTC"))
    history = store.history(small_history.observed_until)
    features = default_features(history)
    days = pd.date_range("2024-01-06", periods=60, freq="D", tz="UTC").as_unit("us")
    for lead in ("ann", "bob", "cyd"):
        snapshots = pd.DataFrame({"lead_id": lead, "as_of": days})
        found = live(store, features, snapshots)
        assert_equal(found, compute_features(history, snapshots, features))
    store.engine.dispose()
