from dataclasses import replace

import numpy as np
import pytest

from models.finals import LEAST_WEIGHT, has_signal, play_off
from models.folds import Fitting, Forecasts
from models.recipe import Mixture, Recipe

FITTING = Fitting(folds=3, workers=1)
LINEAR = Recipe("logistic", C=0.01)
BOOSTED = Recipe("boosting", rounds=60, learning_rate=0.1, leaves=4)


def known_rows(training_set):
    horizon = training_set.horizons[-1]
    return training_set.take(training_set.labels[horizon].notna().to_numpy()), horizon


def test_few_conversions_leave_every_part_in(make):
    known, horizon = known_rows(make(leads=80))
    stumps = replace(BOOSTED, rounds=30, leaves=2)
    chosen = play_off(known, horizon, LINEAR, [stumps, BOOSTED], FITTING)
    assert isinstance(chosen, Mixture)
    assert [part.kind for part in chosen.parts] == ["logistic", "boosting", "boosting"]
    assert sum(chosen.weights) == pytest.approx(1, abs=0.002)
    assert min(chosen.weights) >= LEAST_WEIGHT


@pytest.mark.parametrize("useless", ["linear", "boosted"])
def test_a_part_that_learned_nothing_is_left_out(training_set, useless):
    known, horizon = known_rows(training_set)
    linear = replace(LINEAR, C=1e-9) if useless == "linear" else LINEAR
    boosted = replace(BOOSTED, rounds=1, learning_rate=1e-6) if useless == "boosted" else BOOSTED
    chosen = play_off(known, horizon, linear, [boosted], FITTING)
    assert chosen == (boosted if useless == "linear" else linear)


def test_one_worker_or_two_weigh_alike(training_set):
    known, horizon = known_rows(training_set)
    one, two = (
        play_off(known, horizon, LINEAR, [BOOSTED], replace(FITTING, workers=n)) for n in (1, 2)
    )
    assert one == two


class TestSignal:
    def forecasts(self, knows, scale=1.0, rows=4000):
        rng = np.random.default_rng(5)
        truth = rng.normal(size=rows) * 0.4
        labels = (rng.random(rows) < 1 / (1 + np.exp(2.5 - truth))).astype(float)
        log_odds = -2.5 + scale * (truth if knows else rng.normal(size=rows) * 0.4)
        return Forecasts(log_odds, labels, np.arange(rows).astype(str).astype(object))

    def test_is_there_when_higher_forecasts_convert_more_often(self):
        assert has_signal(self.forecasts(knows=True))

    def test_is_there_however_overconfident_the_forecasts_are(self):
        assert has_signal(self.forecasts(knows=True, scale=5.0))

    @pytest.mark.parametrize("scale", [0.0, 1.0, 5.0, -1.0])
    def test_is_not_there_when_they_do_not(self, scale):
        assert not has_signal(self.forecasts(knows=scale < 0, scale=scale))

    def test_cannot_be_denied_with_few_conversions(self):
        assert has_signal(self.forecasts(knows=False, rows=400))
