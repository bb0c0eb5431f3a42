"""`smarketing demo`: the whole way on the sample company, in one go."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from history import History, Store, sample_company
from history.sources import Extract
from models import Scores
from models.promotion import Decision
from models.registry import Registry
from pipelines import context, output, report, score, versions
from pipelines.train import Trained, show, train
from settings import Settings

_SAMPLE = "sample"
_DAYS = 730
_OWN = {"history": "sqlite:///var/demo.db", "tracking": "sqlite:///mlruns/demo.db"}
"""Where the demo works when the configured store holds somebody's own history."""


@dataclass
class _Clockwork:
    """Seconds and peak memory of each stage."""

    stages: list[tuple[str, float, float]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if not context.notices.is_terminal:
            context.note(f"{name} ...")
        begun = time.perf_counter()
        yield
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.stages.append((name, time.perf_counter() - begun, peak))

    def show(self) -> None:
        """Print what took how long, and how much memory the process had taken by then."""
        rows = [(name, f"{seconds:.1f}", f"{peak:,.0f}") for name, seconds, peak in self.stages]
        total = sum(seconds for _, seconds, _ in self.stages)
        context.print_table(
            "Where the time went",
            ("stage", "seconds", "peak MB"),
            [*rows, ("all", f"{total:.1f}", "")],
        )


def run(settings: Settings, *, leads: int, trials: int, start: str | None) -> None:
    """Simulate, ingest, train, promote, score and report; then say what to open.

    A second run keeps the sample company that is there, and trains on it again.

    Parameters
    ----------
    settings : of the installation.
    leads : of the sample company.
    trials : of the search.
    start : first day of the sample; two years before today where missing, so that its history
        ends now.
    """
    clock = _Clockwork()
    settings, store = _aside(settings)
    _fill(store, clock, leads, settings.training.seed, _first_day(settings, start))
    history = context.history_of(settings, store)
    with clock.stage("train"):
        trained = train(settings, history, trials=trials, why="demo")
    with clock.stage("promote"), context.working("asking the gate"):
        decision = _promote(settings, trained, history)
    out = Path("report")
    with clock.stage("score"), context.working("scoring the open leads"):
        scores = _score(settings, history, out)
    with clock.stage("report"), context.working("writing the report"):
        registry = Registry.of(settings.tracking)
        version = registry.version("champion")
        page = report.write(settings, registry, version, history, out, store)
    show(trained)
    clock.show()
    context.say(f"\nThe gate: {decision.words}")
    context.say(_closing(settings, scores, page))


def _aside(settings: Settings) -> tuple[Settings, Store]:
    """Return where the demo works: as configured, unless somebody's own history lives there."""
    store = context.store_of(settings)
    others = [name for name in store.sources() if name != _SAMPLE]
    if not others:
        return settings, store
    context.note(
        f"{store.name} holds your own history ({', '.join(others)}), which is left as it is: "
        f"the demo works in {_OWN['history']} and {_OWN['tracking']}"
    )
    own = settings.model_copy(
        update={
            "history": settings.history.model_copy(update={"url": _OWN["history"]}),
            "tracking": settings.tracking.model_copy(update={"uri": _OWN["tracking"]}),
        }
    )
    return own, context.store_of(own)


def _first_day(settings: Settings, start: str | None) -> str:
    if start is None:
        return str((context.now() - pd.Timedelta(days=_DAYS)).date())
    return str(context.instant(start, "--start", settings.history.timezone).date())


def _fill(store: Store, clock: _Clockwork, leads: int, seed: int, start: str) -> None:
    """Put the sample company into the store, unless it is there."""
    if _SAMPLE in store.sources():
        context.note(f"the sample company is in {store.name} already, and is used as it is")
        return
    with clock.stage("sample company"), context.working("simulating two years of a B2B company"):
        sample = sample_company(leads, seed=seed, start=start, days=_DAYS)
    with clock.stage("ingest"), context.working("writing the history"):
        store.ingest(Extract.of(sample.history, _SAMPLE), now=context.now())


def _promote(settings: Settings, trained: Trained, history: History) -> Decision:
    """Ask the gate; where nothing serves yet, the demo's model serves whatever the gate says."""
    registry = Registry.of(settings.tracking)
    decision = versions.ask_gate(settings, registry, trained.version, history)
    if decision.promote or registry.reign().champion is None:
        why = decision.words if decision.promote else "the demo needs a champion to show"
        registry.promote(trained.version, who=context.who(), why=why, now=context.now())
    return decision


def _score(settings: Settings, history: History, out: Path) -> Scores:
    registry = Registry.of(settings.tracking)
    champion = registry.version("champion")
    scores = score.score_open_leads(
        settings, registry.load(champion), history, history.observed_until, str(champion.version)
    )
    out.mkdir(parents=True, exist_ok=True)
    output.write(score.filed(scores), out / "scores.parquet")
    return scores


def _closing(settings: Settings, scores: Scores, page: Path) -> str:
    """Return the last screen: what to open, and what to do next."""
    here, there = _commands(), f"http://{settings.serving.host}:{settings.serving.port}"
    first = scores.frame["lead_id"].iloc[0]
    serve = "make serve"
    if settings.history.url == _OWN["history"]:
        serve = (
            f"SMARKETING_HISTORY__URL={_OWN['history']} "
            f"SMARKETING_TRACKING__URI={_OWN['tracking']} make serve"
        )
    return f"""
Open the report      {page.resolve()}
Scores of all leads  {page.parent / "scores.parquet"}

Next, serve them     {serve}
  then open          {there}
  or ask             curl -s {there}/score -H 'Content-Type: application/json' \\
                       -d '{{"leads":[{{"lead_id":"{first}"}}]}}'
See the trials       {here}mlflow ui --backend-store-uri {settings.tracking.uri}
See the models       {here}smarketing models
Your own history     {here}smarketing ingest YOUR_FOLDER    (what it holds: README.md)
"""


def _commands() -> str:
    """Return what to write before our commands: the environment's folder, if it lies below here."""
    folder = Path(sys.executable).parent
    return f"{folder.relative_to(Path.cwd())}/" if folder.is_relative_to(Path.cwd()) else ""
