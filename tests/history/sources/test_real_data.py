"""The readers of real logs, on the real logs."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from features import build_training_set
from history import SourceError, open_store
from history.sources import read
from history.sources.xes import read_cases

NOW = pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us")


def ingested(source: Path, folder: Path):
    store = open_store(f"sqlite:///{folder}/history.db")
    extract = read(source)
    first, second = store.ingest(extract, now=NOW), store.ingest(extract, now=NOW)
    assert first.total.rejected == 0
    assert (second.total.accepted, second.total.updated) == (0, 0)
    return store.history()


@pytest.mark.slow
def test_bpic2012_has_its_applications_and_approvals(shared_data, tmp_path):
    history = ingested(shared_data / "bpic2012", tmp_path)
    won = history.outcomes[history.outcomes["stage"] == "won"]
    assert len(history.leads) == 13_087
    assert won["lead_id"].nunique() == len(won) == 2_246
    assert history.engagements["duration_s"].min() >= 0
    assert history.observed_until == pd.Timestamp("2012-03-14T15:04:54.681Z")


@pytest.mark.slow
def test_learning365_has_its_students_and_buyers(shared_data, tmp_path):
    history = ingested(shared_data / "d365_challenge", tmp_path)
    won = history.outcomes[history.outcomes["stage"] == "won"]
    assert len(history.leads) == 35_230
    assert won["lead_id"].nunique() == 2_135
    bought = won.groupby("lead_id")["occurred_at"].min()
    created = history.leads.set_index("lead_id")["created_at"]
    at_once = set(bought.index[(bought == created[bought.index]).to_numpy()])
    snapshots = build_training_set(history, features=[], ages=(1,), horizons=(30,)).snapshots
    assert at_once
    assert not at_once & set(snapshots["lead_id"])


XES = """<?xml version="1.0"?><log xmlns="http://www.xes-standard.org/"><trace>
<string key="concept:name" value="1"/><date key="REG_DATE" value="2012-01-01T00:00:00+01:00"/>
<event><string key="concept:name" value="A_SUBMITTED"/><date key="time:timestamp" value="2012-01-01T00:00:00+01:00"/></event>
<event><string key="concept:name" value="A_APPROVED"/><date key="time:timestamp" value="2012-01-05T00:00:00+01:00"/></event>
<event><string key="concept:name" value="A_REGISTERED"/><date key="time:timestamp" value="2012-01-05T00:00:01+01:00"/></event>
</trace></log>"""


def test_three_records_of_one_approval_are_one_win(tmp_path):
    with gzip.open(tmp_path / "BPI_Challenge_2012.xes.gz", "wt") as file:
        file.write(XES)
    outcomes = read(tmp_path).tables["outcomes"].frame
    assert outcomes[["stage", "occurred_at"]].to_numpy().tolist() == [
        ["won", "2012-01-05T00:00:00+01:00"]
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip at all",
        gzip.compress(XES.encode())[:-40],
        gzip.compress(b"<log><trace>"),
        gzip.compress(b'<!DOCTYPE x [<!ENTITY a "aaaa">]><log>&a;</log>'),
    ],
    ids=["not gzip", "truncated", "not closed", "entities"],
)
def test_a_damaged_or_hostile_log_is_refused(tmp_path, content):
    file = tmp_path / "log.xes.gz"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=r"log\.xes\.gz: not a readable XES log"):
        list(read_cases(file))
