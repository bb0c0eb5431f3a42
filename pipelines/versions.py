"""`smarketing models`, `promote` and `rollback`: which model serves, and why."""

from __future__ import annotations

import getpass
from typing import Any

from features import build_training_set
from history import History
from models.promotion import Decision, decide
from models.registry import Registry
from models.versions import ModelVersion
from pipelines import context
from pipelines.train import registry_of
from settings import Settings


def show(settings: Settings, *, as_json: bool = False) -> tuple[ModelVersion, ...]:
    """Print every registered version with its figures."""
    versions = tuple(registry_of(settings).versions())
    if as_json:
        context.print_json([as_plain(version) for version in versions])
    elif not versions:
        context.screen.print("no models yet; train one with: smarketing train")
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
    ValueError : there is no such version, or no reason is given for a forced promotion.
    """
    if force and not why:
        raise context.UsageError("--force skips the gate: say why with --why")
    registry = registry_of(settings)
    chosen = registry.version(version) if version else registry.challenger()
    decision = None
    if not force:
        history = context.history_of(settings, context.store_of(settings))
        decision = ask_gate(settings, registry, chosen, history)
    promoted = force or (decision is not None and decision.promote)
    words = why or (decision.words if decision else "")
    if promoted:
        registry.promote(chosen, who=getpass.getuser(), why=words, now=context.now())
    if as_json:
        context.print_json({"version": chosen.version, "promoted": promoted, "why": words})
    else:
        context.screen.print(
            f"version {chosen.version} {'is champion' if promoted else 'stays challenger'}: {words}"
        )
    return decision


def ask_gate(
    settings: Settings, registry: Registry, version: ModelVersion, history: History
) -> Decision:
    """Compare a version with the champion on the newest mature snapshots.

    Each is given the features that it declares.

    Raises
    ------
    ModelError : the two cannot be compared.
    """
    wanted = settings.training
    return decide(
        registry,
        version,
        lambda features: build_training_set(
            history,
            features,
            target=wanted.target,
            horizons=wanted.horizons,
            ages=wanted.ages,
        ),
        seed=wanted.seed,
    )


def rollback(settings: Settings, *, why: str, as_json: bool = False) -> ModelVersion:
    """Go back to the champion before."""
    registry = registry_of(settings)
    version = registry.rollback(who=getpass.getuser(), why=why, now=context.now())
    if as_json:
        context.print_json(as_plain(version))
    else:
        context.screen.print(f"version {version.version} is champion again")
    return version


def as_plain(version: ModelVersion) -> dict[str, Any]:
    """Return a version as JSON data."""
    return {
        "version": version.version,
        "aliases": list(version.aliases),
        "created_at": version.created_at.isoformat(),
        "metrics": dict(version.metrics),
        "tags": dict(version.tags),
    }


def _row(version: ModelVersion) -> tuple[object, ...]:
    metrics = version.metrics

    def figure(name: str) -> str:
        found = [
            value
            for key, value in metrics.items()
            if key.startswith("future") and key.endswith(name)
        ]
        return f"{found[-1]:.4f}" if found else "-"

    return (
        version.version,
        ", ".join(version.aliases) or "-",
        version.created_at.strftime("%Y-%m-%d %H:%M"),
        figure("log_loss"),
        figure("_auc"),
        version.tags.get("why", ""),
    )
