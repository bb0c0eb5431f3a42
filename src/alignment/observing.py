"""How a situation comes about: the open leads of a history, scored at one instant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from alignment.agreement import Agreement
from alignment.situation import Situation
from features import FeatureEngine, open_leads
from history import History
from models import ConversionModel, score
from settings.settings import GradeSettings


def observe(
    history: History,
    model: ConversionModel,
    version: str,
    *,
    now: pd.Timestamp,
    grades: GradeSettings,
    agreement: Agreement,
    **more: Any,
) -> Situation:
    """Score the open leads of a history and gather what both teams need.

    Parameters
    ----------
    history : what happened.
    model, version : to score with.
    now : the cutoff.
    grades : least score of each grade, where the agreement has none.
    agreement : in force.
    more : further fields of `Situation`.

    Raises
    ------
    ValueError : the history holds no lead created before `now`.
    """
    engine = FeatureEngine(history, model.features)
    matrix = engine.compute(open_leads(history, now))
    floors = agreement.grades(grades)
    scored = score(model, matrix, grades=floors, top_reasons=0, version=version).frame
    scored = scored.drop(columns="reasons").assign(row=np.arange(len(scored)))
    last = f"probability_{model.horizons[-1]}d"
    ranked = scored.sort_values([last, "lead_id"], ascending=[False, True], ignore_index=True)
    kept = {"engine": engine}
    return Situation(history, now, model, version, matrix, ranked, agreement, kept=kept, **more)
