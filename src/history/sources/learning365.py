"""The 365 Learning data: registered students as leads, a subscription as the win.

365 Data Science, "365 Learning Data Challenge" (2022). Every record has a date without a time of
day: it is known from the following midnight on. Quiz answers have no date at all and are left out.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from history.errors import SourceError
from history.extract import Extract, RawTable
from history.sources.files import read_file

FORMAT = "learning365"
_STUDENTS = "365_student_info.csv"
_ZONE = "UTC"


def recognises(source: str) -> bool:
    """Tell whether a source is a folder with the platform's files."""
    return (Path(source) / _STUDENTS).is_file()


def read(source: str, timezone: str | None) -> Extract:
    """Read the folder.

    Raises
    ------
    SourceError : a file or a column is missing.
    """
    folder = Path(source)
    students = _file(folder, _STUDENTS, ("student_id", "student_country", "date_registered"))
    leads = pd.DataFrame(
        {
            "lead_id": students["student_id"],
            "created_at": students["date_registered"],
            "country": students["student_country"],
        }
    )
    engagements = pd.concat(
        [_lessons(folder), _days(folder), _exams(folder), _questions(folder), _ratings(folder)],
        ignore_index=True,
    )
    outcomes = _purchases(folder)
    dates = pd.concat([leads["created_at"], engagements["occurred_at"], outcomes["occurred_at"]])
    last = pd.Timestamp(dates.max(), tz=timezone or _ZONE) + pd.Timedelta(days=1)
    return Extract(
        FORMAT,
        {
            "leads": RawTable(leads, _STUDENTS),
            "engagements": RawTable(engagements, "365_student_*.csv"),
            "outcomes": RawTable(outcomes, "365_student_purchases.csv"),
        },
        observed_until=last.tz_convert("UTC").as_unit("us"),
        timezone=timezone or _ZONE,
        notes=("365_student_quizzes.csv has no dates and was not read",),
    )


def _file(folder: Path, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    file = folder / name
    if not file.is_file():
        raise SourceError(f"{folder}: {name} is missing")
    frame = read_file(file)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise SourceError(f"{name}: the column {missing[0]!r} is missing")
    return frame


def _touches(
    frame: pd.DataFrame, date: str, kind: str, identity: list[str], **more: pd.Series
) -> pd.DataFrame:
    """Return the platform's records as inbound engagements on the web."""
    parts = frame[identity].astype("str")
    return pd.DataFrame(
        {
            "engagement_id": kind + "-" + parts.agg("-".join, axis=1),
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
    frame = _file(
        folder,
        "365_student_learning.csv",
        ("student_id", "course_id", "minutes_watched", "date_watched"),
    )
    seconds = pd.to_numeric(frame["minutes_watched"]) * 60.0
    return _touches(
        frame,
        "date_watched",
        "lesson",
        ["student_id", "course_id", "date_watched"],
        campaign="course " + frame["course_id"],
        duration_s=seconds,
    )


def _days(folder: Path) -> pd.DataFrame:
    frame = _file(
        folder, "365_student_engagement.csv", ("engagement_id", "student_id", "date_engaged")
    )
    parts = []
    for column, kind in (
        ("engagement_quizzes", "quiz_day"),
        ("engagement_exams", "exam_day"),
        ("engagement_lessons", "lesson_day"),
    ):
        parts.append(_touches(frame[frame[column] == "1"], "date_engaged", kind, ["engagement_id"]))
    return pd.concat(parts, ignore_index=True)


def _exams(folder: Path) -> pd.DataFrame:
    frame = _file(
        folder,
        "365_student_exams.csv",
        (
            "exam_attempt_id",
            "student_id",
            "exam_result",
            "exam_completion_time",
            "date_exam_completed",
        ),
    )
    return _touches(
        frame,
        "date_exam_completed",
        "exam",
        ["exam_attempt_id"],
        value=pd.to_numeric(frame["exam_result"]),
        duration_s=pd.to_numeric(frame["exam_completion_time"]) * 60.0,
    )


def _questions(folder: Path) -> pd.DataFrame:
    frame = _file(
        folder,
        "365_student_hub_questions.csv",
        ("hub_question_id", "student_id", "date_question_asked"),
    )
    return _touches(frame, "date_question_asked", "question", ["hub_question_id"])


def _ratings(folder: Path) -> pd.DataFrame:
    frame = _file(
        folder, "365_course_ratings.csv", ("course_id", "student_id", "course_rating", "date_rated")
    )
    return _touches(
        frame,
        "date_rated",
        "rating",
        ["student_id", "course_id", "date_rated"],
        value=pd.to_numeric(frame["course_rating"]),
        campaign="course " + frame["course_id"],
    )


def _purchases(folder: Path) -> pd.DataFrame:
    """Return purchases as wins; renewals are wins of a lead that has already converted."""
    frame = _file(
        folder,
        "365_student_purchases.csv",
        ("purchase_id", "student_id", "purchase_type", "date_purchased"),
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
