"""What else one could fit to the same rows and columns."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import chdir

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import optuna
import pandas as pd
from catboost import CatBoostClassifier
from flaml import AutoML
from parts.judging import TRIALS, labels_of

from features import TrainingSet
from models.baselines import BASELINES
from models.boosting import SmallBoosting
from models.folds import Fitting, encoder_for, make_folds
from models.metrics import log_losses

Floats = npt.NDArray[np.float64]
SEED, BUDGET_S = 7, 120


def baseline(name: str) -> Callable[[TrainingSet, TrainingSet], Floats]:
    """Return a way to fit one of the product's baselines."""

    def forecast(past: TrainingSet, test: TrainingSet) -> Floats:
        fitted = BASELINES[name](past.features).fit(past.values, labels_of(past))
        return fitted.probabilities(test.values)

    return forecast


def tuned_lightgbm(past: TrainingSet, test: TrainingSet) -> Floats:
    """Search LightGBM's usual parameters on the same forward folds; one fit of the best."""
    folds = make_folds(past, past.horizons[-1], Fitting(), 12_000)

    def parameters(trial: optuna.Trial) -> dict[str, object]:
        return {
            "objective": "binary",
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 128, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 200, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 100.0, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.3, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1.0),
            "bagging_freq": 1,
            "num_threads": 1,
            "seed": SEED,
            "verbosity": -1,
        }

    def objective(trial: optuna.Trial) -> float:
        found, rounds = [], []
        for fold in folds:
            codes = list(fold.categorical)
            data = lgb.Dataset(fold.X, fold.y, categorical_feature=codes)
            asked = data.create_valid(fold.X_test, fold.y_test)
            booster = lgb.train(
                parameters(trial),
                data,
                600,
                valid_sets=[asked],
                callbacks=[lgb.early_stopping(30, verbose=False)],
            )
            p = np.asarray(booster.predict(fold.X_test))
            found.append(log_losses(p, fold.y_test).mean())
            rounds.append(booster.best_iteration)
        trial.set_user_attr("rounds", int(np.mean(rounds)))
        return float(np.mean(found))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED))
    study.optimize(objective, TRIALS)
    best = study.best_trial
    X, asked, categories = _encoded(past, test)
    chosen = parameters(optuna.trial.FixedTrial(best.params))
    data = lgb.Dataset(X, labels_of(past), categorical_feature=categories)
    return np.asarray(lgb.train(chosen, data, max(1, best.user_attrs["rounds"])).predict(asked))


def catboost(past: TrainingSet, test: TrainingSet) -> Floats:
    """Fit CatBoost with its defaults, categories as it takes them."""
    names = [feature.name for feature in past.features if feature.categorical]
    frames = [_texts(part.values, names) for part in (past, test)]
    model = CatBoostClassifier(
        cat_features=names,
        random_seed=SEED,
        verbose=False,
        thread_count=2,
        allow_writing_files=False,
    )
    return np.asarray(model.fit(frames[0], labels_of(past)).predict_proba(frames[1])[:, 1])


def flaml(past: TrainingSet, test: TrainingSet) -> Floats:
    """Let FLAML look for two minutes, its folds forward in time."""
    names = [feature.name for feature in past.features if feature.categorical]
    order = np.argsort(past.snapshots["as_of"].to_numpy(), kind="stable")
    rows = _texts(past.values, names).iloc[order].astype(dict.fromkeys(names, "category"))
    asked = _texts(test.values, names)
    for name in names:
        asked[name] = pd.Categorical(asked[name], categories=rows[name].cat.categories)
    search = AutoML()
    # Its learners leave files where they are run.
    with tempfile.TemporaryDirectory() as folder, chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FLAML's own, about newer libraries
        search.fit(
            rows,
            labels_of(past)[order].astype(int),
            task="classification",
            metric="log_loss",
            time_budget=BUDGET_S,
            split_type="time",
            estimator_list=["lgbm", "rf", "extra_tree", "lrl1", "catboost"],
            seed=SEED,
            n_jobs=2,
            verbose=0,
        )
        return np.asarray(search.predict_proba(asked))[:, 1]


def _encoded(past: TrainingSet, test: TrainingSet) -> tuple[Floats, Floats, list[int]]:

    encoder = encoder_for(past).fit(past.values)
    asked = encoder.transform(test.values)
    return encoder.transform(past.values), asked, list(encoder.levels_)


def _texts(values: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    texts = {name: values[name].astype(object).fillna("missing").astype(str) for name in names}
    return values.assign(**{name: text.astype(object) for name, text in texts.items()})


WHAT_MATTERS = (
    *("days_since_engagement", "days_since_outbound", "engagements_7d", "engagements_30d"),
    *("distinct_channels_30d", "stage", "days_in_stage", "lead_crm_stage"),
)
"""The features that the law of leadforge's worlds can be read from best."""


def told_what_matters(past: TrainingSet, test: TrainingSet) -> Floats:
    """Fit stumps to the features that matter alone, as many as turn out best on the test part.

    No rival, since nobody knows either: a bound to what so few leads can teach.
    """
    names = [feature.name for feature in past.features]
    kept = [names.index(name) for name in WHAT_MATTERS if name in names]
    X, asked, categories = _encoded(past, test)
    X, asked = X[:, kept], asked[:, kept]
    codes = tuple(place for place, column in enumerate(kept) if column in categories)
    y, found = labels_of(test), []
    for rounds in range(40, 241, 20):
        stumps = SmallBoosting(rounds=rounds, leaves=2, feature_share=1.0, categorical=codes)
        found.append(stumps.fit(X, labels_of(past)).predict_proba(asked)[:, 1])
    return min(found, key=lambda p: log_losses(p, y).mean())


RIVALS: Mapping[str, Callable[[TrainingSet, TrainingSet], Floats]] = {
    "prevalence": baseline("prevalence"),
    "naive Bayes": baseline("naive Bayes"),
    "logistic regression": baseline("logistic regression"),
    "default LightGBM": baseline("default LightGBM"),
    "tuned LightGBM": tuned_lightgbm,
    "CatBoost": catboost,
    "FLAML, 120 s": flaml,
}
"""Every rival by the name it bears in tables."""
STRONG = ("logistic regression", "tuned LightGBM", "CatBoost", "FLAML, 120 s")
"""Those that the model has to match."""
SLOW = ("FLAML, 120 s",)
"""Not asked about simulated worlds, whose law says more than a rival could."""
