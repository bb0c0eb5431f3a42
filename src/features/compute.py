"""Feature values of snapshots: many for a training set, one for a request, the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.attributes import attribute_values
from features.checking import COLLEAGUE_SOURCES, TABLE_OF, check
from features.declaration import Feature
from features.layout import DAY_US
from features.logs import Index, Log, build_log, codes_in, lookup, microseconds
from features.plan import Plan, compile_plan
from features.training_set import FeatureMatrix
from history import History


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
        return (self.as_of - self.created) / DAY_US


class FeatureEngine:
    """Computes declared features over one history.

    Encodes the history once; `compute` may then be called for any snapshots. Immutable after
    construction, so threads may share it.

    Parameters
    ----------
    history : what happened.
    features : the declarations, in the order of the columns wanted.

    Raises
    ------
    ValueError : two features of one name, a ratio of features that are not declared, or an
        aggregate that does not fit its column.
    """

    def __init__(self, history: History, features: Sequence[Feature]) -> None:
        check(features)
        self.history = history
        self.features = tuple(features)
        self.index = Index.of(history)
        self.passes: dict[str, Pass] = {}
        for source in TABLE_OF:
            ours = tuple(feature for feature in features if feature.source == source)
            if ours:
                plan = compile_plan(ours)
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
        out, strings = evaluate(
            self.features,
            lines_of(self.features),
            self.passes,
            cutoffs,
            lambda feature: attribute_values(
                self.history, self.index, feature, cutoffs.lead, cutoffs.account, cutoffs.as_of
            ),
        )
        return FeatureMatrix(
            snapshots=frame.assign(age_days=cutoffs.age_days),
            values=_frame(self.features, out, strings, frame.index),
            features=self.features,
        )

    def _log(self, source: str, plan: Plan) -> Log:
        frame: pd.DataFrame = getattr(self.history, TABLE_OF[source])
        lead = codes_in(self.index.leads, frame["lead_id"])
        of_account = source in COLLEAGUE_SOURCES
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
                "lead_id": snapshots["lead_id"].astype("str").to_numpy(),
                "as_of": as_of.dt.tz_convert("UTC").dt.as_unit("us").array,
                "account_id": self.history.leads["account_id"].array.take(lead),
            }
        )
        created = microseconds(self.history.leads["created_at"])[lead]
        member = self.index.place[lead].astype(np.int64)
        return Cutoffs(lead, account, member, microseconds(frame["as_of"]), created), frame


Pass = tuple[Plan, Log, tuple[Feature, ...]]
"""What the kernel does over one source: the plan, the log, and the features that it fills."""


def evaluate(
    features: Sequence[Feature],
    lines: Mapping[str, int],
    passes: Mapping[str, Pass],
    cutoffs: Cutoffs,
    attribute: Callable[[Feature], npt.NDArray[Any]],
) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.object_]]]:
    """Compute every feature of every snapshot, wherever the logs came from.

    Parameters
    ----------
    features, lines : the declarations, and what `lines_of` says of them.
    passes : by source.
    cutoffs : the snapshots, in the codes of the logs.
    attribute : gives the values of a feature of source ``lead`` or ``account``.

    Returns
    -------
    Numbers, a line for each feature that is no text, in their order, and then lines without
    meaning; and the texts by name.
    """
    out = np.empty((len(lines), len(cutoffs.lead)))
    strings: dict[str, npt.NDArray[np.object_]] = {}
    for source, (plan, log, ours) in passes.items():
        of_account = source in COLLEAGUE_SOURCES
        plan.run(
            log,
            group=cutoffs.account if of_account else cutoffs.lead,
            as_of=cutoffs.as_of,
            own=cutoffs.member if of_account else None,
            out=out,
            lines=np.array([lines[each.name] for each in ours], dtype=np.int64),
        )
        strings.update(_decoded(ours, plan, log, out, lines))
    for feature in features:
        if feature.source in ("lead", "account"):
            values = attribute(feature)
            if feature.categorical:
                strings[feature.name] = values
            else:
                out[lines[feature.name]] = values
        elif feature.source == "timing":
            out[lines[feature.name]] = _CLOCKS[str(feature.column)](cutoffs)
    for feature in features:
        if feature.of is not None:
            above, below = (out[lines[name]] for name in feature.of)
            out[lines[feature.name]] = _ratio(above, below)
    return out, strings


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


def _decoded(
    features: Sequence[Feature],
    plan: Plan,
    log: Log,
    out: npt.NDArray[np.float64],
    lines: Mapping[str, int],
) -> dict[str, npt.NDArray[np.object_]]:
    """Return the strings of the features whose lines hold codes."""
    found = {}
    for feature in features:
        if feature.aggregate == "current":
            names = log.categories[list(plan.categories).index(str(feature.column))]
            codes = out[lines[feature.name]].astype(np.int64)
            found[feature.name] = np.append(names, np.nan)[codes]
    return found


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


def _ratio(
    numerator: npt.NDArray[np.float64], denominator: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Share of one number in another, missing where the other is nothing."""
    out = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out


def _weekday(instants: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return ((instants // DAY_US + 3) % 7).astype(np.float64)  # 1970-01-01 was a Thursday


def _month(instants: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    months = instants.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return (months % 12 + 1).astype(np.float64)


_CLOCKS: dict[str, Callable[[Cutoffs], npt.NDArray[np.float64]]] = {
    "age_days": lambda cutoffs: cutoffs.age_days,
    "created_weekday": lambda cutoffs: _weekday(cutoffs.created),
    "created_hour": lambda cutoffs: (cutoffs.created % DAY_US // 3_600_000_000).astype(np.float64),
    "as_of_weekday": lambda cutoffs: _weekday(cutoffs.as_of),
    "as_of_month": lambda cutoffs: _month(cutoffs.as_of),
}
