import pytest

from models.boosting import SmallBoosting
from models.logistic import LogisticModel
from models.mixture import LogitBlend, LogitMixture
from models.recipe import Mixture, Recipe


@pytest.mark.parametrize(
    ("kind", "made"),
    [("logistic", LogisticModel), ("boosting", SmallBoosting), ("blend", LogitBlend)],
)
def test_builds_its_kind(kind, made):
    recipe = Recipe(kind=kind)
    assert type(recipe.estimator((1,), (0, 0), seed=3)) is made
    assert Recipe.from_parameters(recipe.as_dict()) == recipe


def test_binds_directions_only_when_asked():
    assert Recipe().boosting((), (1, 0), seed=3).monotone == ()
    assert Recipe(monotone=True).boosting((), (1, 0), seed=3).monotone == (1, 0)


def test_a_mixture_builds_its_parts_and_tells_of_them():
    stumps, linear = Recipe("boosting", leaves=2), Recipe("logistic", C=0.1)
    mixture = Mixture((linear, stumps), (0.3, 0.7))
    estimator = mixture.estimator((1,), (0, 0), seed=3)
    assert type(estimator) is LogitMixture
    assert [type(part) for part in estimator.parts] == [LogisticModel, SmallBoosting]
    assert (mixture.kind, Mixture((stumps,), (1.0,)).kind) == ("blend", "boosting")
    told = mixture.as_dict()["parts"]
    assert [(each["kind"], each["weight"]) for each in told] == [
        ("logistic", 0.3),
        ("boosting", 0.7),
    ]
