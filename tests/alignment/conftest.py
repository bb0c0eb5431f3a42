"""A small company as both teams look at it."""

from __future__ import annotations

import pytest

from alignment.agreement import Agreement
from alignment.observing import observe
from alignment.situation import Situation
from features import build_training_set
from models import tune
from settings.agreement import AgreementSettings
from settings.settings import GradeSettings


@pytest.fixture(scope="package")
def situation(small_company) -> Situation:
    history = small_company.history
    training_set = build_training_set(history, ages=(3, 30, 90))
    model = tune(training_set, trials=1, folds=2, min_conversions=10).model
    return observe(
        history,
        model,
        "1",
        now=history.observed_until,
        grades=GradeSettings(),
        agreement=Agreement(0, AgreementSettings()),
    )
