"""The challenger scores in the shadow: what it would have said, logged behind the answer.

It computes from the very features that the champion's answer was made of, in the thread that
writes the score log, so that no request waits for it. Nobody is shown its scores; the monitor
compares them with the champion's when outcomes are known.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from history.score_log import SHADOW, ServedScore
from models import ConversionModel
from models.errors import ModelError
from models.scoring import percentile_scores
from serving.champion import Champion, ChampionSource

_log = logging.getLogger("smarketing.shadow")


class Shadow:
    """Keeps the challenger of the registry, and scores with it what was served.

    Parameters
    ----------
    source : where it comes from.
    """

    def __init__(self, source: ChampionSource) -> None:
        self._source = source
        self._challenger: Champion | None = None
        self._refused = ""

    @property
    def version(self) -> str:
        """The version that scores in the shadow; empty where none does."""
        return "" if self._challenger is None else self._challenger.version

    def look(self) -> None:
        """Load the challenger if it is another one than before.

        One that cannot be loaded is said once in the log: the champion serves all the same.
        """
        wanted = self._source.challenger()
        if wanted == self.version or (wanted and wanted == self._refused):
            return
        self._challenger, self._refused = None, ""
        if not wanted:
            return
        try:
            self._challenger = self._source.load_challenger()
        except ModelError as error:
            self._refused = wanted
            _log.warning("version %s cannot score in the shadow: %s", wanted, error)

    def scores(self, served: Sequence[ServedScore]) -> list[ServedScore]:
        """Return what the challenger says of leads that were served.

        Scores without features, as those of bulk answers, and features that the challenger needs
        and the champion does not have, give none.

        Parameters
        ----------
        served : as they were answered.
        """
        challenger = self._challenger
        if challenger is None:
            return []
        found: list[ServedScore] = []
        usable = [each for each in served if each.status == "ok"]
        for names, some in groupby(usable, key=lambda each: each.names):
            if set(challenger.model.names) <= set(names):
                found += _scored(challenger, names, list(some))
        return found


def _scored(
    challenger: Champion, names: Sequence[str], served: Sequence[ServedScore]
) -> list[ServedScore]:
    model = challenger.model
    chances = model.probabilities_of(model.encode_columns(_columns(model, names, served)))
    points = percentile_scores(chances[:, -1], model.reference)
    return [
        each._replace(
            model_version=challenger.version,
            horizons=model.horizons,
            probabilities=tuple(row),
            score=float(score),
            grade="",
            status=SHADOW,
            reasons=[],
            names=(),
            features=[],
            feature_us=0,
            model_us=0,
        )
        for each, row, score in zip(served, chances.tolist(), points, strict=True)
    ]


def _columns(
    model: ConversionModel, names: Sequence[str], served: Sequence[ServedScore]
) -> list[npt.NDArray[Any]]:
    place = {name: number for number, name in enumerate(names)}
    return [
        np.array(
            [each.features[place[feature.name]] for each in served],
            dtype=object if feature.categorical else np.float64,
        )
        for feature in model.features
    ]
