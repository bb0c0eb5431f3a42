"""What a perfect observer of the sample company would say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from history.sample.company import Company, Floats, Ints
from history.sample.dynamics import NEW, STATES, WON, rates
from history.sample.simulate import Moves


@dataclass(frozen=True, eq=False)
class Truth:
    """The known law of the sample company.

    Parameters
    ----------
    company : the population with its latent interest.
    moves : every change of stage.
    pickup : share of waiting leads that sales picked up, by day.
    """

    company: Company
    moves: Moves
    pickup: Floats

    def probability(self, snapshots: pd.DataFrame, horizon_days: int) -> Floats:
        """Return the true probability of a win within a horizon.

        It is conditional on the stage at the cutoff and on the lead's fit and buying project,
        past and future, which no model sees in full: a ceiling that cannot be reached. Wins are
        drawn from exactly this law, so it is calibrated by construction.

        Parameters
        ----------
        snapshots : frame with ``lead_id`` and ``as_of``; all within the simulated days.
        horizon_days : days from `as_of`.

        Returns
        -------
        float64, one per snapshot; NaN where the horizon reaches beyond the simulated days.
        """
        lead: Ints = snapshots["lead_id"].str.slice(1).to_numpy(dtype=np.int64)
        instant = snapshots["as_of"].astype("int64").to_numpy() / 86_400e6 - self.company.start
        first: Ints = np.ceil(instant - self.company.clock[lead]).astype(np.int64)
        share = np.zeros((len(lead), STATES))
        share[np.arange(len(lead)), self.state_before(lead, first)] = 1.0
        for step in range(horizon_days):
            share = self._next(share, lead, first + step)
        inside = first + horizon_days <= self.company.days
        return np.where(inside, share[:, WON], np.nan)

    def state_before(self, lead: Ints, day: Ints) -> Ints:
        """Return the state in which each lead enters a day, before it may move on it."""
        if not len(self.moves.lead):
            return np.full(len(lead), NEW)
        order = np.lexsort((self.moves.day, self.moves.lead))
        span = self.company.days + 1
        key = self.moves.lead[order] * span + self.moves.day[order]
        place = np.searchsorted(key, lead * span + np.clip(day, 0, span - 1)) - 1
        mine = (place >= 0) & (self.moves.lead[order][place] == lead)
        return np.where(mine, self.moves.after[order][place], NEW)

    def _next(self, share: Floats, lead: Ints, day: Ints) -> Floats:
        today = np.minimum(day, self.company.days - 1)
        after = share.copy()
        for (origin, goal), probability in rates(
            self.company, lead, today, self.pickup[today]
        ).items():
            flow = share[:, origin] * probability
            after[:, origin] -= flow
            after[:, goal] += flow
        return after
