"""Feature values of snapshots: many for a training set, one for a request, the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.arrow_logs import ArrowRows
from features.attributes import attribute_values
from features.checking import COLLEAGUE_SOURCES, TABLE_OF, check
from features.declaration import Feature
from features.derived import Derived, age_days
from features.logs import Index, Log, build_log, codes_in, lookup, microseconds
from features.pieces import Piece
from features.plan import Plan, compile_plan
from features.training_set import FeatureMatrix
from history import History
from history.tables import TABLES


@dataclass(frozen=True, eq=False)
class Cutoffs:
    """Snapshots as codes.

    Parameters
    ----------
    lead, account : code of the lead and of its account, -1 for no account.
    member : number of the lead among those of its account, -1 where it has none.
    as_of : cutoffs, UTC microseconds.
    created : creation of the lead, UTC microseconds.
    """

    lead: npt.NDArray[np.int64]
    account: npt.NDArray[np.int64]
    member: npt.NDArray[np.int64]
    as_of: npt.NDArray[np.int64]
    created: npt.NDArray[np.int64]

    @property
    def age_days(self) -> npt.NDArray[np.float64]:
        """Days from the lead's creation to the cutoff."""
        return age_days(self.created, self.as_of)


class FeatureEngine:
    """Computes declared features over one history.

    Encodes the history once; `compute` may then be called for any snapshots. Immutable after
    construction, so threads may share it.

    Parameters
    ----------
    history : what happened.
    features : the declarations, in the order of the columns wanted.
    rows : tables of rows (engagements, outcomes, dispositions) in pieces of Arrow, in any order, in
        the place of the history's own. See `features.files`.

    Raises
    ------
    ValueError : two features of one name, a ratio of features that are not declared, or an
        aggregate that does not fit its column.
    """

    def __init__(
        self,
        history: History,
        features: Sequence[Feature],
        rows: Mapping[str, Sequence[Piece]] | None = None,
    ) -> None:
        check(features)
        self.history = history
        self.features = tuple(features)
        self.index = Index.of(history)
        self._rows = {
            name: ArrowRows.of(TABLES[name], pieces, self.index.leads)
            for name, pieces in (rows or {}).items()
        }
        self.lines = lines_of(features)
        self.derived = Derived(features, self.lines)
        self.passes: dict[str, Pass] = {}
        for source, (plan, ours) in plans_of(features, self.lines).items():
            self.passes[source] = (plan, self._log(source, plan), ours)

    def compute(self, snapshots: pd.DataFrame) -> FeatureMatrix:
        """Compute every feature of every snapshot.

        Parameters
        ----------
        snapshots : frame with ``lead_id`` and ``as_of`` (UTC, exclusive).

        Raises
        ------
        ValueError : a snapshot of a lead that the history does not know, or a naive `as_of`.
        """
        cutoffs, frame = self._cutoffs(snapshots)
        out = np.empty((len(self.lines), len(cutoffs.lead)))
        strings = evaluate(self.passes, cutoffs, out)
        for feature in self.features:
            if feature.source not in ("lead", "account"):
                continue
            values = attribute_values(
                self.history, self.index, feature, cutoffs.lead, cutoffs.account, cutoffs.as_of
            )
            if feature.categorical:
                strings[feature.name] = values
            else:
                out[self.lines[feature.name]] = values
        self.derived.fill(out, cutoffs.created, cutoffs.as_of)
        return FeatureMatrix(
            snapshots=frame.assign(age_days=cutoffs.age_days),
            values=_frame(self.features, out, strings, frame.index),
            features=self.features,
        )

    def _log(self, source: str, plan: Plan) -> Log:
        of_account = source in COLLEAGUE_SOURCES
        if TABLE_OF[source] in self._rows:
            born = microseconds(self.history.leads["created_at"])
            rows = self._rows[TABLE_OF[source]]
            return rows.log(plan, self.index, born, of_account=of_account)
        frame: pd.DataFrame = getattr(self.history, TABLE_OF[source])
        lead = codes_in(self.index.leads, frame["lead_id"])
        created = source == "members"
        if of_account and not created:
            frame = _known_with_its_lead(frame, lead, self.history.leads["created_at"])
        return build_log(
            frame,
            group=lookup(self.index.account_of, lead) if of_account else lead,
            groups=len(self.index.accounts) if of_account else len(self.index.leads),
            member=lookup(self.index.place, lead) if of_account else None,
            members=int(self.index.place.max(initial=-1)) + 1 if of_account else 0,
            occurred="created_at" if created else "occurred_at",
            recorded="created_at" if created else "recorded_at",
            categories=plan.categories,
            numbers=plan.numbers,
        )

    def _cutoffs(self, snapshots: pd.DataFrame) -> tuple[Cutoffs, pd.DataFrame]:
        as_of = snapshots["as_of"]
        if not isinstance(as_of.dtype, pd.DatetimeTZDtype):
            raise ValueError("snapshots: as_of must carry a time zone, as in 2025-06-30T00:00:00Z")
        lead = codes_in(self.index.leads, snapshots["lead_id"]).astype(np.int64)
        if (lead < 0).any():
            unknown = snapshots["lead_id"].iloc[int(np.argmax(lead < 0))]
            raise ValueError(f"snapshots: the history knows no lead {unknown!r}")
        account = self.index.account_of[lead].astype(np.int64)
        frame = pd.DataFrame(
            {
                "lead_id": snapshots["lead_id"].astype("str").array,
                "as_of": as_of.dt.tz_convert("UTC").dt.as_unit("us").array,
                "account_id": self.history.leads["account_id"].array.take(lead),
            }
        )
        created = microseconds(self.history.leads["created_at"])[lead]
        member = self.index.place[lead].astype(np.int64)
        return Cutoffs(lead, account, member, microseconds(frame["as_of"]), created), frame


Pass = tuple[Plan, Log, tuple[Feature, ...]]
"""What the kernel does over one source: the plan, the log, and the features that it fills."""


def plans_of(
    features: Sequence[Feature], lines: Mapping[str, int]
) -> dict[str, tuple[Plan, tuple[Feature, ...]]]:
    """Compile the features of each source of rows, to fill these lines; with the features."""
    found: dict[str, tuple[Plan, tuple[Feature, ...]]] = {}
    for source in TABLE_OF:
        ours = tuple(feature for feature in features if feature.source == source)
        if ours:
            found[source] = (compile_plan(ours, [lines[each.name] for each in ours]), ours)
    return found


def evaluate(
    passes: Mapping[str, Pass], cutoffs: Cutoffs, out: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.object_]]:
    """Compute every feature of rows for every snapshot, wherever the logs came from.

    Parameters
    ----------
    passes : by source.
    cutoffs : the snapshots, in the codes of the logs.
    out : float64 (lines, snapshots), written in place.

    Returns
    -------
    The features that are texts, by name; their lines of `out` hold codes.
    """
    strings: dict[str, npt.NDArray[np.object_]] = {}
    for source, (plan, log, ours) in passes.items():
        of_account = source in COLLEAGUE_SOURCES
        plan.run(
            log,
            group=cutoffs.account if of_account else cutoffs.lead,
            as_of=cutoffs.as_of,
            own=cutoffs.member if of_account else None,
            out=out,
        )
        for line, feature in zip(plan.wanted.output.tolist(), ours, strict=True):
            if feature.aggregate == "current":
                names = log.categories[list(plan.categories).index(str(feature.column))]
                strings[feature.name] = np.append(names, np.nan)[out[line].astype(np.int64)]
    return strings


def compute_features(
    history: History, snapshots: pd.DataFrame, features: Sequence[Feature]
) -> FeatureMatrix:
    """Compute declared features of snapshots; see `FeatureEngine` for many calls on one history.

    Parameters
    ----------
    history : what happened.
    snapshots : frame with ``lead_id`` and ``as_of`` (UTC, exclusive), in any order.
    features : the declarations.

    Returns
    -------
    One row per snapshot, in the order given.
    """
    return FeatureEngine(history, features).compute(snapshots)


def _known_with_its_lead(
    frame: pd.DataFrame, member: npt.NDArray[np.intp], created: pd.Series
) -> pd.DataFrame:
    """Let rows be known once their lead is: before, nobody could tell whose colleague it was."""
    of_row = created.take(np.maximum(member, 0)).array
    later = np.maximum(microseconds(frame["recorded_at"]), microseconds(pd.Series(of_row)))
    known = pd.to_datetime(np.where(member < 0, 0, later), unit="us", utc=True)
    return frame.assign(recorded_at=known.astype(frame["recorded_at"].dtype))


def lines_of(features: Sequence[Feature]) -> dict[str, int]:
    """Give each feature a line of the output: numbers first, so that they are one block."""
    ordered = sorted(features, key=lambda feature: feature.is_text)
    return {feature.name: line for line, feature in enumerate(ordered)}


def _frame(
    features: Sequence[Feature],
    out: npt.NDArray[np.float64],
    strings: Mapping[str, npt.NDArray[np.object_]],
    index: pd.Index,
) -> pd.DataFrame:
    """Make the frame of numbers and strings, the numbers without a copy."""
    names = [feature.name for feature in features if feature.name not in strings]
    columns = pd.Index(names, dtype="str")
    frame = pd.DataFrame(out[: len(names)].T, index=index, columns=columns, copy=False)
    for place, feature in enumerate(features):
        if feature.name in strings:
            frame.insert(place, feature.name, strings[feature.name])
    return frame
