"""From feature values to what people and CRMs get: probabilities, a score, a grade, reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from features.training_set import FeatureMatrix
from models.conversion import ConversionModel
from models.explanation import reasons, strongest
from settings.agreement import GradeFloors
from settings.settings import GradeSettings

Floats = npt.NDArray[np.float64]
_GRADES = np.array(["D", "C", "B", "A"])
Grades = GradeSettings | GradeFloors
"""From which score, or from which probability, each grade begins."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scored snapshots.

    Parameters
    ----------
    frame : one row per snapshot with ``lead_id``, ``as_of``, a ``probability_{h}d`` per horizon,
        ``score`` (0-100, percentile rank of the last probability among open leads), ``grade``
        (A to D), ``reasons`` (list of dicts of feature, label, value and effect in points of
        probability) and ``model_version``.
    horizons : in days, rising.
    """

    frame: pd.DataFrame
    horizons: tuple[int, ...]


def score(
    model: ConversionModel,
    matrix: FeatureMatrix,
    *,
    grades: Grades,
    top_reasons: int = 3,
    version: str = "",
) -> Scores:
    """Score snapshots, one or many, in the order given.

    Parameters
    ----------
    model : a conversion model.
    matrix : snapshots with the values of the model's features.
    grades : where each grade begins.
    top_reasons : reasons to give per snapshot; 0 skips the explanation.
    version : kept with every score.

    Raises
    ------
    ModelError : a feature of the model is missing from the matrix.
    """
    probabilities = model.probabilities(matrix.values)
    points = percentile_scores(probabilities[:, -1], model.reference)
    given = reasons(model, matrix, top_reasons) if top_reasons else [[] for _ in range(len(matrix))]
    columns = {f"probability_{h}d": probabilities[:, i] for i, h in enumerate(model.horizons)}
    frame = pd.DataFrame(
        {
            "lead_id": matrix.snapshots["lead_id"].to_numpy(),
            "as_of": matrix.snapshots["as_of"].array,
            **columns,
            "score": points,
            "grade": grade(points, probabilities[:, -1], grades),
            "reasons": pd.Series(given, dtype=object),
            "model_version": pd.Series([version] * len(matrix), dtype="str"),
        }
    )
    return Scores(frame, model.horizons)


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Scores of few rows, in arrays.

    Parameters
    ----------
    probabilities : shape (rows, horizons).
    points, grades : a score and a grade for each row.
    reasons : as of `Scores.frame`.
    """

    probabilities: Floats
    points: Floats
    grades: npt.NDArray[np.str_]
    reasons: list[list[dict[str, Any]]]


def score_rows(
    model: ConversionModel,
    X: Floats,
    *,
    grades: Grades,
    columns: Callable[[], Sequence[npt.NDArray[Any]]],
    explained: int,
    top_reasons: int,
) -> ScoredRows:
    """Do as `score` does, for few rows that are in no frame.

    Parameters
    ----------
    model : a conversion model.
    X : the rows, encoded by it.
    grades : where each grade begins.
    columns : gives the values that were encoded, one array a feature, if reasons name them.
    explained : how many of the rows, from the first on, are to be explained.
    top_reasons : reasons to give for each of them; 0 skips the explanation.
    """
    probabilities = model.probabilities_of(X)
    points = percentile_scores(probabilities[:, -1], model.reference)
    given = strongest(model, X[:explained], columns(), top_reasons) if top_reasons else []
    graded = grade(points, probabilities[:, -1], grades)
    return ScoredRows(probabilities, points, graded, given)


def percentile_scores(probabilities: Floats, reference: Floats) -> Floats:
    """Return 0-100: the share of reference leads below, ties counting half, one decimal.

    Parameters
    ----------
    probabilities : of the leads to score.
    reference : of the open leads, rising; when empty everyone gets 50.
    """
    return _percentiles(probabilities, reference)


@njit(cache=True, nogil=True)
def _percentiles(probabilities: Floats, reference: Floats) -> Floats:
    points = np.empty(len(probabilities))
    for row in range(len(probabilities)):
        if len(reference) == 0:
            points[row] = 50.0
            continue
        chance = probabilities[row]
        below = np.searchsorted(reference, chance, side="left")
        upto = np.searchsorted(reference, chance, side="right")
        points[row] = np.rint(50.0 * (below + upto) / len(reference) * 10.0) / 10.0
    return points


def grade(points: Floats, chances: Floats, grades: Grades) -> npt.NDArray[np.str_]:
    """Return A to D: each grade from its floor on, D below C.

    Parameters
    ----------
    points : scores, which are graded where the floors are scores.
    chances : last probabilities, which are graded where the floors are probabilities.
    grades : where each grade begins.
    """
    known = chances if isinstance(grades, GradeFloors) else points
    return _GRADES[_grades(known, grades.c, grades.b, grades.a)]


@njit(cache=True, nogil=True)
def _grades(known: Floats, c: float, b: float, a: float) -> npt.NDArray[np.int64]:
    found = np.zeros(len(known), np.int64)
    for row in range(len(known)):
        found[row] = (known[row] >= c) + (known[row] >= b) + (known[row] >= a)
    return found
