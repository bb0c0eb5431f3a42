"""`smarketing retrain`: train anew when the policy says so, and let the gate decide what serves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from features import TrainingSet, build_training_set
from history import History
from history.score_reading import read_promises
from models import ConversionModel
from models.errors import ModelError
from models.evaluation import evaluate
from models.personal import personal_fields
from models.promotion import Decision, learned_until
from models.recalibration import known_at, recalibrate
from models.registry import Registry
from models.versions import ModelVersion
from monitoring import Reign, Ruling, monitor, rule
from monitoring.promises import kept_promises
from monitoring.report import Alert
from monitoring.retraining import learned_to, newly_converted
from pipelines import context, versions
from pipelines.train import train
from settings import Settings

_CONFIDENCE = 0.999
"""Of the interval by which a promise counts as broken: it is looked at every week."""


@dataclass(frozen=True)
class Retrained:
    """What a run of the policy came to.

    Parameters
    ----------
    ruling : whether to train, and why.
    way : ``search``, ``recalibration``, or empty where nothing was trained.
    note : why a search was made where a recalibration was to be expected.
    version : the challenger that was trained; None where none was.
    decision : of the gate about it.
    """

    ruling: Ruling
    way: str = ""
    note: str = ""
    version: ModelVersion | None = None
    decision: Decision | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            **self.ruling.as_dict(),
            "way": self.way,
            "note": self.note,
            "version": None if self.version is None else self.version.version,
            "promoted": self.decision is not None and self.decision.promote,
            "gate": None if self.decision is None else self.decision.as_dict(),
        }


def run(
    settings: Settings,
    *,
    force: bool = False,
    trials: int | None = None,
    timeout: float | None = None,
    as_json: bool = False,
) -> Retrained:
    """Ask the policy; where it says so, train a challenger and let it through the gate.

    Parameters
    ----------
    settings : of the installation.
    force : train, whatever the policy says.
    trials, timeout : of the search; as configured where missing.
    as_json : print JSON instead of sentences.

    Raises
    ------
    ValueError : the history is empty or has nothing to learn from.
    """
    store = context.store_of(settings)
    with context.working("reading the history"):
        history = context.history_of(settings, store)
        served = read_promises(store, horizons=settings.training.horizons)
    with context.working("asking the monitor"):
        report = monitor(
            history.without_personal(), history.observed_until, **settings.monitoring.model_dump()
        )
    done = retrain(
        settings,
        history,
        report.alerts,
        served,
        now=context.now(),
        force=force,
        trials=trials,
        timeout=timeout,
    )
    if as_json:
        context.print_json(done.as_dict())
    else:
        _print(done)
    return done


def retrain(
    settings: Settings,
    history: History,
    alerts: tuple[Alert, ...],
    served: pd.DataFrame,
    *,
    now: pd.Timestamp,
    force: bool = False,
    trials: int | None = None,
    timeout: float | None = None,
) -> Retrained:
    """Ask the policy about a history; train, and promote through the gate alone.

    Parameters
    ----------
    settings : of the installation.
    history : what happened.
    alerts : of the monitor at the end of the history.
    served : scores as `read_promises` returns them.
    now : kept as the time of training and of promotion.
    force, trials, timeout : as for `run`.
    """
    registry = Registry.of(settings.tracking)
    ruling = _ruling(settings, registry, history, alerts, served, force=force)
    if not ruling.due:
        return Retrained(ruling)
    way, note, version = "search", "", None
    if ruling.base_rate:
        with context.working("computing features"):
            training_set = _training_set(settings, registry, history)
        try:
            version = _recalibrated(settings, registry, training_set, ruling.words, now)
            way = "recalibration"
        except ModelError as error:
            note = f"A recalibration was tried first: {error}."
    if version is None:
        version = train(
            settings,
            history,
            trials=trials or settings.retraining.trials,
            timeout=timeout,
            why=ruling.words,
            now=now,
        ).version
    with context.working("asking the gate"):
        decision = versions.through_gate(settings, registry, version, history, now)
    return Retrained(ruling, way, note, registry.version(version.version), decision)


def _ruling(
    settings: Settings,
    registry: Registry,
    history: History,
    alerts: tuple[Alert, ...],
    served: pd.DataFrame,
    *,
    force: bool,
) -> Ruling:
    """Gather what the policy wants to know, and ask it."""
    wanted, end = settings.training, history.observed_until
    every = registry.versions()
    champion = next((each for each in every if each.is_champion), None)
    if champion is None:
        return rule(settings.retraining, Reign(), end, force=force)
    known = [instant for instant in map(learned_to, every) if instant is not None]
    trained_until = pd.Timestamp(champion.tags["trained_until"])
    personal = _personal(registry, champion, history)
    reign = Reign(
        champion.version,
        trained_until,
        max(known, default=None),
        newly_converted(
            history,
            trained_until,
            ages=wanted.ages,
            horizon=wanted.horizons[-1],
            target=wanted.target,
        ),
        personal,
        relearned=bool(personal) and not _personal(registry, every[0], history),
    )
    ours = served[(served["model_version"] == str(champion.version)).to_numpy()]
    promises = kept_promises(
        ours,
        history,
        end,
        horizons=wanted.horizons,
        target=wanted.target,
        confidence=_CONFIDENCE,
    )
    return rule(settings.retraining, reign, end, alerts=alerts, promises=promises, force=force)


def _personal(registry: Registry, version: ModelVersion, history: History) -> tuple[str, ...]:
    """Return the fields of a version that are personal; models are read only where some are."""
    return personal_fields(registry.load(version), history.personal) if history.personal else ()


def _training_set(settings: Settings, registry: Registry, history: History) -> TrainingSet:
    """Return the snapshots of the history with the champion's features, as it is served them."""
    wanted = settings.training
    return build_training_set(
        history.without_personal(),
        registry.load().features,
        target=wanted.target,
        horizons=wanted.horizons,
        ages=wanted.ages,
    )


def _recalibrated(
    settings: Settings, registry: Registry, training_set: TrainingSet, why: str, now: pd.Timestamp
) -> ModelVersion:
    """Shift the champion to the new base rate and register it as challenger.

    Raises
    ------
    ModelError : more than the base rate moved, or too few outcomes are new.
    """
    found = recalibrate(registry.load(), training_set)
    if not found.alone:
        what = "more than the base rate moved" if found.moved else "the base rate did not move"
        raise ModelError(f"{what}, by the outcomes that are new to the champion")
    try:
        judged, cut = _twin(registry.load(), training_set)
    except ModelError:
        judged, cut = _twin(registry.judged("champion"), training_set)
    later = training_set.take((training_set.snapshots["as_of"] >= cut).to_numpy())
    evaluation = evaluate(judged, later, past=training_set, seed=settings.training.seed)
    return registry.log_and_register(
        replace(
            found.model, metadata={**found.model.metadata, "recalibration": _plain(found.table)}
        ),
        evaluation,
        pd.DataFrame(columns=["number", "state", "value"]),
        judged=judged,
        who=context.who(),
        why=why,
        now=now,
    )


def _twin(
    model: ConversionModel, training_set: TrainingSet
) -> tuple[ConversionModel, pd.Timestamp]:
    """Return the shifted model that the gate judges, and the instant from which it may.

    It is shifted by what was known half-way between the end of what the model has seen and the
    newest mature snapshot, and judged on what follows.

    Raises
    ------
    ModelError : too few outcomes were new to the model by then.
    """
    newest = training_set.observed_until - pd.Timedelta(days=model.horizons[-1])
    since = learned_until(model)
    cut = (since + (newest - since) / 2).floor("us")
    if cut <= since:
        raise ModelError("no snapshot is mature that the model has not seen")
    return recalibrate(model, known_at(training_set, cut)).model, cut


def _plain(table: pd.DataFrame) -> list[dict[str, float]]:
    return [
        {str(name): float(value) for name, value in row.items()}
        for row in table.replace([float("inf"), float("-inf")], None).astype("float64").to_dict(
            "records"
        )
    ]  # fmt: skip


def _print(done: Retrained) -> None:
    context.say(done.ruling.words)
    if done.ruling.next:
        context.say(done.ruling.next)
    if done.note:
        context.say(done.note)
    if done.version is None or done.decision is None:
        return
    made = "was recalibrated" if done.way == "recalibration" else "was trained"
    verdict = "is champion" if done.decision.promote else "stays challenger"
    context.say(f"Version {done.version.version} {made} and {verdict}: {done.decision.words}")
