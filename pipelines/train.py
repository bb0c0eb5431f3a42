"""`smarketing train`: training set, search, calibration, evaluation, registration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from features import Feature, TrainingSet, build_training_set, compute_features, open_leads
from features.audit import audit
from history import History
from models import ConversionModel, Evaluation, tune
from models.evaluation import FUTURE
from models.fairness import fairness
from models.plots import training_plots
from models.registry import Registry
from models.search import TunedModel
from models.versions import ModelVersion
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings

_HEADINGS = {
    "log_loss": "log loss",
    "auc": "ROC-AUC",
    "average_precision": "AP",
    "brier": "Brier",
    "calibration_error": "ECE",
    "lift": "lift at 10 %",
}
"""The metrics that fit a terminal, and what they are called there: AP is the average precision,
ECE the expected calibration error."""

_MOST_GROUPS = 50


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training leaves behind.

    Parameters
    ----------
    training_set : what it learned from.
    tuned : the model, the evaluation and the trials.
    version : where it is registered.
    """

    training_set: TrainingSet
    tuned: TunedModel
    version: ModelVersion


def run(
    settings: Settings,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    until: str | None = None,
    as_json: bool = False,
) -> Trained:
    """Train on the configured history and register the result as challenger.

    Raises
    ------
    ValueError : the history is empty or has nothing to learn from, or the time cannot be read.
    """
    moment = None
    if until is not None:
        moment = context.instant(until, "--until", settings.history.timezone)
    with context.working("reading the history"):
        history = context.history_of(settings, context.store_of(settings))
    if moment is not None and moment <= (first := history.leads["created_at"].min()):
        raise UsageError(f"--until: {until} lies before the first lead, created {first}")
    trained = train(settings, history, trials=trials, timeout=timeout, until=moment)
    if as_json:
        context.print_json(as_plain(trained))
    else:
        show(trained)
        context.say("Next: smarketing promote")
    return trained


def train(
    settings: Settings,
    history: History,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    until: pd.Timestamp | None = None,
    why: str = "trained by hand",
    now: pd.Timestamp | None = None,
) -> Trained:
    """Build the training set, search, judge, and register a challenger.

    Parameters
    ----------
    settings : of the installation.
    history : what happened.
    trials, timeout : as configured where missing.
    until : pretend that today is this day.
    why : kept with the version.
    now : kept as the time of registration; this instant where missing.

    Raises
    ------
    UsageError : the audit finds a leak that nobody waived among the fields that features use.
    """
    wanted = settings.training
    with context.working("looking for leaks"):
        refuse_leaks(history if until is None else history.known_before(until), settings)
    with context.working("computing features"):
        training_set = build_training_set(
            history,
            target=wanted.target,
            horizons=wanted.horizons,
            ages=wanted.ages,
            until=until,
        )
    registry = Registry.of(settings.tracking)
    total, started = trials or wanted.trials, context.now()
    with (
        registry.tracking.training_run(f"training-{started:%Y%m%d-%H%M%S}") as run_,
        context.working("searching", total=total) as (progress, task),
    ):
        tuned = tune(
            training_set,
            trials=total,
            timeout_s=timeout or wanted.timeout_s,
            folds=wanted.folds,
            seed=wanted.seed,
            min_conversions=wanted.min_conversions,
            min_boosting=wanted.min_boosting,
            storage=settings.tracking.search_storage,
            progress=lambda done, best: progress.update(
                task, completed=done, note=f"log loss {best:.4f}"
            ),
            on_trial=run_.log_trial,
        )
        tuned = _compared(settings, history, training_set, tuned)
        progress.update(task, description="registering", completed=total)
        model = _scaled(tuned.model, history, training_set.observed_until)
        version = registry.log_and_register(
            model,
            tuned.evaluation,
            tuned.trials,
            training_plots(tuned, training_set),
            judged=tuned.judged,
            who=context.who(),
            why=why,
            now=now or context.now(),
            run=run_,
        )
    return Trained(training_set, tuned, version)


def _compared(
    settings: Settings, history: History, training_set: TrainingSet, tuned: TunedModel
) -> TunedModel:
    """Add the comparison of declared groups, personal fields too: they are in no model."""
    declared, start = settings.training.fairness, tuned.holdout_start
    if not declared or start is None:
        return tuned
    horizon = training_set.horizons[-1]
    known = training_set.labels[horizon].notna().to_numpy()
    judged = training_set.take(known & (training_set.snapshots["as_of"] >= start).to_numpy())
    values = compute_features(
        history.unmarked(declared),
        judged.snapshots[["lead_id", "as_of"]],
        [_group(each) for each in declared],
    ).values
    for name in declared:
        if (levels := values[name].nunique()) > _MOST_GROUPS:
            raise UsageError(
                f"[training] fairness: {name} has {levels:,} values; a group needs a field with "
                f"at most {_MOST_GROUPS}"
            )
    found = fairness(
        tuned.judged.probabilities(judged.values)[:, -1],
        judged.labels[horizon].to_numpy(dtype=float),
        judged.snapshots,
        np.asarray(judged.groups, dtype=object),
        {name: values[name] for name in declared},
        capacity=tuned.evaluation.capacity,
        seed=settings.training.seed,
    )
    return replace(tuned, evaluation=replace(tuned.evaluation, fairness=found))


def _group(name: str) -> Feature:
    table, _, column = name.partition(".")
    source: Literal["lead", "account"] = "lead" if table == "leads" else "account"
    return Feature(
        name, column, source, "attribute", column=column, unit="category", categorical=True
    )


def refuse_leaks(history: History, settings: Settings) -> None:
    """Refuse a history of whose leaking fields features would be made.

    Raises
    ------
    UsageError : names every such field, and how to go on.
    """
    wanted = settings.training
    report = audit(history, features=(), target=wanted.target, waived=wanted.waived)
    if report.blocking:
        names = ", ".join(finding.name for finding in report.blocking)
        fields = ", ".join(f'"{each}"' for each in sorted({f.where for f in report.blocking}))
        raise UsageError(
            f"the audit finds leaks: {names}; see smarketing audit. Leave the fields out with "
            f"[history] current_only = [{fields}], or accept findings by name in [training] waived"
        )


def _scaled(model: ConversionModel, history: History, until: pd.Timestamp) -> ConversionModel:
    """Give the score its scale: the percentile rank among the leads open at the end."""
    snapshots = open_leads(history, until)
    if snapshots.empty:
        return model
    return model.with_reference(compute_features(history, snapshots, model.features).values)


def as_plain(trained: Trained) -> dict[str, Any]:
    """Return what a training gave as JSON data."""
    return {
        "version": trained.version.version,
        "message": trained.tuned.model.message,
        "snapshots": len(trained.training_set),
        "digest": trained.training_set.digest,
        "evaluation": trained.tuned.evaluation.as_dict(),
    }


def _basis(evaluation: Evaluation, horizon: int) -> str:
    """Say what the figures rest on."""
    counts = evaluation.counts
    row = counts[(counts["horizon"] == horizon) & (counts["segment"] == FUTURE)].iloc[0]
    return f"{row['conversions']:,} conversions in {row['n']:,} snapshots within {horizon} days"


def show(trained: Trained) -> None:
    """Print the model and its figures beside all baselines."""
    evaluation = trained.tuned.evaluation
    context.say(f"version {trained.version.version}: {trained.tuned.model.message}")
    for note in evaluation.notes:
        context.say(f"note: {note}")
    if not evaluation.horizons or evaluation.figures.empty:
        return
    horizon = evaluation.horizons[-1]
    table = evaluation.table(horizon)
    context.print_table(
        f"Held-out figures, {_basis(evaluation, horizon)}",
        ("", *_HEADINGS.values()),
        [(name, *(f"{row[metric]:.4f}" for metric in _HEADINGS)) for name, row in table.iterrows()],
    )
    weekly = evaluation.weekly
    if len(weekly):
        context.print_table(
            f"Wins reached when sales works {weekly['per_week'].iloc[0]:,} leads a week",
            ("order of work", "wins", "95 % interval", "of all wins"),
            [
                (
                    row.order,
                    f"{row.wins:,}",
                    f"{row.low:,.0f} to {row.high:,.0f}",
                    f"{row.share:.0%}",
                )
                for row in weekly.itertuples()
            ],
        )
