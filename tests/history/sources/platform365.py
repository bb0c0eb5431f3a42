"""A small folder of the 365 platform that a person can check."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "student_info": "student_id,student_country,date_registered\n1,DE,2022-01-01\n2,,2022-01-02\n",
    "student_learning": "student_id,course_id,minutes_watched,date_watched\n1,23,1.5,2022-01-03\n",
    "student_engagement": "engagement_id,student_id,engagement_quizzes,engagement_exams,"
    "engagement_lessons,date_engaged\n7,1,1,0,1,2022-01-03\n8,1,0,1,1,2022-01-04\n",
    "student_exams": "exam_attempt_id,student_id,exam_id,exam_result,exam_completion_time,"
    "date_exam_completed\n5,1,9,80,2,2022-01-04\n",
    "student_hub_questions": "hub_question_id,student_id,date_question_asked\n3,1,2022-01-05\n",
    "course_ratings": "course_id,student_id,course_rating,date_rated\n23,1,5,2022-01-06\n",
    "student_purchases": "purchase_id,student_id,purchase_type,date_purchased\n"
    "90,1,Monthly,2022-01-06\n91,1,Monthly,2022-02-06\n",
}


def write(folder: Path) -> Path:
    """Write the platform's files, and return the folder."""
    for name, text in FILES.items():
        (folder / f"365_{name}.csv").write_text(text)
    return folder
