"""What both teams look at: the open leads as they are scored now, and all that follows from it.

Made anew every so often by the service, once by the report. What a page needs is computed when
it is first asked for and then kept.
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
from alignment.forecast import Forecast, forecast_wins, until_days
from alignment.qualification import ValueCurve, drawn, grades_at, qualified, value_curve
from features import FeatureMatrix, compute_features, open_leads
from features.snapshots import is_open
from history import History
from history.assignments import no_assignments
from history.spend import spend_by_campaign
from models import ConversionModel, score
from models.scoring import grade
from settings.agreement import AgreementSettings, GradeFloors
from settings.settings import GradeSettings

Floats = npt.NDArray[np.float64]
Made = TypeVar("Made")
WEEKS = 13
_MOST_SNAPSHOTS = 150_000
_WORKED = ("sal", "sql", "opportunity")


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of the model beside itself, empty where nobody keeps it.

    Parameters
    ----------
    figures : `Evaluation.figures` of its training.
    reliability : promised against observed, as `Evaluation.reliability`.
    versions : one dict per registered version: version, created_at, champion, who, why, chosen,
        log_loss.
    earlier : the champion before, to compare with, and its version.
    """

    figures: pd.DataFrame = field(default_factory=pd.DataFrame)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    versions: Sequence[dict[str, Any]] = ()
    earlier: ConversionModel | None = None
    earlier_version: str = ""


@dataclass(frozen=True, eq=False)
class Situation:
    """The open leads and what both teams agreed on, at one instant.

    Parameters
    ----------
    history : what happened, up to `now`.
    now : the instant.
    model, version : that scored.
    matrix : features of the open leads.
    frame : their scores, as of `models.Scores`, best first.
    agreement : in force.
    versions : of the agreement, oldest first.
    log : what sales said and what was changed, newest first.
    logged : the ledger as it was written.
    spent : every word on what campaigns cost, as of `history.spend`.
    assigned : which leads were given to whom, as of `history.assignments`.
    deal : value of a win in money; 0 when unknown.
    facts : about the model.
    kept : what pages have computed of it.
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

    @cached_property
    def steps(self) -> pd.DataFrame:
        """When each lead reached each stage."""
        return funnel.progress(self.history)

    @cached_property
    def described(self) -> pd.DataFrame:
        """Source, segment, owner, channel and campaign of each lead."""
        return funnel.describe_leads(self.history)

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
        return self.once("quarter", lambda: weekly(self.history, self.model, self.now))

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
        kept = {"quarter": self.kept["quarter"]} if "quarter" in self.kept else {}
        anew = replace(self, **teamwork, kept=kept)
        points = self.frame["score"].to_numpy(dtype=float)
        given = grade(points, self.probability, anew.agreement.grades(grades))
        return replace(anew, frame=self.frame.assign(grade=given))

    def solved(self, terms: AgreementSettings) -> AgreementSettings:
        """Return terms with the cut and the grades that they lead to, to be agreed on.

        They are solved once, when both teams agree, and hold until they agree again: a grade must
        not mean another thing every day.
        """
        kept = {"quarter": self.quarter_view}
        open_terms = terms.model_copy(update={"grades": None})
        asked = replace(self, agreement=replace(self.agreement, terms=open_terms), kept=kept)
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
        return _worklist(self)

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
        ready = self.worklist[self.worklist["state"] == "ready"]
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


def observe(
    history: History,
    model: ConversionModel,
    version: str,
    *,
    now: pd.Timestamp,
    grades: GradeSettings,
    agreement: Agreement,
    top_reasons: int = 3,
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
    top_reasons : per lead.
    more : further fields of `Situation`.

    Raises
    ------
    ValueError : the history holds no lead created before `now`.
    """
    matrix = compute_features(history, open_leads(history, now), model.features)
    floors = agreement.grades(grades)
    scored = score(model, matrix, grades=floors, top_reasons=top_reasons, version=version).frame
    last = f"probability_{model.horizons[-1]}d"
    ranked = scored.sort_values([last, "lead_id"], ascending=[False, True], ignore_index=True)
    return Situation(history, now, model, version, matrix, ranked, agreement, **more)


def weekly(
    history: History, model: ConversionModel, now: pd.Timestamp, weeks: int = WEEKS
) -> tuple[Floats, pd.Series, float]:
    """Score, at the start of each of the last weeks, the leads that sales did not have then.

    Returns
    -------
    As `Situation.quarter_view`: shape (leads, weeks), oldest week first.
    """
    leads = history.leads["lead_id"].astype("str")
    share = min(1.0, _MOST_SNAPSHOTS / max(1, len(leads) * weeks))
    chosen = leads[drawn(leads, share, "quarter")] if share < 1.0 else leads
    chosen = chosen.reset_index(drop=True)
    starts = [now - pd.Timedelta(weeks=back) for back in range(weeks, 0, -1)]
    table = np.full((len(chosen), weeks), np.nan)
    created = chosen.map(history.leads.set_index("lead_id")["created_at"])
    parts = []
    for week, start in enumerate(starts):
        there = (created < start).to_numpy()
        parts.append(pd.DataFrame({"lead": np.flatnonzero(there), "as_of": start, "week": week}))
    rows = pd.concat(parts, ignore_index=True)
    rows["as_of"] = rows["as_of"].astype("datetime64[us, UTC]")
    rows["lead_id"] = chosen.to_numpy()[rows["lead"]]
    snapshots = rows[["lead_id", "as_of"]]
    if len(snapshots):
        free = is_open(history, snapshots) & ~_with_sales(history, snapshots)
        rows, snapshots = rows[free], snapshots[free].reset_index(drop=True)
    if len(snapshots):
        matrix = compute_features(history, snapshots, model.features)
        table[rows["lead"], rows["week"]] = model.probabilities(matrix.values)[:, -1]
    return table, chosen, share


def _with_sales(history: History, snapshots: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell for each snapshot whether the last stage that was recorded by then is one of sales."""
    known = history.outcomes[["lead_id", "recorded_at", "stage"]].copy()
    known["lead_id"] = known["lead_id"].astype("str")
    asked = snapshots.assign(lead_id=snapshots["lead_id"].astype("str")).reset_index()
    found = pd.merge_asof(
        asked.sort_values("as_of", kind="stable"),
        known.sort_values("recorded_at", kind="stable"),
        left_on="as_of",
        right_on="recorded_at",
        by="lead_id",
        allow_exact_matches=False,
    ).sort_values("index")
    return np.asarray(found["stage"].astype(object).isin(_WORKED))


def _worklist(situation: Situation) -> pd.DataFrame:
    history = situation.history
    found = situation.frame.assign(probability=situation.probability)
    found["expected_value"] = found["probability"] * float(situation.terms.win_value or 0.0)
    ids = found["lead_id"]
    described = situation.described.set_index("lead_id")
    for name in described:
        found[str(name)] = ids.map(described[name])
    attributes = history.leads.set_index("lead_id")
    found["account_id"] = ids.map(attributes["account_id"]).astype(object)
    found["created_at"] = ids.map(attributes["created_at"])
    for rule in situation.agreement.terms.excluded:
        name = rule.partition("=")[0].strip()
        if name in attributes and name not in found:
            found[name] = ids.map(attributes[name])
    recent = history.engagements
    recent = recent[recent["occurred_at"] >= situation.now - pd.Timedelta(days=30)]
    found["engagements"] = ids.map(recent["lead_id"].value_counts()).fillna(0).astype(int)
    last = history.outcomes.sort_values(["occurred_at", "outcome_id"], kind="stable")
    stage = ids.map(last.groupby("lead_id")["stage"].last().astype(object)).astype(object)
    found["stage"] = stage.where(stage.notna(), "new")
    found["seen"] = ids.map(history.dispositions["lead_id"].value_counts()).fillna(0).astype(int)
    crossed = situation.crossed
    latest = crossed.drop_duplicates("lead_id", keep="last").set_index("lead_id")
    found["cycle"] = ids.map(crossed["lead_id"].value_counts()).fillna(0).astype(int)
    for name in ("handed_at", "due_at"):
        found[name] = latest[name].reindex(ids.to_numpy()).astype("datetime64[us, UTC]").array
    found["overdue"] = ids.isin(latest.index[latest["overdue"].to_numpy(dtype=bool)])
    crossing = ids.map(latest["state"].astype(object)).astype(object)
    rules = qualified(found, situation.agreement.terms, situation.cut)
    found = found.join(rules)
    waiting = crossing.isin(["waiting", "touched"]) & ~found["stage"].isin(_WORKED)
    working = found["stage"].isin(_WORKED)
    found["touched"] = (crossing == "touched").to_numpy()
    found["state"] = np.select(
        [working, waiting, found["qualified"]], ["working", "waiting", "ready"], "nurture"
    )
    found["turn"] = found["cycle"] - (found["state"] == "waiting").astype(int)
    return _routed(situation, found)


def _routed(situation: Situation, found: pd.DataFrame) -> pd.DataFrame:
    """Say who has each lead that waits for sales, and who is given those that nobody has."""
    found["routed"], found["given"] = "", False
    owners = situation.agreement.terms.owners
    waits = found["state"].isin(["waiting", "ready"]) & found["qualified"]
    if not owners or not waits.any():
        return found
    asked = found.loc[waits, ["lead_id", "turn", "owner", "segment"]]
    known = situation.assigned.set_index(["lead_id", "turn"])
    before = known.reindex(pd.MultiIndex.from_frame(asked[["lead_id", "turn"]].astype(object)))
    had = asked["owner"].where(asked["owner"] != funnel.UNKNOWN, "")
    kept = pd.Series(before["owner"].fillna("").to_numpy(dtype=object), index=asked.index)
    asked = asked.assign(owner=kept.where(kept != "", had))
    given = routing.route(asked, owners, routing.load_of(situation.assigned, situation.now))
    why = pd.Series(before["why"].fillna("").to_numpy(dtype=object), index=asked.index)
    given["routed"] = why.where(kept != "", given["routed"])
    found.loc[waits, "routed"] = given["routed"]
    found.loc[waits, "owner"] = given["owner"].where(given["owner"] != "", funnel.UNKNOWN)
    found.loc[waits, "given"] = (asked["owner"] == "") & (given["owner"] != "")
    return found
