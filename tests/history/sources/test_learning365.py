"""The 365 platform: a small folder that a person can check, and the real one."""

from __future__ import annotations

import pandas as pd
import pytest

from features import build_training_set
from history import SourceError, open_store
from history.sources import read
from tests.history.sources import platform365


@pytest.fixture
def folder(tmp_path):
    return platform365.write(tmp_path)


def test_the_files_become_one_history(folder, ingested):
    history = ingested(folder)
    assert history.leads["country"].fillna("").tolist() == ["DE", ""]
    assert history.engagements["kind"].tolist() == [
        "lesson",
        "quiz_day",
        "exam",
        "question",
        "rating",
    ]
    lesson, exam = history.engagements.iloc[0], history.engagements.iloc[2]
    assert (lesson["duration_s"], lesson["campaign"]) == (90.0, "course 23")
    assert (exam["duration_s"], exam["value"]) == (120.0, 80.0)
    assert history.outcomes["reason"].tolist() == ["Monthly", "Monthly"]


def test_a_date_is_known_from_the_following_midnight_of_its_zone(folder, tmp_path_factory):
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('store')}/history.db")
    store.ingest(read(folder, timezone="Europe/Berlin"), now=pd.Timestamp("2023-01-01T00:00:00Z"))
    history = store.history()
    lesson = history.engagements.iloc[0]
    assert lesson["occurred_at"] == pd.Timestamp("2022-01-02T23:00:00Z")
    assert lesson["recorded_at"] == pd.Timestamp("2022-01-03T22:59:59.999999Z")
    assert history.observed_until == pd.Timestamp("2022-02-06T23:00:00Z")


def test_a_bad_number_or_date_costs_its_row_alone(folder, tmp_path_factory):
    file = folder / "365_student_learning.csv"
    file.write_text(file.read_text() + "1,24,many,2022-01-03\n2,24,3,someday\n")
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('store')}/history.db")
    report = store.ingest(read(folder), now=pd.Timestamp("2023-01-01T00:00:00Z"))
    assert [(reject.field, reject.value) for reject in report.rejects] == [
        ("duration_s", "many"),
        ("occurred_at", "someday"),
    ]
    assert report.counts["engagements"].accepted == 5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("student_exams", None, "365_student_exams.csv is missing"),
        ("course_ratings", "course_id\n1\n", "the column 'student_id' is missing"),
        ("student_info", "student_id\n1\n", "the column 'student_country' is missing"),
    ],
)
def test_a_missing_file_or_column_is_named(folder, name, text, words):
    file = folder / f"365_{name}.csv"
    file.write_text(text) if text else file.unlink()
    with pytest.raises(SourceError, match=words):
        read(folder)


@pytest.mark.slow
def test_the_real_platform_has_its_students_and_buyers(shared_data, ingested):
    history = ingested(shared_data / "d365_challenge")
    won = history.outcomes[history.outcomes["stage"] == "won"]
    assert len(history.leads) == 35_230
    assert won["lead_id"].nunique() == 2_135
    assert history.observed_until == pd.Timestamp("2022-10-21T00:00:00Z")
    bought = won.groupby("lead_id")["occurred_at"].min()
    created = history.leads.set_index("lead_id")["created_at"]
    at_once = set(bought.index[(bought == created[bought.index]).to_numpy()])
    snapshots = build_training_set(history, features=[], ages=(1,), horizons=(30,)).snapshots
    assert at_once
    assert not at_once & set(snapshots["lead_id"])
