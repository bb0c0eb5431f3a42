import numpy as np
import pytest
from scipy.special import expit

from models.weighing import Unseen, mixture_weights


def drawn(size, *, rows_each=1, seed=2):
    """Rows whose true log-odds are the sum of two halves, and one model that knows each half."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, size))
    labels = (rng.random(size) < expit(first + second)).astype(float)
    models = np.repeat([2 * first, 2 * second], rows_each, axis=1)
    leads = np.repeat([f"l{number}" for number in range(size)], rows_each).astype(object)
    return Unseen(models, np.repeat(labels, rows_each), leads)


def test_models_that_know_as_much_count_alike():
    assert mixture_weights([drawn(4000)]) == pytest.approx([0.5, 0.5], abs=0.05)


def test_with_nothing_seen_all_count_alike():
    nothing = Unseen(np.zeros((3, 1)), np.zeros(1), np.array(["a"], dtype=object))
    assert mixture_weights([nothing]) == pytest.approx([1 / 3] * 3)


def test_a_model_that_knows_nothing_loses_its_weight_as_outcomes_come():
    def of_the_idle(size):
        seen = drawn(size)
        told = np.vstack([seen.log_odds.mean(axis=0), np.zeros(size)])
        return mixture_weights([seen._replace(log_odds=told)])[1]

    few, more, many = (of_the_idle(size) for size in (10, 200, 20_000))
    assert 0.5 > few > more > many
    assert many < 0.01


def test_rows_of_one_lead_are_one_experience():
    once, tenfold = drawn(60), drawn(60, rows_each=10)
    assert mixture_weights([tenfold]) == pytest.approx(mixture_weights([once]))


def test_folds_count_together():
    seen = drawn(400)
    halves = [
        Unseen(*(each[..., part] for each in seen)) for part in (slice(150), slice(150, None))
    ]
    assert mixture_weights(halves) == pytest.approx(mixture_weights([seen]))
