"""`smarketing replay`: what is counted, what is known when, and what is left alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from alignment.handoff import WORKED
from history import History, open_store, sample_company
from history.extract import Extract
from history.teamwork import handoffs
from models.capacity import FORESIGHT, NEWEST
from models.errors import ModelError
from models.registry import Registry
from pipelines import replay
from pipelines.cli import app
from pipelines.failures import UsageError
from pipelines.living import FROZEN, LOOP, POINTS, Life
from pipelines.replay import Replay
from settings import Settings

DAY, WEEKS, PER_WEEK, HORIZON = pd.Timedelta(days=1), 5, 12, 30


@dataclass(frozen=True, eq=False)
class Own:
    """An installation with a history of its own, and the replay of it."""

    folder: Path
    settings: Settings
    digest: str
    done: Replay


@pytest.fixture(scope="module")
def company() -> History:
    return sample_company(1500, seed=11, days=400, engagements_per_lead=8).history


def settings_in(folder: Path) -> Settings:
    return Settings(
        history={"url": f"sqlite:///{folder}/history.db"},
        training={"horizons": [HORIZON], "trials": 1, "folds": 2, "timeout_s": 30.0},
        retraining={"conversions": None, "every_days": 14, "rest_days": 0},
        tracking={"uri": f"sqlite:///{folder}/mlflow.db", "artifacts": f"{folder}/artifacts"},
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory, company) -> Path:
    """Return the folder of an installation that holds the company."""
    folder = tmp_path_factory.mktemp("own")
    store = open_store(settings_in(folder).history.url)
    store.ingest(Extract.of(company, "test"), now=company.observed_until)
    return folder


@pytest.fixture(scope="module")
def own(installed) -> Own:
    folder, settings = installed, settings_in(installed)
    digest = open_store(settings.history.url).history().digest()
    asked = {"leads": 0, "weeks": WEEKS, "per_week": PER_WEEK, "trials": None}
    done = replay.run(settings, **asked, own=True, out=folder / "out")
    return Own(folder, settings, digest, done)


@pytest.mark.slow
def test_a_replay_leaves_the_installation_alone_and_writes_its_report(own):
    assert open_store(own.settings.history.url).history().digest() == own.digest
    with pytest.raises(ModelError):
        Registry.of(own.settings.tracking).champion()
    assert sorted(file.name for file in (own.folder / "out").iterdir()) == [
        "replay.html",
        "replay.json",
    ]
    told = json.loads((own.folder / "out" / "replay.json").read_text("utf-8"))
    assert told == json.loads(json.dumps(own.done.as_dict()))
    page = (own.folder / "out" / "replay.html").read_text("utf-8")
    assert all(name in page for name in (LOOP, FROZEN, POINTS, NEWEST, FORESIGHT))
    assert "href=" in page
    assert "index.html" not in page


@pytest.mark.slow
def test_the_weeks_tell_what_was_done(own):
    weeks = own.done.weeks
    assert [week.number for week in weeks] == list(range(1, WEEKS + 1))
    assert weeks[0].promoted
    assert weeks[0].trained == weeks[0].champion == 1
    # The policy trains every two weeks here, and the gate decides.
    assert weeks[2].trained == 2
    assert "14 are agreed" in weeks[2].why
    assert weeks[2].promoted == (weeks[2].champion == 2)
    assert all(week.handed == PER_WEEK for week in weeks)


@pytest.mark.slow
def test_perfect_foresight_is_never_beaten_and_the_curves_end_in_the_table(own):
    orders = own.done.orders.set_index("order")
    assert orders["wins"].idxmax() == FORESIGHT
    assert orders.loc[FORESIGHT, "wins"] > orders.loc[NEWEST, "wins"]
    last = own.done.rising.iloc[-1]
    assert last.to_dict() == orders.loc[[LOOP, FROZEN, POINTS, NEWEST], "wins"].to_dict()


@pytest.mark.slow
def test_nothing_of_the_future_is_known_and_wins_are_those_of_the_leads_handed_over(
    own, company, tmp_path
):
    begin = company.observed_until - (7 * WEEKS + HORIZON) * DAY
    end = begin + 7 * (WEEKS - 1) * DAY
    life = Life(settings_in(tmp_path), company.known_before(end), begin, PER_WEEK)
    weeks = list(life.weeks(WEEKS))
    # The history that ends with the last week gives the same weeks as the whole one.
    assert weeks == list(own.done.weeks)

    ledger = handoffs(open_store(f"sqlite:///{tmp_path}/history.db"))
    assert ledger["lead_id"].is_unique
    stages = company.outcomes.sort_values("occurred_at", kind="stable")
    won = 0
    for row in ledger.itertuples():
        mine = stages[stages["lead_id"] == row.lead_id]
        before = mine[mine["recorded_at"] < row.handed_at]["stage"].astype(str).tolist()
        assert not before or before[-1] not in WORKED
        later = mine[(mine["stage"] == "won") & (mine["occurred_at"] >= row.handed_at)]
        won += int((later["occurred_at"] < row.handed_at + HORIZON * DAY).any())
    assert own.done.orders.set_index("order").loc[LOOP, "wins"] == won


def test_what_cannot_be_replayed_is_refused_in_one_line(installed, company, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {"leads": 0, "trials": None, "own": True, "out": tmp_path / "out"}
    with pytest.raises(UsageError, match="before the first lead; replay fewer weeks"):
        replay.run(settings_in(installed), **asked, weeks=60, per_week=None)
    settings = settings_in(tmp_path)
    unsold = company.outcomes[company.outcomes["stage"].isin(["mql", "lost", "won"])]
    frames = {**company.frames(), "outcomes": unsold}
    history = History.from_frames(frames, company.observed_until, company.current_only)
    open_store(settings.history.url).ingest(Extract.of(history, "test"), now=company.observed_until)
    with pytest.raises(UsageError, match="--per-week: .* no outcome `sal`"):
        replay.run(settings, **asked, weeks=WEEKS, per_week=None)
    assert not (tmp_path / "out").exists()
    refused = CliRunner().invoke(app, ["replay", "--weeks", "0"])
    assert refused.exit_code == 2
