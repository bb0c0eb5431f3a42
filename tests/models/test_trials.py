import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from models.trials import MedianOfItsSort

SPACE = {
    "kind": CategoricalDistribution(["logistic", "boosting"]),
    "leaves": IntDistribution(2, 48),
}


@pytest.fixture
def study():
    made = optuna.create_study()
    for leaves, loss in (
        (2, 0.50),
        (2, 0.51),
        (2, 0.52),
        (20, 0.40),
        (20, 0.41),
        (20, 0.42),
        (5, 0.1),
    ):
        made.add_trial(of(leaves, loss, TrialState.COMPLETE))
    return made


def of(leaves, loss, state=TrialState.RUNNING):
    params = {"kind": "boosting", "leaves": leaves}
    value = loss if state == TrialState.COMPLETE else None
    return create_trial(
        state=state, value=value, params=params, distributions=SPACE, intermediate_values={0: loss}
    )


@pytest.mark.parametrize(
    ("leaves", "loss", "stops"),
    [
        (2, 0.505, False),  # better than half of the stumps, worse than every larger tree
        (2, 0.515, True),
        (20, 0.405, False),
        (20, 0.415, True),
        (5, 0.9, False),  # one small tree says nothing yet
    ],
)
def test_a_trial_is_compared_with_its_sort(study, leaves, loss, stops):
    assert MedianOfItsSort().prune(study, of(leaves, loss)) is stops
