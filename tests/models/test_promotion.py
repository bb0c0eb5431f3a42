"""The gate lets through what is better, and says why not otherwise."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.access import RegistryError
from models.conversion import ConversionModel
from models.errors import ModelError
from models.fitting import fit_model
from models.folds import Fitting
from models.promotion import compare, decide
from models.recipe import Recipe
from models.splits import forward_holdout
from models.versions import ModelVersion, Reign


def fitted(training_set, recipe=None, *, blind: bool = False) -> ConversionModel:
    """A model of the past; a blind one has learned from shuffled features."""
    held = forward_holdout(training_set)
    rows = {days: held.past(training_set.labels, days) for days in training_set.horizons}
    if blind:
        order = np.random.default_rng(1).permutation(len(training_set))
        shuffled = training_set.values.iloc[order].reset_index(drop=True)
        training_set = replace(training_set, values=shuffled)
    recipe = recipe or Recipe(kind="logistic")
    return fit_model(training_set, recipe, {}, Fitting(), until=held.when, rows=rows)


@pytest.fixture(scope="module")
def good(training_set):
    return fitted(training_set)


@pytest.fixture(scope="module")
def blind(training_set):
    return fitted(training_set, blind=True)


def knowing(model: ConversionModel, until: object) -> ConversionModel:
    return replace(model, metadata={**model.metadata, "trained_until": str(until)})


def test_a_better_challenger_is_promoted_with_its_figures(training_set, good, blind):
    found = compare(blind, good, training_set)
    assert found.promote
    assert 0 < found.low < found.advantage < found.high
    assert found.words.startswith("The challenger is better than the champion by 0.")
    assert f"on {found.snapshots:,} snapshots, 90 days ahead: it serves." in found.words


def test_a_worse_challenger_stays(training_set, good, blind):
    found = compare(good, blind, training_set)
    assert not found.promote
    assert "worse than the champion" in found.words
    assert "stays challenger" in found.words


def test_an_equal_challenger_stays(training_set, good):
    found = compare(good, good, training_set)
    assert (found.promote, found.advantage) == (False, 0.0)
    assert "just as well as the champion" in found.words


def test_without_a_champion_it_must_beat_the_same_rate_for_everybody(training_set, good):
    found = compare(None, good, training_set)
    assert found.promote
    assert found.against == "prevalence"


def test_a_prior_serves_until_there_is_something_better(make):
    few = make(leads=120, level=-4.0)
    prior = fitted(few)
    assert prior.kind == "prior"
    assert compare(None, prior, few).promote
    assert "a prior is better than nothing" in compare(None, prior, few).words


def test_only_snapshots_that_neither_has_learned_from_count(training_set, good, blind):
    since = pd.Timestamp(good.metadata["trained_until"]) + pd.Timedelta(days=20)
    found = compare(knowing(blind, since), good, training_set)
    unseen = (training_set.snapshots["as_of"] >= since) & training_set.labels[90].notna()
    assert (found.since, found.snapshots) == (since, int(unseen.sum()))


def test_models_that_know_everything_cannot_be_compared(training_set, good):
    found = compare(good, knowing(good, training_set.observed_until), training_set)
    assert not found.promote
    assert "Too few mature snapshots" in found.words
    assert found.as_dict()["advantage"] is None


def test_the_same_seed_gives_the_same_interval(training_set, good, blind):
    first, second = (compare(blind, good, training_set, seed=5) for _ in range(2))
    assert (first.low, first.high) == (second.low, second.high)


def test_the_longest_common_horizon_is_compared(make, training_set, good):
    shorter = fitted(make(horizons=(30, 60)))
    assert compare(shorter, good, training_set).horizon == 30


def test_different_stages_cannot_be_compared(training_set, good):
    with pytest.raises(ModelError, match="different stages"):
        compare(replace(good, target="sql"), good, training_set)


class Shelf:
    """As much of a registry as the gate asks for."""

    def __init__(self, serving, final, judged):
        self.serving, self.final, self.twins = serving, final, judged

    def version(self, reference):
        return ModelVersion(reference, (), pd.Timestamp(0, tz="UTC"), {}, {}, "run")

    def reign(self):
        return Reign(self.serving)

    def load(self, reference):
        return self.final[reference]

    def judged(self, reference):
        return self.twins[getattr(reference, "version", reference)]


def test_the_champion_is_judged_by_its_twin_where_it_knows_too_much(training_set, good, blind):
    knows = knowing(good, training_set.observed_until)
    shelf = Shelf(1, {1: knows}, {1: blind, 2: good})
    found = decide(shelf, 2, lambda features: training_set)
    assert found.promote
    assert found.snapshots > 0


def test_a_champion_with_other_features_gets_its_own_values(training_set, good, blind):
    other = replace(blind.features[0], name="renamed")
    champion = replace(blind, features=(other, *blind.features[1:]))
    renamed = training_set.values.rename(columns={blind.features[0].name: "renamed"})

    def training_set_of(features):
        own = features == champion.features
        return replace(training_set, values=renamed) if own else training_set

    found = decide(Shelf(1, {1: champion}, {2: good}), 2, training_set_of)
    assert found.advantage == compare(blind, good, training_set).advantage


def test_the_champion_does_not_challenge_itself(training_set, good):
    with pytest.raises(RegistryError, match="already the champion"):
        decide(Shelf(1, {1: good}, {1: good}), 1, lambda features: training_set)
