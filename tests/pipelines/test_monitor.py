"""`smarketing monitor` on a store: quiet, loud, held against filed scores, and its mistakes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from features import open_leads
from history import open_store, sample_company
from history.extract import Extract, RawTable
from pipelines import monitor
from pipelines.failures import UsageError
from settings import Settings


@pytest.fixture(scope="module")
def company():
    return sample_company(2500, seed=5, days=300, engagements_per_lead=4)


@pytest.fixture
def settings(tmp_path, company):
    url = f"sqlite:///{tmp_path}/history.db"
    frames = company.history.frames()
    leads = frames["leads"].copy()
    last = company.history.observed_until - pd.Timedelta(days=14)
    leads.loc[leads["created_at"] >= last, "job_level"] = np.nan
    tables = {
        name: RawTable(frame, f"{name}.csv") for name, frame in {**frames, "leads": leads}.items()
    }
    history = company.history
    extract = Extract("test", tables, history.current_only, history.observed_until)
    open_store(url).ingest(extract, now=history.observed_until)
    told = {"url": url, "observed_until": history.observed_until.isoformat()}
    return Settings(history=told)


def test_alerts_and_kept_promises_are_json(settings, company, tmp_path, capsys):
    scored = open_leads(company.history, company.history.observed_until - pd.Timedelta(days=40))
    scored = scored.assign(probability_30d=company.truth.probability(scored, 30))
    scored.to_csv(tmp_path / "scores.csv", index=False)
    monitor.run(settings, None, tmp_path / "scores.csv", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [(each["code"], each["subject"]) for each in told["alerts"]] == [
        ("field_missing", "leads.job_level")
    ]
    (due,) = told["outcomes"]
    assert due["horizon"] == 30
    assert due["mature"]["realised"] == due["cohorts"][0]["estimate"]


def test_a_quiet_week_is_one_sentence(settings, company, capsys):
    before = company.history.observed_until - pd.Timedelta(days=14)
    monitor.run(settings, before.isoformat(), None)
    assert "Nothing to look at" in capsys.readouterr().out


def test_files_that_hold_no_scores_are_refused(settings, tmp_path):
    (tmp_path / "other.csv").write_text("a\n1\n")
    for name in ("other.csv", "missing.csv", "scores.txt"):
        with pytest.raises(UsageError, match="--scores"):
            monitor.run(settings, None, tmp_path / name)
