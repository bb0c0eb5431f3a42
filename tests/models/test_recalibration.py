import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from models.errors import ModelError
from models.recalibration import recalibrate


@pytest.fixture
def fresh(make):
    """Snapshots of the years after the model's, where everything converts less."""

    def later(level, leads=3000):
        part = make(leads=leads, seed=11, level=level)
        shift = pd.Timedelta(days=1000)
        snapshots = part.snapshots.assign(as_of=part.snapshots["as_of"] + shift)
        until = part.observed_until + shift
        return type(part)(**{**part.__dict__, "snapshots": snapshots, "observed_until": until})

    return later


def test_a_lower_base_rate_is_found_and_met(tuned, fresh):
    part = fresh(level=-2.5)
    found = recalibrate(tuned.model, part)
    assert found.moved
    last = found.table.iloc[-1]
    assert last["shift"] == pytest.approx(-1.0, abs=0.2)
    known = part.labels[90].notna().to_numpy()
    p = found.model.probabilities(part.values[known])[:, -1]
    assert p.mean() == pytest.approx(part.labels[90][known].mean(), abs=0.005)
    before = tuned.model.probabilities(part.values[known])[:, -1]
    assert np.array_equal(np.argsort(p, kind="stable"), np.argsort(before, kind="stable"))


def test_the_same_law_is_left_about_where_it_was(tuned, fresh):
    found = recalibrate(tuned.model, fresh(level=-1.5, leads=800))
    assert abs(found.table["shift"].iloc[-1]) < 3 * found.table["error"].iloc[-1]


def test_a_recalibrated_model_is_stored_and_explained(tuned, fresh, tmp_path):
    part = fresh(level=-2.5)
    model = recalibrate(tuned.model, part).model
    model.save(tmp_path / "model")
    again = type(model).load(tmp_path / "model")
    assert np.array_equal(again.probabilities(part.values), model.probabilities(part.values))
    shares = model.contributions(part.values[:50]).sum(axis=1)
    np.testing.assert_allclose(expit(shares), model.probabilities(part.values[:50])[:, -1])
    assert np.isfinite(logit(expit(shares))).all()


def test_what_was_learned_from_does_not_count(tuned, training_set):
    with pytest.raises(ModelError, match="0 conversions within 90 days are known since"):
        recalibrate(tuned.model, training_set)
