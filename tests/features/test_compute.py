"""The kernel against the meaning of its words, to the last bit, on random histories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features import (
    Feature,
    FeatureEngine,
    FeatureMatrix,
    compute_features,
    default_features,
)
from features.snapshots import snapshots_at_ages
from history import History
from tests.features.reference import Reference
from tests.features.strategies import BASE, LEADS, every_feature, histories, snapshots_of

FEATURES = every_feature()
PATIENT = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
    "phases": [Phase.generate],
}


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Assert equality of every bit, with the name of the first feature that differs."""
    assert list(found.columns) == list(wanted.columns)
    for name in wanted.columns:
        left, right = (
            [None if pd.isna(value) else value for value in frame[name]]
            for frame in (found, wanted)
        )
        assert left == right, f"{name}: {left} is not {right}"


@settings(max_examples=60, **PATIENT)
@given(st.data())
def test_the_kernel_equals_the_reference(data):
    history = data.draw(histories())
    snapshots = data.draw(snapshots_of(history))
    reference = Reference(history)
    wanted = [
        reference.compute(lead, as_of, FEATURES)
        for lead, as_of in snapshots.itertuples(index=False, name=None)
    ]
    assert_same(compute_features(history, snapshots, FEATURES).values, pd.DataFrame(wanted))


@settings(max_examples=25, **PATIENT)
@given(st.data())
def test_bulk_equals_one_at_a_time_and_any_order(data):
    history = data.draw(histories())
    snapshots = data.draw(snapshots_of(history))
    engine = FeatureEngine(history, FEATURES)
    bulk = engine.compute(snapshots).values
    singles = [engine.compute(snapshots.iloc[[row]]).values for row in range(len(snapshots))]
    assert_same(pd.concat(singles, ignore_index=True), bulk)
    order = np.array(data.draw(st.permutations(range(len(snapshots)))))
    shuffled = engine.compute(snapshots.iloc[order].reset_index(drop=True)).values
    assert_same(shuffled, bulk.iloc[order].reset_index(drop=True))


@settings(max_examples=25, **PATIENT)
@given(st.data())
def test_a_request_with_the_leads_own_part_of_the_history_equals_bulk(data):
    history = data.draw(histories())
    snapshots = data.draw(snapshots_of(history, most=3))
    bulk = compute_features(history, snapshots, FEATURES).values
    for row in range(len(snapshots)):
        one = snapshots.iloc[[row]]
        part = history.for_leads(_buying_group(history, one["lead_id"].iloc[0]))
        assert_same(compute_features(part, one, FEATURES).values, bulk.iloc[[row]])


@settings(max_examples=25, **PATIENT)
@given(st.data())
def test_what_was_not_known_moves_no_feature(data):
    history = data.draw(histories())
    as_of = history.leads["created_at"].max() + pd.Timedelta(days=data.draw(st.integers(0, 9)))
    as_of += pd.Timedelta(microseconds=1)
    snapshots = pd.DataFrame({"lead_id": history.leads["lead_id"], "as_of": as_of})
    whole = compute_features(history, snapshots, FEATURES).values
    assert_same(compute_features(history.known_before(as_of), snapshots, FEATURES).values, whole)


@settings(max_examples=25, **PATIENT)
@given(st.data())
def test_leads_that_come_later_move_no_feature(data):
    history = data.draw(histories())
    first = history.leads.sort_values("created_at").iloc[0]
    as_of = first["created_at"] + pd.Timedelta(days=data.draw(st.integers(0, 5)), microseconds=1)
    snapshots = pd.DataFrame({"lead_id": [first["lead_id"]], "as_of": [as_of]})
    whole = compute_features(history, snapshots, FEATURES).values
    assert_same(compute_features(history.known_before(as_of), snapshots, FEATURES).values, whole)


@settings(max_examples=25, **PATIENT)
@given(st.data())
def test_another_future_moves_no_feature(data):
    past, other = data.draw(histories()), data.draw(histories())
    as_of = BASE + pd.Timedelta(days=data.draw(st.integers(0, 12)))
    born = past.leads["created_at"] < as_of
    if not born.any():
        return
    snapshots = pd.DataFrame({"lead_id": past.leads.loc[born, "lead_id"], "as_of": as_of})
    snapshots = snapshots.reset_index(drop=True)
    before = compute_features(past.known_before(as_of), snapshots, FEATURES).values
    grafted = _with_the_future_of(past.known_before(as_of), other, as_of)
    assert_same(compute_features(grafted, snapshots, FEATURES).values, before)


@settings(max_examples=20, **PATIENT)
@given(st.data())
def test_the_order_of_the_rows_of_a_source_moves_no_feature(data):
    history = data.draw(histories())
    snapshots = data.draw(snapshots_of(history, most=4))
    shuffled = {
        name: frame.iloc[np.array(data.draw(st.permutations(range(len(frame)))), dtype=int)]
        for name, frame in history.frames().items()
    }
    again = History.from_frames(shuffled, observed_until=history.observed_until)
    wanted = compute_features(history, snapshots, FEATURES)
    found = compute_features(again, snapshots, FEATURES)
    assert_same(found.values, wanted.values)
    assert again.digest() == history.digest()


def test_categories_give_the_same_as_strings():
    history = _fixed_history()
    frames = history.frames()
    frames["engagements"] = frames["engagements"].astype(
        {"kind": "category", "channel": "category"}
    )
    again = History.from_frames(frames, observed_until=history.observed_until)
    snapshots = _all_leads(history)
    wanted = compute_features(history, snapshots, FEATURES)
    assert_same(compute_features(again, snapshots, FEATURES).values, wanted.values)


def test_the_zone_and_resolution_of_a_cutoff_do_not_matter():
    history = _fixed_history()
    snapshots = _all_leads(history)
    elsewhere = snapshots.assign(
        as_of=snapshots["as_of"].dt.tz_convert("Asia/Tokyo").dt.as_unit("ns")
    )
    wanted = compute_features(history, snapshots, FEATURES)
    found = compute_features(history, elsewhere, FEATURES)
    assert_same(found.values, wanted.values)
    pd.testing.assert_frame_equal(found.snapshots, wanted.snapshots)


def test_a_plan_makes_room_for_every_line_that_it_fills():
    plan, log, _ = FeatureEngine(_fixed_history(), FEATURES).passes["stages"]
    assert plan.wanted.output.max() >= len(plan.wanted.output)
    asked = {"group": np.zeros(1, np.int64), "as_of": np.array([BASE.value // 1000])}
    out = np.full((len(FEATURES), 1), np.nan)
    found, wanted = plan.run(log, **asked), plan.run(log, **asked, out=out)
    assert len(found) == plan.wanted.output.max() + 1
    np.testing.assert_array_equal(found, wanted[: len(found)])


def test_no_snapshots_give_no_rows():
    history = _fixed_history()
    matrix = compute_features(history, _all_leads(history).iloc[:0], FEATURES)
    assert len(matrix) == 0
    assert list(matrix.values.columns) == [feature.name for feature in FEATURES]


def test_a_matrix_names_account_and_age_of_each_snapshot():
    matrix = compute_features(_fixed_history(), _all_leads(_fixed_history()), FEATURES[:1])
    assert isinstance(matrix, FeatureMatrix)
    assert matrix.snapshots["lead_id"].tolist() == ["a", "b"]
    assert matrix.snapshots["account_id"].fillna("none").tolist() == ["x", "none"]
    assert matrix.snapshots["age_days"].tolist() == [10.0, 9.0]


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ([Feature("f", "f", "engagements", "median", column="value")], "'median' is no aggregate"),
        ([Feature("f", "f", "engagements", "sum", column="kind")], "needs a number column"),
        ([Feature("f", "f", "engagements", "sum", column="amount")], "engagements have no column"),
        ([Feature("f", "f", "engagements", "distinct")], "needs a column"),
        ([Feature("f", "f", "engagements", "count", where={"knd": ("x",)})], "'knd'"),
        ([Feature("f", "f", "colleagues", "max", column="value")], "of colleagues there are"),
        ([Feature("f", "f", "timing", "clock", column="moon")], "the clocks are"),
        ([Feature("f", "f", "ratio", "ratio", of=("g", "h"))], "declare it too"),
        ([Feature("f", "f", "ratio", "ratio")], "'f' is a ratio of nothing"),
        ([Feature("f", "f", "lead", "attribute")], "needs a column"),
        ([Feature("f", "f", "weather", "count")], "'weather' is no source"),
        ([Feature("f", "f", "engagements", "count", window_days=0)], "window"),
        ([Feature("f", "f", "engagements", "count", window_days=1.5)], "whole number of days"),
        ([Feature("f", "f", "engagements", "count", where={"kind": "x"})], r"write \('x',\)"),
        ([Feature("f", "f", "engagements", "count", where={"kind": ()})], "has no values"),
        ([Feature("lead_id", "f", "engagements", "count")], "name a snapshot"),
        ([Feature("f", "f", "engagements", "count", group="luck")], "the groups are channel"),
        ([Feature("f", "f", "engagements", "count")] * 2, "declared twice"),
    ],
)
def test_declarations_that_cannot_be_meant_are_refused(features, words):
    history = _fixed_history()
    with pytest.raises(ValueError, match=words):
        compute_features(history, _all_leads(history), features)


def test_an_attribute_of_which_only_todays_value_is_known_is_refused():
    history = History.from_frames(_fixed_history().frames(), current_only={"leads.industry"})
    feature = Feature("f", "f", "lead", "attribute", column="industry", categorical=True)
    with pytest.raises(ValueError, match="only today's value is known"):
        compute_features(history, _all_leads(history), [feature])


def test_snapshots_that_cannot_be_meant_are_refused():
    history = _fixed_history()
    naive = pd.DataFrame({"lead_id": ["a"], "as_of": [pd.Timestamp("2024-04-01")]})
    with pytest.raises(ValueError, match="must carry a time zone"):
        compute_features(history, naive, FEATURES)
    stranger = pd.DataFrame({"lead_id": ["q"], "as_of": [BASE]})
    with pytest.raises(ValueError, match="knows no lead 'q'"):
        compute_features(history, stranger, FEATURES)


def _buying_group(history: History, lead: str) -> list[str]:
    account = history.leads.set_index("lead_id")["account_id"][lead]
    mates = history.leads.loc[(history.leads["account_id"] == account).to_numpy(), "lead_id"]
    return [lead, *mates]


def _with_the_future_of(past: History, other: History, as_of: pd.Timestamp) -> History:
    """Join what one history knew to what another learned later."""
    tables = {}
    for name, frame in past.frames().items():
        later = getattr(other, name)
        if name == "leads":
            later = later[~later["lead_id"].isin(frame["lead_id"]).to_numpy()]
            later = later[(later["created_at"] >= as_of).to_numpy()]
        elif name == "accounts":
            later = later[~later["account_id"].isin(frame["account_id"]).to_numpy()]
            later = later[(later["created_at"] >= as_of).to_numpy()]
        else:
            later = later[(later["recorded_at"] >= as_of).to_numpy()]
            if name == "attribute_history":
                # A field without a history is fixed by contract; the store writes down its first
                # value when it learns of another.
                of = ["entity", "entity_id", "field"]
                followed = pd.MultiIndex.from_frame(frame[of].astype("str"))
                later = later[pd.MultiIndex.from_frame(later[of].astype("str")).isin(followed)]
            key = later.columns[0]
            later = later.assign(**{key: "later " + later[key]})
        tables[name] = pd.concat([frame, later], ignore_index=True) if len(later) else frame
    return History.from_frames(tables, observed_until=other.observed_until)


def _fixed_history() -> History:
    leads = pd.DataFrame(
        {
            "lead_id": ["a", "b"],
            "created_at": [BASE, BASE + pd.Timedelta(days=1)],
            "account_id": ["x", None],
            "industry": ["steel", "retail"],
        }
    )
    hours = pd.Series(range(40))
    engagements = pd.DataFrame(
        {
            "engagement_id": hours.map("{:03d}".format),
            "lead_id": [LEADS[hour % 2] for hour in hours],
            "occurred_at": BASE + pd.to_timedelta(hours * 5, unit="h"),
            "kind": [("open", "click", "call")[hour % 3] for hour in hours],
            "channel": [("web", "email", None, "phone")[hour % 4] for hour in hours],
            "value": [1.25 * hour for hour in hours],
        }
    )
    return History.from_frames({"leads": leads, "engagements": engagements})


def _all_leads(history: History) -> pd.DataFrame:
    as_of = BASE + pd.Timedelta(days=10)
    return pd.DataFrame({"lead_id": history.leads["lead_id"], "as_of": as_of})


def test_many_snapshots_computed_in_pieces_are_those_of_one_piece(small_company, monkeypatch):
    history = small_company.history
    features = default_features(history)
    snapshots = snapshots_at_ages(
        history, (1, 7, 30, 60), target="won", until=history.observed_until
    )
    mixed = snapshots.sample(frac=1, random_state=2, ignore_index=True)
    wanted = compute_features(history, mixed, features)
    monkeypatch.setattr("features.plan._MANY", 10)
    monkeypatch.setattr("features.plan._PIECES", 7)
    assert_same(compute_features(history, mixed, features).values, wanted.values)
