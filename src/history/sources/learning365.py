"""The 365 Learning data: registered students as leads, a subscription as the win.

365 Data Science, "365 Learning Data Challenge" (2022). Every record has a date without a time of
day: it is known from the following midnight on. Quiz answers have no date at all and are left
out; that a student took quizzes on a day is known from the platform's record of days.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from history.extract import Extract, RawTable
from history.sources.tabular import days_after_the_last, in_seconds, read_columns

FORMAT = "learning365"
_STUDENTS = "365_student_info.csv"
_LESSONS = "365_student_learning.csv"
_DAYS = "365_student_engagement.csv"
_EXAMS = "365_student_exams.csv"
_QUESTIONS = "365_student_hub_questions.csv"
_RATINGS = "365_course_ratings.csv"
_PURCHASES = "365_student_purchases.csv"
_ZONE = "UTC"
_CHOICES = (
    "365_student_info -> leads: a student is created with the registration; the country is taken "
    "as known from then on",
    "365_student_learning, _exams, _hub_questions, _course_ratings and the days with quizzes of "
    "_engagement -> engagements: dates have no time of day, so that each is known from the "
    "following midnight on",
    "365_student_purchases -> outcomes: every purchase is the stage won, a renewal too; each is "
    "known from the midnight after it",
)


def recognises(source: str) -> bool:
    """Tell whether a source is a folder with the platform's files."""
    return (Path(source) / _STUDENTS).is_file()


def read(source: str, timezone: str | None) -> Extract:
    """Read the folder.

    The data is complete up to the end of its last day.

    Parameters
    ----------
    source : the folder.
    timezone : the zone of the dates, UTC where missing: the platform does not say.

    Raises
    ------
    SourceError : a file or a column is missing, or no date can be read.
    """
    folder, zone = Path(source), timezone or _ZONE
    tables = {
        "leads": RawTable(_students(folder), _STUDENTS),
        "engagements": RawTable(_engagements(folder), "365_student_*.csv"),
        "outcomes": RawTable(_purchases(folder), _PURCHASES),
    }
    times = {"leads": "created_at", "engagements": "occurred_at", "outcomes": "occurred_at"}
    dates = pd.concat([tables[table].frame[column] for table, column in times.items()])
    return Extract(
        FORMAT,
        tables,
        observed_until=days_after_the_last(dates, 1, zone),
        timezone=zone,
        notes=("365_student_quizzes.csv has no dates and was not read",),
        choices=_CHOICES,
    )


def _students(folder: Path) -> pd.DataFrame:
    frame = read_columns(folder, _STUDENTS, ("student_id", "student_country", "date_registered"))
    return pd.DataFrame(
        {
            "lead_id": frame["student_id"],
            "created_at": frame["date_registered"],
            "country": frame["student_country"],
        }
    )


def _engagements(folder: Path) -> pd.DataFrame:
    parts = [reader(folder) for reader in (_lessons, _quizzes, _exams, _questions, _ratings)]
    return pd.concat(parts, ignore_index=True)


def _touches(
    frame: pd.DataFrame, date: str, kind: str, identity: list[str], **more: pd.Series
) -> pd.DataFrame:
    """Return the platform's records as inbound engagements on the web."""
    ids = pd.Series(kind, index=frame.index)
    for name in identity:
        ids = ids + "-" + frame[name]
    return pd.DataFrame(
        {
            "engagement_id": ids,
            "lead_id": frame["student_id"],
            "occurred_at": frame[date],
            "kind": kind,
            "team": "marketing",
            "channel": "web",
            "direction": "inbound",
            **more,
        }
    )


def _lessons(folder: Path) -> pd.DataFrame:
    identity = ["student_id", "course_id", "date_watched"]
    frame = read_columns(folder, _LESSONS, (*identity, "minutes_watched"))
    return _touches(
        frame,
        "date_watched",
        "lesson",
        identity,
        campaign="course " + frame["course_id"],
        duration_s=in_seconds(frame["minutes_watched"]),
    )


def _quizzes(folder: Path) -> pd.DataFrame:
    """Return the days with quizzes; the days with lessons and exams are in their own files."""
    frame = read_columns(
        folder, _DAYS, ("engagement_id", "student_id", "engagement_quizzes", "date_engaged")
    )
    taken = frame[(frame["engagement_quizzes"] == "1").to_numpy()]
    return _touches(taken, "date_engaged", "quiz_day", ["engagement_id"])


def _exams(folder: Path) -> pd.DataFrame:
    names = ("exam_attempt_id", "student_id", "exam_result", "exam_completion_time")
    frame = read_columns(folder, _EXAMS, (*names, "date_exam_completed"))
    return _touches(
        frame,
        "date_exam_completed",
        "exam",
        ["exam_attempt_id"],
        value=frame["exam_result"],
        duration_s=in_seconds(frame["exam_completion_time"]),
    )


def _questions(folder: Path) -> pd.DataFrame:
    frame = read_columns(
        folder, _QUESTIONS, ("hub_question_id", "student_id", "date_question_asked")
    )
    return _touches(frame, "date_question_asked", "question", ["hub_question_id"])


def _ratings(folder: Path) -> pd.DataFrame:
    identity = ["student_id", "course_id", "date_rated"]
    frame = read_columns(folder, _RATINGS, (*identity, "course_rating"))
    return _touches(
        frame,
        "date_rated",
        "rating",
        identity,
        value=frame["course_rating"],
        campaign="course " + frame["course_id"],
    )


def _purchases(folder: Path) -> pd.DataFrame:
    """Return purchases as wins; renewals are wins of a lead that has already converted."""
    frame = read_columns(
        folder, _PURCHASES, ("purchase_id", "student_id", "purchase_type", "date_purchased")
    )
    return pd.DataFrame(
        {
            "outcome_id": frame["purchase_id"],
            "lead_id": frame["student_id"],
            "occurred_at": frame["date_purchased"],
            "stage": "won",
            "reason": frame["purchase_type"],
        }
    )
