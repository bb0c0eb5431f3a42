"""`smarketing monitor`: does what arrives still look as it did, and were promises kept."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from history import History, Store
from history.score_reading import read_promises
from monitoring import Report, monitor
from monitoring.promises import early_words, told
from monitoring.shadow import Comparison, compare_shadow
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings

_COLUMNS = ("severity", "what", "subject", "cause", "next step")


def run(
    settings: Settings, as_of: str | None, scores: Path | None, *, as_json: bool = False
) -> Report:
    """Look at the newest weeks of the history and print what a person should look at.

    Parameters
    ----------
    settings : of the installation.
    as_of : end of the newest week; the end of the observation where missing.
    scores : earlier output of `smarketing score`, a .parquet or .csv file, to be held against what
        came of it; the score log of the service where missing.
    as_json : print JSON instead of sentences.

    Raises
    ------
    ValueError : an empty history, or a time or file that cannot be used.
    """
    filed = None if scores is None else read_scores(scores)
    store, wanted = context.store_of(settings), settings.training
    with context.working("reading the history") as (progress, task):
        history = context.history_of(settings, store)
        moment = history.observed_until
        if as_of is not None:
            moment = context.instant(as_of, "--as-of", settings.history.timezone)
        progress.update(task, description="comparing")
        report = monitor(history.without_personal(), moment, **settings.monitoring.model_dump())
        served = read_promises(store, horizons=wanted.horizons) if filed is None else filed
        asked: dict[str, Any] = {"horizons": wanted.horizons, "target": wanted.target}
        outcomes = told(served, history, moment, **asked)
        shadow = _shadow(store, served, history, moment, asked) if filed is None else []
    if as_json:
        beside = [asdict(each) for each in shadow]
        context.print_json({**report.as_json(), "outcomes": outcomes, "shadow": beside})
    else:
        _print(report, outcomes)
        for each in shadow:
            _print_shadow(each)
    return report


def read_scores(file: Path) -> pd.DataFrame:
    """Read scores that were filed.

    Raises
    ------
    UsageError : the file is missing, of another kind, or lacks a column.
    """
    if not file.is_file():
        raise UsageError(f"--scores: there is no file {file}")
    if file.suffix not in (".parquet", ".csv"):
        raise UsageError(f"--scores: {file} must be a .parquet or .csv file of `smarketing score`")
    frame = (
        pd.read_parquet(file)
        if file.suffix == ".parquet"
        else pd.read_csv(file, dtype={"lead_id": "str", "model_version": "str"})
    )
    lacking = [name for name in ("lead_id", "as_of") if name not in frame.columns]
    if lacking:
        raise UsageError(f"--scores: {file} lacks the column {lacking[0]!r}")
    return frame.assign(as_of=pd.to_datetime(frame["as_of"], utc=True).dt.as_unit("us"))


def _print(report: Report, outcomes: list[dict[str, Any]]) -> None:
    if report.alerts:
        rows = [
            (each.severity, each.code, each.subject, each.cause, each.next_step)
            for each in report.alerts
        ]
        context.print_table(f"{len(rows)} to look at, as of {report.as_of}", _COLUMNS, rows)
    elif report.as_json()["judged"]:
        context.say(
            f"Nothing to look at: {report.signals} shares are as in the "
            f"{report.reference_weeks} weeks before."
        )
    else:
        context.say(
            f"Too early to judge: {report.reference_weeks} whole weeks to compare with, 8 are "
            "needed."
        )
    for each in outcomes:
        _print_promises(each["horizon"], each["mature"])
        for words in early_words(each):
            context.say(f"{each['horizon']} days: {words}")


def _shadow(
    store: Store,
    served: pd.DataFrame,
    history: History,
    moment: pd.Timestamp,
    asked: dict[str, Any],
) -> list[Comparison]:
    unseen = read_promises(store, horizons=asked["horizons"], shadow=True)
    return compare_shadow(served, unseen, history, moment, **asked)


def _print_shadow(beside: Comparison) -> None:
    who = f"In the shadow, version {beside.version} beside version {beside.champion}"
    if beside.gain is None:
        context.say(f"{who}: {beside.waiting:,} scores, none of them due yet.")
        return
    context.say(
        f"{who}: log loss {beside.log_loss:.4f} and {beside.champion_log_loss:.4f} within "
        f"{beside.horizon} days on the same {beside.scores:,} scores, {beside.conversions:,} of "
        f"them conversions (gain {beside.gain:+.4f}, 95 % from {beside.low:+.4f} to "
        f"{beside.high:+.4f})."
    )


def _print_promises(horizon: int, kept: dict[str, Any] | None) -> None:
    if kept is None:
        context.say(f"{horizon} days: no promise is due yet.")
        return
    low, high = kept["ratio_interval"]
    context.say(
        f"{horizon} days: {kept['promised']:.1f} conversions promised, {kept['realised']:.0f} came "
        f"(ratio {kept['ratio']:.2f}, 95 % from {low:.2f} to {high:.2f}); the best tenth converts "
        f"{kept['lift']:.1f} times as often as all."
    )
