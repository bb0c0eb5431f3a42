"""`smarketing retrain`: the policy, the challenger, the gate, on a real store and registry."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from history import open_store, sample_company
from history.extract import Extract, RawTable
from history.sample import planted
from models.registry import Registry
from models.versions import ModelVersion
from monitoring import Alert
from pipelines import retrain
from settings import Settings

DAY = pd.Timedelta(days=1)
FELL = Alert("win_rate_fell", "urgent", "closed opportunities", "Sales wins less.", "Look.")


@pytest.fixture(scope="module")
def company():
    """Return a company of whose sales nothing moves by itself within these days."""
    return sample_company(4000, seed=8, days=600, engagements_per_lead=6).history


@pytest.fixture(scope="module")
def settings(tmp_path_factory, company):
    """Return settings of an installation whose history lacks the last two hundred days."""
    folder = tmp_path_factory.mktemp("installation")
    known = company.known_before(company.observed_until - 200 * DAY)
    tables = {name: RawTable(frame, f"{name}.csv") for name, frame in known.frames().items()}
    url = f"sqlite:///{folder}/history.db"
    extract = Extract("test", tables, known.current_only, known.observed_until)
    open_store(url).ingest(extract, now=known.observed_until)
    return Settings(
        history={"url": url},
        training={"horizons": [30], "trials": 2, "timeout_s": 30.0},
        tracking={"uri": f"sqlite:///{folder}/mlflow.db", "artifacts": f"{folder}/artifacts"},
    )


@pytest.mark.slow
def test_the_loop_from_the_first_model_to_a_recalibration(settings, company, capsys):
    first = retrain.run(settings, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (first.ruling.rule, told["way"], told["version"]) == ("first", "search", 1)
    assert told["promoted"] is True
    assert Registry.of(settings.tracking).champion().version == 1

    again = retrain.run(settings)
    printed = capsys.readouterr().out
    assert (again.ruling.due, again.version) == (False, None)
    assert "No rule fired." in printed
    assert "by schedule" in printed

    # Six wins in ten are lost from the day of the training on: that is all that changes.
    day = pd.Timestamp(Registry.of(settings.tracking).champion().tags["trained_until"])
    later = planted.fewer_wins(company, day, share=0.6)
    nothing = pd.DataFrame({"lead_id": [], "model_version": []})
    done = retrain.retrain(
        settings.model_copy(
            update={
                "retraining": settings.retraining.model_copy(
                    update={"every_days": None, "conversions": None}
                )
            }
        ),
        later,
        (FELL,),
        nothing,
        now=later.observed_until,
    )
    assert (done.ruling.rule, done.way, done.note) == ("drift", "recalibration", "")
    assert isinstance(done.version, ModelVersion)
    assert done.version.tags["recalibrated_until"] == later.observed_until.isoformat()
    assert done.version.tags["trained_until"] == day.isoformat()
    assert Registry.of(settings.tracking).load(2).metadata["recalibration"][0]["shift"] < -0.2
    # What it learned the new rate from is not what it was judged on.
    judged = Registry.of(settings.tracking).judged(2)
    cut = pd.Timestamp(judged.metadata["recalibrated_until"])
    assert done.decision.since == cut < later.observed_until - 30 * DAY
    assert done.decision.promote, done.decision.words
    assert Registry.of(settings.tracking).champion().version == 2
