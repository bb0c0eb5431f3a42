import pytest

from models.estimators import LogisticModel, LogitBlend, SmallBoosting
from models.recipe import Recipe


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
