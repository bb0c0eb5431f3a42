"""`smarketing replay`: live through a past year week by week, and count what the loop was worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from alignment.pages import replayed
from alignment.pages.render import render_alone
from features.snapshots import label
from history import History, sample_company
from models.capacity import FORESIGHT, captured, worked
from pipelines import context
from pipelines.failures import UsageError
from pipelines.living import ORDERS, WEEK, Life, Week
from pipelines.output import make_folder
from settings import Settings

_START, _PAST_DAYS, _TOUCHES = "2023-01-02", 365, 20.0


@dataclass(frozen=True, eq=False)
class Replay:
    """A replay and what came of it.

    Parameters
    ----------
    weeks : one by one.
    orders : `models.capacity.captured`: the loop, its rivals and perfect foresight.
    rising : wins so far, a row a week and a column an order.
    per_week : leads that sales works a week.
    horizon : days within which a win counts.
    """

    weeks: Sequence[Week]
    orders: pd.DataFrame
    rising: pd.DataFrame
    per_week: int
    horizon: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {
            "per_week": self.per_week,
            "horizon_days": self.horizon,
            "orders": self.orders.to_dict("records"),
            "rising": self.rising.reset_index().to_dict("records"),
            "weeks": [asdict(week) for week in self.weeks],
        }


def run(
    settings: Settings,
    *,
    leads: int,
    weeks: int,
    per_week: int | None,
    trials: int | None,
    own: bool,
    out: Path,
    as_json: bool = False,
) -> Replay:
    """Replay the sample company, or one's own history, and write the report.

    Parameters
    ----------
    settings : of the installation; its store and its models are left alone.
    leads : of the sample company.
    weeks : to replay.
    per_week : leads that sales works a week; as many as it took in the year before, if None.
    trials : of each search; as configured if None.
    own : replay the configured history: its newest weeks whose outcomes are known.
    out : folder for ``replay.html`` and ``replay.json``.
    as_json : print JSON instead of sentences.

    Raises
    ------
    UsageError : the history is too short, or nobody worked leads in it.
    """
    horizon = settings.training.horizons[-1]
    with context.working("reading the history" if own else "simulating a B2B company"):
        if own:
            history = context.history_of(settings, context.store_of(settings))
        else:
            days = _PAST_DAYS + 7 * weeks + horizon
            seed = settings.training.seed
            sample = sample_company(leads, seed, _START, days, engagements_per_lead=_TOUCHES)
            history = sample.history
    begin = history.observed_until - pd.Timedelta(days=horizon) - weeks * WEEK
    room = per_week or _taken_a_week(history.known_before(begin), begin)
    make_folder(out)
    with TemporaryDirectory(dir=out, prefix=".replay-") as scratch:
        life = Life(_aside(settings, Path(scratch), trials), history, begin, room)
        lived = []
        for week in life.weeks(weeks):
            _tell(week)
            lived.append(week)
    replay = _counted(lived, pd.concat(life.queue, ignore_index=True), history, settings, room)
    page = _write(replay, out)
    if as_json:
        context.print_json(replay.as_dict())
    else:
        _print(replay, page)
    return replay


def _taken_a_week(known: History, begin: pd.Timestamp) -> int:
    """Return how many leads sales took in an average week of the year before.

    Raises
    ------
    UsageError : the history begins too late, or says of no lead that sales took it.
    """
    if known.leads.empty:
        raise UsageError(
            f"--weeks: the first week would begin on {begin:%Y-%m-%d}, before the first lead; "
            "replay fewer weeks"
        )
    outcomes = known.outcomes
    taken = outcomes[(outcomes["stage"] == "sal") & (outcomes["occurred_at"] >= begin - 52 * WEEK)]
    if taken.empty:
        raise UsageError(
            "--per-week: the year before the first week has no outcome `sal`, so how many leads "
            "sales can work is not known; say it"
        )
    return max(1, round(len(taken) / ((begin - taken["occurred_at"].min()) / WEEK)))


def _aside(settings: Settings, folder: Path, trials: int | None) -> Settings:
    """Return settings of an installation of its own, whose every file is in a folder."""
    searching = settings.training.model_copy(update={"trials": trials or settings.training.trials})
    policy = settings.retraining.model_copy(update={"trials": trials or settings.retraining.trials})
    return settings.model_copy(
        update={
            "history": settings.history.model_copy(
                update={"url": f"sqlite:///{folder / 'history.db'}", "observed_until": None}
            ),
            "tracking": settings.tracking.model_copy(
                update={
                    "uri": f"sqlite:///{folder / 'mlflow.db'}",
                    "artifacts": str(folder / "artifacts"),
                    "search_storage": None,
                }
            ),
            "training": searching,
            "retraining": policy,
        }
    )


def _counted(
    weeks: Sequence[Week], queue: pd.DataFrame, history: History, settings: Settings, per_week: int
) -> Replay:
    """Look ahead, now that all is over: which of the leads that were worked were won."""
    wanted = settings.training
    horizon = wanted.horizons[-1]
    came = label(history, queue[["lead_id", "as_of"]], target=wanted.target, horizons=[horizon])
    queue = queue.assign(converted=came.converted[horizon].to_numpy())
    strengths = {name: queue[name].to_numpy(dtype=float) for name in ORDERS}
    orders = captured(queue, strengths, per_week=per_week, seed=wanted.seed)
    lead = pd.factorize(queue["lead_id"])[0]
    wins = {
        name: queue.iloc[worked(queue["week"].to_numpy(), lead, strength, per_week)]
        .groupby("week")["converted"]
        .sum()
        for name, strength in strengths.items()
    }
    numbers = pd.RangeIndex(1, len(weeks) + 1, name="week")
    rising = pd.DataFrame(wins).reindex(numbers).fillna(0.0).cumsum().astype(int)
    return Replay(weeks, orders, rising, per_week, horizon)


def _write(replay: Replay, out: Path) -> Path:
    told = replay.as_dict()
    (out / "replay.json").write_text(json.dumps(told, indent=2), "utf-8")
    page = out / "replay.html"
    page.write_text(render_alone("replay", replayed.view(told)), "utf-8")
    return page


def _tell(week: Week) -> None:
    """Say what a person would have been told in that week, if anything."""
    if week.trained is not None:
        end = "serves" if week.promoted else f"waits, version {week.champion} serves"
        context.note(f"week {week.number}: version {week.trained} {end}. {week.why}")
    for alert in week.alerts:
        context.note(f"week {week.number}: alert {alert}")


def _print(replay: Replay, page: Path) -> None:
    weeks = replay.weeks
    context.print_table(
        f"Wins when sales works {replay.per_week:,} leads a week for {len(weeks)} weeks",
        ("order of work", "wins", "95 % interval", "of all wins", "the loop wins more"),
        [
            (
                row.order,
                f"{row.wins:,}",
                f"{row.low:,.0f} to {row.high:,.0f}",
                f"{row.share:.0%}",
                "" if row.Index == 0 else _margin(row),
            )
            for row in replay.orders.itertuples()
        ],
    )
    trained = [week for week in weeks if week.trained is not None]
    context.say(
        f"{len(trained)} trainings, {sum(week.promoted for week in trained)} promotions, "
        f"{sum(bool(week.alerts) for week in weeks)} weeks with alerts. {FORESIGHT.capitalize()} "
        "knows who will be won; a lead counts that was won within "
        f"{replay.horizon} days of its week, as it happened."
    )
    context.say(f"The report: {page.resolve()}")


def _margin(row: Any) -> str:
    return f"{row.margin:+,} ({row.margin_low:+,.0f} to {row.margin_high:+,.0f})"
