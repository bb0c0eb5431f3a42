"""`smarketing models`, `promote` and `rollback`: which model serves, and why."""

from __future__ import annotations

import re

import pandas as pd

from features import build_training_set
from history import History
from history.personal import marked
from models.personal import personal_fields, refuse_personal
from models.promotion import Decision, decide
from models.registry import Registry
from models.versions import ModelVersion
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings


def show(settings: Settings, *, as_json: bool = False) -> tuple[ModelVersion, ...]:
    """Print every registered version with its figures."""
    versions = Registry.of(settings.tracking).versions()
    if as_json:
        context.print_json([version.as_dict() for version in versions])
    elif not versions:
        context.say("no models yet; train one with: smarketing train")
    else:
        context.print_table(
            "Registered models",
            ("version", "role", "made", "log loss", "ROC-AUC", "why"),
            [_row(version) for version in versions],
        )
    return versions


def promote(
    settings: Settings,
    *,
    version: str | None = None,
    force: bool = False,
    why: str | None = None,
    as_json: bool = False,
) -> Decision | None:
    """Let the challenger through the gate, and make it champion if it is better.

    Parameters
    ----------
    version : which one; the challenger where missing.
    force : skip the gate; `why` must then say why.

    Raises
    ------
    ValueError : there is no such version, it uses a personal field, or no reason is given for a
        forced promotion.
    """
    if force and not why:
        raise UsageError("--force skips the gate: say why with --why")
    registry = Registry.of(settings.tracking)
    chosen = registry.version(version) if version else registry.challenger()
    decision, store = None, context.store_of(settings)
    if not force:
        history = context.history_of(settings, store)
        decision = through_gate(settings, registry, chosen, history, context.now(), why=why)
    else:
        with store.reading() as connection:
            refuse_personal(registry.load(chosen), str(chosen.version), marked(connection))
        registry.promote(chosen, who=context.who(), why=str(why), now=context.now())
    promoted = decision is None or decision.promote
    words = why or (decision.words if decision else "")
    if as_json:
        context.print_json({"version": chosen.version, "promoted": promoted, "why": words})
    else:
        verdict = "is champion" if promoted else "stays challenger"
        context.say(f"version {chosen.version} {verdict}: {words}")
    return decision


def through_gate(
    settings: Settings,
    registry: Registry,
    version: ModelVersion,
    history: History,
    now: pd.Timestamp,
    *,
    why: str | None = None,
) -> Decision:
    """Make a version champion if the gate finds it better; return what the gate says.

    Parameters
    ----------
    why : kept with the promotion; the words of the gate where missing.

    Raises
    ------
    ModelError : the two cannot be compared, or the version uses a personal field.
    """
    refuse_personal(registry.load(version), str(version.version), history.personal)
    decision = ask_gate(settings, registry, version, history)
    if decision.promote:
        registry.promote(version, who=context.who(), why=why or decision.words, now=now)
    return decision


def ask_gate(
    settings: Settings, registry: Registry, version: ModelVersion, history: History
) -> Decision:
    """Compare a version with the champion on the newest mature snapshots.

    Each is given the features that it declares; what is personal is missing, as in service.

    Raises
    ------
    ModelError : the two cannot be compared.
    """
    wanted, known = settings.training, history.without_personal()
    return decide(
        registry,
        version,
        lambda features: build_training_set(
            known,
            features,
            target=wanted.target,
            horizons=wanted.horizons,
            ages=wanted.ages,
        ),
        seed=wanted.seed,
    )


def rollback(
    settings: Settings, *, why: str, force: bool = False, as_json: bool = False
) -> ModelVersion:
    """Go back to the champion before.

    Parameters
    ----------
    why : kept with the version.
    force : also to one that uses a field which was marked as personal since; to it the field is
        missing.

    Raises
    ------
    ModelError : it uses such a field, or there is none to go back to.
    """
    registry = Registry.of(settings.tracking)
    with context.store_of(settings).reading() as connection:
        fields = marked(connection)
    earlier = registry.reign().earlier
    if fields and earlier and not force:
        _refuse_to_return(personal_fields(registry.load(earlier[0]), fields), earlier[0])
    version = registry.rollback(who=context.who(), why=why, now=context.now())
    if as_json:
        context.print_json(version.as_dict())
    else:
        context.say(f"version {version.version} is champion again")
    return version


def _refuse_to_return(fields: tuple[str, ...], version: int) -> None:
    if fields:
        raise UsageError(
            f"version {version}, the champion before, uses {', '.join(fields)}, marked as personal "
            "since: train another one with: smarketing retrain --force; or bring it back without "
            "the field's values with: smarketing rollback --force"
        )


def _row(version: ModelVersion) -> tuple[object, ...]:
    return (
        version.version,
        ", ".join(version.aliases) or "-",
        version.created_at.strftime("%Y-%m-%d %H:%M"),
        _figure(version, "log_loss"),
        _figure(version, "auc"),
        version.tags.get("why", ""),
    )


def _figure(version: ModelVersion, metric: str) -> str:
    """Return a held-out figure of the longest horizon."""
    named = (re.fullmatch(rf"future_(\d+)d_{metric}", name) for name in version.metrics)
    found = max((match for match in named if match), key=lambda match: int(match[1]), default=None)
    return "-" if found is None else f"{version.metrics[found[0]]:.4f}"
