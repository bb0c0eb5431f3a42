"""What both teams look at: the open leads as they are scored now, and all that follows from it.

Made anew every so often by the service, once by the report. What a page needs is computed when
it is first asked for and then kept. What takes long and does not hang on the agreement is in
`kept`, and is handed on when both teams agree anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from alignment import funnel, goals, handoff, lift, routing
from alignment.agreement import Agreement
from alignment.facts import Facts
from alignment.forecast import Forecast, forecast_wins, until_days
from alignment.last_quarter import WEEKS, weekly
from alignment.qualification import ValueCurve, grades_at, value_curve
from alignment.worklist import worklist
from features import FeatureEngine, FeatureMatrix
from history import History
from history.assignments import no_assignments
from history.spend import spend_by_campaign
from models import ConversionModel
from models.explanation import effects_on, reasons
from models.scoring import grade
from settings.agreement import AgreementSettings, GradeFloors
from settings.settings import GradeSettings

Floats = npt.NDArray[np.float64]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Situation:
    """The open leads and what both teams agreed on, at one instant.

    Parameters
    ----------
    history : what happened, up to `now`.
    now : the instant.
    model, version : that scored.
    matrix : features of the open leads.
    frame : their scores, as of `models.Scores` but without reasons, best first; ``row`` is the
        place in `matrix`.
    agreement : in force.
    versions : of the agreement, oldest first.
    log : what sales said and what was changed, newest first.
    logged : the ledger as it was written.
    spent : every word on what campaigns cost, as of `history.spend`.
    assigned : which leads were given to whom, as of `history.assignments`.
    deal : value of a win in money; 0 when unknown.
    facts : about the model.
    top_reasons : that people are shown of a lead.
    kept : what pages have computed of it that holds under any agreement.
    """

    history: History
    now: pd.Timestamp
    model: ConversionModel
    version: str
    matrix: FeatureMatrix
    frame: pd.DataFrame
    agreement: Agreement
    versions: Sequence[Agreement] = ()
    log: Sequence[dict[str, Any]] = ()
    logged: pd.DataFrame | None = None
    spent: pd.DataFrame | None = None
    assigned: pd.DataFrame = field(default_factory=no_assignments)
    deal: float = 0.0
    facts: Facts = field(default_factory=Facts)
    top_reasons: int = 3
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """Return what was made under a name before, else make and keep it."""
        if name not in self.kept:
            self.kept[name] = make()
        made: Made = self.kept[name]
        return made

    @property
    def horizon(self) -> int:
        """The longest horizon, in days."""
        return self.model.horizons[-1]

    @cached_property
    def probability(self) -> Floats:
        """The probability within the longest horizon, of each open lead."""
        return self.frame[f"probability_{self.horizon}d"].to_numpy(dtype=float)

    @property
    def engine(self) -> FeatureEngine:
        """Computes the model's features at any instant of the history, which it reads once."""
        return self.once("engine", lambda: FeatureEngine(self.history, self.model.features))

    @property
    def effects(self) -> Floats:
        """The effect of each feature on each open lead, in points of probability."""
        return self.once("effects", self._effects)

    def _effects(self) -> Floats:
        if self.model.kind == "prior" or not len(self.matrix):
            return np.zeros((len(self.matrix), len(self.model.features)))
        return effects_on(self.model, self.matrix)

    def explained(self, part: pd.DataFrame) -> pd.DataFrame:
        """Return some rows of `frame` or of the worklist with their ``reasons``.

        Of all open leads they would take as long as everything else; somebody looks at few.
        """
        rows = part["row"].to_numpy(dtype=np.int64)
        told = reasons(self.model, self.matrix.take(rows), self.top_reasons)
        return part.assign(reasons=pd.Series(told, dtype=object, index=part.index))

    @property
    def steps(self) -> pd.DataFrame:
        """When each lead reached each stage."""
        return self.once("steps", lambda: funnel.progress(self.history))

    @property
    def described(self) -> pd.DataFrame:
        """Source, segment, owner, channel and campaign of each lead."""
        return self.once("described", lambda: funnel.describe_leads(self.history))

    @cached_property
    def crossed(self) -> pd.DataFrame:
        """The ledger of hand-offs."""
        hours = self.agreement.terms.handoff_hours
        found = handoff.ledger(self.history, now=self.now, hours=hours, logged=self.logged)
        return routing.owned(found, self.assigned)

    @cached_property
    def period(self) -> goals.Period:
        """The running quarter."""
        return goals.quarter(self.now)

    @cached_property
    def figures(self) -> goals.Figures:
        """What happened in the running quarter."""
        terms = self.agreement.terms
        return goals.figures(self.history, self.period, terms, self.crossed, self.steps)

    @cached_property
    def before(self) -> goals.Figures:
        """What happened in the quarter before."""
        terms = self.agreement.terms
        return goals.figures(self.history, self.period.before(), terms, self.crossed, self.steps)

    @cached_property
    def terms(self) -> AgreementSettings:
        """The terms in force, with proposals where nobody has agreed."""
        filled = goals.proposed(self.agreement.terms, self.before)
        missing = {}
        if filled.win_value is None:
            missing["win_value"] = self.deal or 1.0
        if filled.capacity_per_week is None:
            missing["capacity_per_week"] = max(1.0, len(self.frame) / WEEKS)
        return filled.model_copy(update=missing)

    @cached_property
    def forecast(self) -> Forecast:
        """Wins of the running quarter, with what the open leads will bring."""
        columns = [f"probability_{horizon}d" for horizon in self.model.horizons]
        chances = until_days(
            self.model.horizons, self.frame[columns].to_numpy(dtype=float), self.period.days_left
        )
        return forecast_wins(
            chances, won=self.figures.wins, target=float(self.terms.target_wins or 0.0)
        )

    @cached_property
    def quarter_view(self) -> tuple[Floats, pd.Series, float]:
        """The last thirteen weeks, as the cut would have seen them.

        Returns
        -------
        Probabilities by lead and week (NaN where a lead could not cross), the leads, and the
        share of leads that it was computed for.
        """
        return self.once("quarter", lambda: weekly(self.engine, self.model, self.now))

    @cached_property
    def curve(self) -> ValueCurve:
        """What each cut would have been worth over the last quarter."""
        chances, _, share = self.quarter_view
        return value_curve(
            chances,
            capacity=float(self.terms.capacity_per_week or 1.0) * share,
            win_value=float(self.terms.win_value or 0.0),
            lead_cost=self.terms.lead_cost,
        )

    @cached_property
    def spend(self) -> dict[str, float]:
        """Money by campaign: as written down, else as configured."""
        told = {} if self.spent is None else spend_by_campaign(self.spent)
        return {**self.agreement.terms.spend, **told}

    @property
    def cut(self) -> float:
        """The least probability with which a lead crosses: agreed, else solved."""
        terms = self.agreement.terms
        if terms.least_probability is not None:
            return terms.least_probability
        return self.curve.best if terms.grades is None else terms.grades.b

    @cached_property
    def grades(self) -> GradeFloors:
        """The grades that were agreed, else those that would follow from the cut."""
        return self.agreement.terms.grades or grades_at(self.curve, self.cut)

    def agreed_anew(self, grades: GradeSettings, **teamwork: Any) -> Situation:
        """Return the same leads and scores under what both teams have agreed on since.

        Parameters
        ----------
        grades : where each grade begins, where the agreement does not say so.
        teamwork : the fields that both teams write: agreement, versions, log and so on.
        """
        anew = replace(self, **teamwork, kept=dict(self.kept))
        points = self.frame["score"].to_numpy(dtype=float)
        given = grade(points, self.probability, anew.agreement.grades(grades))
        return replace(anew, frame=self.frame.assign(grade=given))

    def solved(self, terms: AgreementSettings) -> AgreementSettings:
        """Return terms with the cut and the grades that they lead to, to be agreed on.

        They are solved once, when both teams agree, and hold until they agree again: a grade must
        not mean another thing every day.
        """
        open_terms = terms.model_copy(update={"grades": None})
        asked = replace(self, agreement=replace(self.agreement, terms=open_terms))
        return open_terms.model_copy(update={"grades": asked.grades})

    @cached_property
    def worklist(self) -> pd.DataFrame:
        """The open leads with all that a person needs to work them, best first.

        Returns
        -------
        The columns of `frame`, and ``probability``, ``expected_value``, the dimensions of
        `described`, ``account_id``, ``engagements`` (30 days), ``stage``, ``state`` (waiting for
        sales, working, ready to cross, nurture), ``qualified``, ``because``, ``explored``,
        ``handed_at``, ``due_at``, ``overdue``, ``cycle`` (crossings so far), ``turn`` (number of
        the crossing that it waits in), ``routed`` (why its owner has it) and ``seen``
        (dispositions so far).
        """
        return worklist(self)

    @cached_property
    def waiting(self) -> npt.NDArray[np.bool_]:
        """Which rows of the worklist wait for sales, or are about to."""
        return self.worklist["state"].isin(["waiting", "ready"]).to_numpy()

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """The owners, campaigns and sources of the worklist."""
        work = self.worklist
        return {
            name: sorted({str(each) for each in work[name].unique()} - {funnel.UNKNOWN})
            for name in ("owner", "campaign", "source")
        }

    @cached_property
    def assigning_now(self) -> list[dict[str, Any]]:
        """Leads that somebody is given at this instant: lead_id, turn, owner and why."""
        given = set(zip(self.assigned["lead_id"], self.assigned["turn"], strict=True))
        asked = self.worklist[self.worklist["given"]]
        rows = asked[["lead_id", "turn", "owner", "routed"]].rename(columns={"routed": "why"})
        return [
            {str(key): value for key, value in row.items()}
            for row in rows.to_dict("records")
            if (row["lead_id"], row["turn"]) not in given
        ]

    @cached_property
    def overdue(self) -> pd.DataFrame:
        """The part of the worklist that sales should have touched by now, the latest first."""
        late = self.worklist["overdue"] & self.worklist["qualified"]
        waits = self.worklist["state"] == "waiting"
        return self.worklist[late & waits].sort_values(["due_at", "lead_id"], ignore_index=True)

    @cached_property
    def overdue_now(self) -> list[dict[str, Any]]:
        """What a webhook is told of overdue hand-offs."""
        return [
            {
                "lead_id": str(row["lead_id"]),
                "turn": int(row["turn"]),
                "handed_at": row["handed_at"].isoformat(),
                "due_at": row["due_at"].isoformat(),
                "owner": "" if row["owner"] == funnel.UNKNOWN else str(row["owner"]),
                "grade": str(row["grade"]),
            }
            for row in self.overdue.to_dict("records")
        ]

    @cached_property
    def floors(self) -> dict[str, float]:
        """Probabilities below which a lead is left, by name; work without a price costs 0."""
        worth = float(self.terms.win_value or 0.0)
        cost = self.terms.lead_cost / worth if worth > 0 else 0.0
        return {"the cut": self.cut, "what working it costs": cost}

    @cached_property
    def lifts(self) -> list[lift.Lift]:
        """What leads that were drawn at random tell of the worth of the scores."""
        versions = self.versions or [self.agreement]
        days = min(90, self.horizon)
        return lift.lifts(self.crossed, self.history, versions, until=self.now, days=days)

    @cached_property
    def crossing_now(self) -> list[dict[str, Any]]:
        """Rows for the ledger: leads that the policy hands over at this instant."""
        ready = self.explained(self.worklist[self.worklist["state"] == "ready"])
        return [
            {
                "lead_id": row["lead_id"],
                "handed_at": self.now,
                "owner": "" if row["owner"] == funnel.UNKNOWN else row["owner"],
                "score": float(row["score"]),
                "grade": row["grade"],
                "probability": float(row["probability"]),
                "reasons": row["reasons"],
                "explored": bool(row["explored"]),
                "agreement": self.agreement.version,
                "model_version": self.version,
                "cycle": int(row["cycle"]),
            }
            for row in ready.to_dict("records")
        ]
