"""Optuna's study of recipes: what is tried, what is cut short, and when time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna

from features.parallel import in_parallel
from models.boosting import FEW_LEVELS
from models.folds import Fitting, Fold
from models.objective import FoldObjective, most_rounds, stride
from models.recipe import Kind, Recipe
from models.space import FIRST_TRIALS, KINDS, SIZES, sort_of, suggest
from models.trials import MedianOfItsSort, best_recipe, complete

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, float], None]
OnTrial = Callable[[int, dict[str, Any], float | None, str], None]
OnFinished = Callable[[optuna.Study, optuna.trial.FrozenTrial], None]

_FINISHING = 8
"""The play-off, judging and fitting the winner take about as long as so many of the longest
trials."""


class Search:
    """Recipes tried on forward folds; the best number of rounds is found on the way.

    Parameters
    ----------
    folds : what is forecast.
    ways : declared direction of each column.
    fitting : the seed.
    kinds : what may be tried.
    """

    def __init__(
        self,
        folds: list[Fold],
        ways: tuple[int, ...],
        fitting: Fitting,
        kinds: tuple[Kind, ...] = KINDS,
    ) -> None:
        self.objectives = [FoldObjective(fold, ways, fitting.seed) for fold in folds]
        self.ways, self.fitting, self.kinds = ways, fitting, kinds
        self.grouping = any(fold.most_levels > FEW_LEVELS for fold in folds)

    def run(
        self,
        *,
        name: str,
        trials: int,
        timeout_s: float | None,
        storage: str | None,
        progress: Progress | None,
        on_trial: OnTrial | None,
    ) -> optuna.Study:
        """Try recipes until there are `trials` of them or time is up.

        Parameters
        ----------
        name : of the study in the storage, where it is resumed.
        trials, timeout_s, storage, progress, on_trial : as for `models.search.tune`.
        """
        with _quiet():
            study = optuna.create_study(
                study_name=name,
                storage=storage,
                load_if_exists=True,
                sampler=optuna.samplers.TPESampler(seed=self.fitting.seed, n_startup_trials=8),
                pruner=MedianOfItsSort(),
            )
            if not study.trials:
                for first in FIRST_TRIALS:
                    if first["kind"] in self.kinds:
                        study.enqueue_trial(first)
            left = max(0, trials - len([t for t in study.trials if t.state.is_finished()]))
            callbacks = [_reporter(progress, on_trial)]
            if timeout_s is not None:
                callbacks.append(_keep_budget(timeout_s))
            if left:
                study.optimize(self.objective, left, callbacks=callbacks)
        return study

    def finalists(self, study: optuna.Study) -> tuple[Recipe, list[Recipe]] | None:
        """Return the best linear recipe and the best boosted one of each size, smallest first.

        Returns
        -------
        None where no trial had a linear, or none a boosted part.
        """
        tried = complete(study)
        linear = best_recipe([t for t in tried if sort_of(t) == "logistic"])
        boosted = [best_recipe([t for t in tried if sort_of(t) == size]) for size in SIZES]
        found = [each for each in boosted if each is not None]
        return (linear, found) if linear is not None and found else None

    def objective(self, trial: optuna.Trial) -> float:
        """Return the mean log loss of a trial's recipe, pruned when the first folds are poor."""
        drawn = suggest(trial, self.kinds, bound=any(self.ways), grouping=self.grouping)
        recipe = Recipe.from_parameters(drawn)
        recipe = replace(recipe, rounds=most_rounds(recipe))
        curves: list[Floats] = []
        workers = self.fitting.workers
        for start in range(0, len(self.objectives), workers):
            some = self.objectives[start : start + workers]
            for curve in in_parallel(lambda fold: fold.losses(recipe), some, workers):
                curves.append(curve)
                mean = np.mean(curves, axis=0)
                trial.report(float(mean.min()), len(curves) - 1)
                if trial.should_prune():
                    raise optuna.TrialPruned
        if recipe.kind != "logistic":
            trial.set_user_attr("rounds", int(np.argmin(mean) + 1) * stride(recipe))
        return float(mean.min())


def _keep_budget(timeout_s: float) -> OnFinished:
    """Stop a search while there is time left to judge and fit its winner."""
    started = time.monotonic()

    def stop(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:  # noqa: ARG001
        took = [t.duration.total_seconds() for t in study.trials if t.duration is not None]
        if time.monotonic() - started + (1 + _FINISHING) * max(took, default=0.0) > timeout_s:
            study.stop()

    return stop


def _reporter(progress: Progress | None, on_trial: OnTrial | None) -> OnFinished:
    def report(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,), deepcopy=False)
        best = min((t.value for t in done if t.value is not None), default=float("nan"))
        if progress:
            progress(trial.number + 1, best)
        if on_trial:
            parameters = {**trial.params, **trial.user_attrs}
            on_trial(trial.number, parameters, trial.value, trial.state.name.lower())

    return report


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from writing a line per trial, and leave its verbosity as it was."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
