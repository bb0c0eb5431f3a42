"""Scores of leads, known or not, without anything of HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from features import FeatureMatrix, compute_features
from features.snapshots import is_open
from history import History, Store
from models import score
from serving.answers import Answers
from serving.assembly import assembled, batches, stored_history
from serving.body import Wanted, understand
from serving.champion import Champion
from serving.contract import LeadScore, LeadToScore, Touch
from settings import Settings

_WEEK = pd.Timedelta(days=7)


class Scorer:
    """Scores leads with one champion. Threads may share it.

    Parameters
    ----------
    champion : the model.
    settings : thresholds and zone.
    store : the live history; None where only leads described in the request are scored.
    deal : value of a win in money, 0 when unknown.
    """

    def __init__(
        self, champion: Champion, settings: Settings, store: Store | None, deal: float
    ) -> None:
        self.champion = champion
        self.settings = settings
        self.store = store
        self.answers = Answers(champion.model.horizons, champion.version, deal)

    def score(
        self, leads: Sequence[tuple[int, LeadToScore]], top_reasons: int, now: pd.Timestamp
    ) -> dict[int, LeadScore]:
        """Score leads; each gets an answer of its own, whatever becomes of the others.

        Parameters
        ----------
        leads : with their places in the request.
        top_reasons : reasons per lead.
        now : the cutoff of leads that name none.

        Returns
        -------
        Answers by place.

        Raises
        ------
        StoreError : the history cannot be read.
        """
        wanted, unclear = understand(leads, now, self.settings.history.timezone)
        answers = {
            each.place: self.answers.refusal(each.lead_id, each.as_of, "invalid", each.message)
            for each in unclear
        }
        stored = stored_history(self.store, wanted, now) if wanted else None
        if stored is not None:
            for batch in batches(stored, wanted):
                answers.update(self._score(assembled(stored, batch), batch, top_reasons))
        return answers

    def warm(self, now: pd.Timestamp) -> None:
        """Score a lead that does not exist, so that compiled code is ready for the first one."""
        touch = Touch(occurred_at=(now - _WEEK).isoformat(), kind="warm-up")
        created = (now - 2 * _WEEK).isoformat()
        lead = LeadToScore(
            lead_id="warm-up",
            attributes={"created_at": created, "account_id": "warm-up"},
            engagements=[touch],
        )
        self.score([(0, lead)], 1, now)

    def _score(
        self, history: History, batch: Sequence[Wanted], top_reasons: int
    ) -> dict[int, LeadScore]:
        created = history.leads.set_index("lead_id")["created_at"]
        answers: dict[int, LeadScore] = {}
        ready: list[Wanted] = []
        for each in batch:
            refusal = self._refusal(each, created)
            if refusal is None:
                ready.append(each)
            else:
                answers[each.place] = refusal
        if ready:
            answers.update(self._answers(history, ready, created, top_reasons))
        return answers

    def _refusal(self, wanted: Wanted, created: pd.Series) -> LeadScore | None:
        as_of = wanted.as_of.isoformat()
        if wanted.lead_id not in created.index:
            message = (
                f"the history knows no lead {wanted.lead_id!r}; send its attributes or "
                "engagements to score it from the request alone"
            )
            return self.answers.refusal(wanted.lead_id, as_of, "unknown_lead", message)
        born = created[wanted.lead_id]
        if born < wanted.as_of:
            return None
        message = (
            f"as_of: the lead was created at {born.isoformat()}, which is not before the cutoff "
            f"{as_of}"
        )
        return self.answers.refusal(wanted.lead_id, as_of, "invalid", message)

    def _answers(
        self, history: History, ready: Sequence[Wanted], created: pd.Series, top_reasons: int
    ) -> dict[int, LeadScore]:
        """Score snapshots, and the same leads a week before for the trend."""
        ids = [each.lead_id for each in ready]
        as_of = pd.Series([each.as_of for each in ready]).dt.as_unit("us")
        snapshots = pd.DataFrame({"lead_id": ids, "as_of": as_of})
        before = snapshots.assign(as_of=snapshots["as_of"] - _WEEK)
        older = (before["as_of"] > before["lead_id"].map(created)).to_numpy()
        both = pd.concat([snapshots, before[older]], ignore_index=True)
        matrix = compute_features(history, both, self.champion.model.features)
        count = len(ready)
        scored = self._scored(matrix.take(np.arange(count)), top_reasons)
        earlier = np.full(count, np.nan)
        if older.any():
            then = self._scored(matrix.take(np.arange(count, len(both))), 0)
            earlier[older] = then["score"].to_numpy()
        return self._rows(ready, scored, earlier, is_open(history, snapshots))

    def _scored(self, matrix: FeatureMatrix, top_reasons: int) -> pd.DataFrame:
        return score(
            self.champion.model,
            matrix,
            grades=self.settings.grades,
            top_reasons=top_reasons,
            version=self.champion.version,
        ).frame

    def _rows(
        self,
        ready: Sequence[Wanted],
        scored: pd.DataFrame,
        earlier: npt.NDArray[np.float64],
        still_open: npt.NDArray[np.bool_],
    ) -> dict[int, LeadScore]:
        rows = scored.to_dict("records")
        return {
            each.place: self.answers.answer(row, float(earlier[i]), still_open=bool(still_open[i]))
            for i, (each, row) in enumerate(zip(ready, rows, strict=True))
        }
