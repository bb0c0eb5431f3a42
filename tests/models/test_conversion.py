from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from models.calibration import Isotonic
from models.conversion import ConversionModel, HorizonModel, Prior
from models.errors import ModelError


def test_predicts_the_same_to_the_last_bit_after_a_round_trip(tuned, training_set, tmp_path):
    tuned.model.save(tmp_path / "model")
    again = ConversionModel.load(tmp_path / "model")
    values = training_set.values
    assert np.array_equal(again.probabilities(values), tuned.model.probabilities(values))
    pd.testing.assert_frame_equal(
        again.contributions(values), tuned.model.contributions(values), check_exact=True
    )
    assert again.metadata == tuned.model.metadata
    assert again.features == tuned.model.features
    assert np.array_equal(again.reference, tuned.model.reference)


def test_keeps_no_pickle(tuned, tmp_path):
    tuned.model.save(tmp_path)
    assert {file.suffix for file in tmp_path.iterdir()} <= {".json", ".npz", ".txt"}


def test_never_falls_with_the_horizon(tuned, training_set):
    assert (np.diff(tuned.model.probabilities(training_set.values), axis=1) >= 0).all()


def test_contributions_sum_to_the_primary_log_odds(tuned, training_set):
    shares = tuned.model.contributions(training_set.values)
    primary = tuned.model.probabilities(training_set.values)[:, -1]
    assert list(shares.columns) == [*tuned.model.names, "base"]
    np.testing.assert_allclose(shares.sum(axis=1), logit(primary), atol=1e-9)


def test_one_lead_gets_what_it_gets_among_many(tuned, training_set):
    many = tuned.model.probabilities(training_set.values)
    for row in (0, 7, 999):
        alone = tuned.model.probabilities(training_set.values.iloc[[row]])
        assert np.array_equal(alone[0], many[row])


def test_order_of_columns_and_further_columns_do_not_matter(tuned, training_set):
    values = training_set.values
    shuffled = values[values.columns[::-1]].assign(further=1.0)
    assert np.array_equal(tuned.model.probabilities(shuffled), tuned.model.probabilities(values))


def test_accepts_an_unseen_category_and_missing_everything(tuned):
    row = {"clicks_30d": np.nan, "days_since_visit": np.nan, "industry": "mining", "noise": np.inf}
    for industry in ("mining", None, np.nan):
        found = tuned.model.probabilities(pd.DataFrame([row | {"industry": industry}]))
        assert ((found > 0) & (found < 1)).all()


def test_scores_no_rows(tuned, training_set):
    assert tuned.model.probabilities(training_set.values.iloc[:0]).shape == (0, 2)


def test_names_a_missing_feature(tuned, training_set):
    with pytest.raises(ModelError, match="'clicks_30d'"):
        tuned.model.probabilities(training_set.values.drop(columns="clicks_30d"))


def test_refuses_words_where_numbers_belong(tuned, training_set):
    bad = training_set.values.head(1).astype({"noise": object}).assign(noise="many")
    with pytest.raises(ModelError, match="not a number"):
        tuned.model.probabilities(bad)


def test_more_clicks_raise_the_probability_and_noise_hardly_moves_it(tuned, training_set):
    values = training_set.values.head(300)
    before = tuned.model.probabilities(values)[:, -1]
    more = tuned.model.probabilities(values.assign(clicks_30d=values["clicks_30d"] + 3))[:, -1]
    noisy = tuned.model.probabilities(values.assign(noise=-values["noise"]))[:, -1]
    assert (more - before).mean() > 0.1
    assert np.abs(noisy - before).mean() < 0.03


def test_takes_other_leads_as_its_scale(tuned, training_set):
    model = tuned.model.with_reference(training_set.values.head(10))
    assert len(model.reference) == 10
    assert (np.diff(model.reference) >= 0).all()
    with pytest.raises(ModelError, match="at least one open lead"):
        model.with_reference(training_set.values.iloc[:0])


def test_a_staircase_keeps_contributions_additive(tuned, training_set):
    stairs = Isotonic(np.array([-5.0, 0.0, 5.0]), np.array([-4.0, -1.0, 3.0]))
    primary = replace(tuned.model.primary, calibrator=stairs)
    X = tuned.model.encode(training_set.values)
    np.testing.assert_allclose(primary.contributions(X).sum(axis=1), primary.log_odds(X), atol=1e-9)


@given(st.integers(0, 40), st.integers(0, 1000))
def test_a_prior_lies_within_its_interval(wins, losses):
    prior = Prior(wins, losses, columns=3)
    low, high = prior.interval()
    assert 0 <= low < prior.mean < high <= 1


def test_a_prior_says_how_many_wins_it_needs(tuned, tmp_path):
    model = replace(
        tuned.model,
        models=(HorizonModel(90, Prior(4.0, 96.0, len(tuned.model.features))),),
        metadata={"min_conversions": 30, "conversions": 4},
    )
    assert model.kind == "prior"
    assert "26 more converted leads are needed" in model.message
    model.save(tmp_path)
    assert ConversionModel.load(tmp_path).message == model.message


def test_a_folder_of_something_else_is_refused(tuned, tmp_path):
    replace(tuned.model, models=()).save(tmp_path)
    assert ConversionModel.load(tmp_path).models == ()
    with pytest.raises(ModelError, match="no model here"):
        ConversionModel.load(tmp_path / "elsewhere")
