"""`smarketing demo`: the whole way on the sample company, in one go."""

from __future__ import annotations

import getpass
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from history import History, Store, sample_company
from history.sources import Extract, RawTable
from models.promotion import Decision
from pipelines import context, output, report, score, versions
from pipelines.train import Trained, registry_of, show, train
from settings import Settings

_SAMPLE = "sample"
_DAYS = 730


@dataclass
class _Clockwork:
    """Seconds and peak memory of each stage."""

    stages: list[tuple[str, float, float]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.stages.append((name, time.perf_counter() - begun, peak))


def run(settings: Settings, *, leads: int, trials: int, start: str | None) -> None:
    """Simulate, ingest, train, promote, score and report; then say what to open.

    Parameters
    ----------
    settings : of the installation.
    leads : of the sample company.
    trials : of the search.
    start : first day of the sample; two years before today where missing, so that its history
        ends now.
    """
    clock = _Clockwork()
    store = context.store_of(settings)
    _warn_of_others(store)
    with clock.stage("sample company"), context.working("simulating two years of a B2B company"):
        sample = sample_company(leads, seed=settings.training.seed, start=start or _two_years_ago())
    with clock.stage("ingest"), context.working("writing the history"):
        store.ingest(_as_extract(sample.history), now=context.now())
        history = context.history_of(settings, store)
    with clock.stage("train"):
        trained = train(settings, history, trials=trials, why="demo")
    with clock.stage("promote"), context.working("asking the gate"):
        decision = _promote(settings, trained, history)
    out = Path("report")
    with clock.stage("score"), context.working("scoring the open leads"):
        scores_file = _score(settings, history, out)
    with clock.stage("report"), context.working("writing the report"):
        registry = registry_of(settings)
        page = report.write(settings, registry, registry.version("champion"), history, out)
    show(trained)
    _closing(clock, decision, scores_file, page)


def _two_years_ago() -> str:
    return str((context.now() - pd.Timedelta(days=_DAYS)).date())


def _as_extract(history: History) -> Extract:
    tables = {name: RawTable(frame, f"sample {name}") for name, frame in history.frames().items()}
    return Extract(_SAMPLE, tables, history.current_only, history.observed_until)


def _warn_of_others(store: Store) -> None:
    others = [name for name in store.sources() if name != _SAMPLE]
    if others:
        context.notices.print(
            f"note: {store.name} also holds {', '.join(others)}; the sample company joins it. "
            "Set SMARKETING_HISTORY__URL for a store of its own.",
            markup=False,
        )


def _promote(settings: Settings, trained: Trained, history: History) -> Decision:
    registry = registry_of(settings)
    decision = versions.ask_gate(settings, registry, trained.version, history)
    if decision.promote:
        registry.promote(
            trained.version, who=getpass.getuser(), why=decision.words, now=context.now()
        )
    return decision


def _score(settings: Settings, history: History, out: Path) -> Path:
    registry = registry_of(settings)
    champion = registry.version("champion")
    scores = score.score_open_leads(
        settings, registry.load(champion), history, history.observed_until, str(champion.version)
    )
    out.mkdir(parents=True, exist_ok=True)
    output.write(score.filed(scores), out / "scores.parquet")
    return out / "scores.parquet"


def _closing(clock: _Clockwork, decision: Decision, scores_file: Path, page: Path) -> None:
    rows = [(name, f"{seconds:.1f}", f"{peak:,.0f}") for name, seconds, peak in clock.stages]
    total = sum(seconds for _, seconds, _ in clock.stages)
    context.print_table(
        "Where the time went", ("stage", "seconds", "peak MB"), [*rows, ("all", f"{total:.1f}", "")]
    )
    context.screen.print(f"\nThe gate: {decision.words}", markup=False, soft_wrap=True)
    context.screen.print(
        f"""
Open      {page.resolve()}
Scores    {scores_file}
Next      make serve                       the service and its pages on http://127.0.0.1:3000
          smarketing models                versions and their figures
          smarketing ingest YOUR_FOLDER    your own history; see README.md
""",
        markup=False,
        soft_wrap=True,
    )
