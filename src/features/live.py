"""Feature values of a few leads, from plain rows: the kernel and the plans of every other way.

Only the way in is another one. A history of a few hundred rows is encoded without frames, whose
making alone would take longer than a request may.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from features.attributes import field_of, missing, typed
from features.checking import COLLEAGUE_SOURCES, TABLE_OF, check
from features.compute import Cutoffs, Pass, evaluate, lines_of
from features.declaration import Feature
from features.logs import NUMBER_SCALES, Log, encode_plain, scaled, sorted_log
from features.plan import Plan, compile_plan
from features.snapshots import STAGE_FEATURE, open_by_stage
from history.lead_rows import LeadRows, Row
from history.tables import TABLES

Ints = npt.NDArray[np.int64]
_VALUE = Feature("value", "value", "stages", "current", column="value")


@dataclass(frozen=True, eq=False)
class LiveValues:
    """Feature values of a few snapshots.

    Parameters
    ----------
    columns : one array a feature, in the order of the declarations: floats, or texts; missing is
        NaN.
    still_open : whether each lead was open at its cutoff.
    """

    columns: tuple[npt.NDArray[Any], ...]
    still_open: npt.NDArray[np.bool_]


class LiveEngine:
    """Computes declared features of a few leads. Threads may share it.

    Parameters
    ----------
    features : the declarations, in the order of the columns wanted.
    personal : ``table.column`` of attributes whose values are treated as missing, whoever tells
        them: for a model that was trained before they were marked.

    Raises
    ------
    ValueError : the declarations contradict themselves; see `features.checking`.
    """

    def __init__(self, features: Sequence[Feature], personal: Collection[str] = ()) -> None:
        check(features)
        self.features = tuple(features)
        self._plans: dict[str, tuple[Plan, tuple[Feature, ...]]] = {}
        for source in TABLE_OF:
            ours = tuple(feature for feature in features if feature.source == source)
            if ours:
                self._plans[source] = (compile_plan(ours), ours)
        self._lines = lines_of(features)
        self._texts = [feature.is_text for feature in features]
        attributes = [each for each in features if each.source in ("lead", "account")]
        self._attributes = [each for each in attributes if field_of(each) not in personal]
        self._hidden = [each for each in attributes if field_of(each) in personal]
        self._stage = compile_plan([STAGE_FEATURE])
        self._value = compile_plan([_VALUE])

    @property
    def of_colleagues(self) -> frozenset[str]:
        """The columns of what colleagues did that the features look at."""
        plans = [plan for source, (plan, _) in self._plans.items() if source in COLLEAGUE_SOURCES]
        return frozenset(name for plan in plans for name in (*plan.categories, *plan.numbers))

    def compute(self, known: LeadRows, lead_ids: Sequence[str], as_of: Ints) -> LiveValues:
        """Compute every feature of every snapshot.

        Parameters
        ----------
        known : all that is known of the leads, and what their colleagues did.
        lead_ids, as_of : the snapshots; cutoffs are exclusive, in UTC microseconds.

        Raises
        ------
        KeyError : a snapshot of a lead that is not known.
        """
        index = _Index(known)
        lead = np.array([index.code[each] for each in lead_ids], dtype=np.int64)
        cutoffs = Cutoffs(lead, index.account[lead], index.member[lead], as_of, index.created[lead])
        tables = _Tables(known, index, frozenset(lead.tolist()))
        passes: dict[str, Pass] = {
            source: (plan, tables.log(source, plan), ours)
            for source, (plan, ours) in self._plans.items()
        }
        reader = _Attributes(known, lead_ids, as_of, self._value)
        attributes = reader.all(self._attributes)
        attributes |= {each.name: missing(each, len(as_of)) for each in self._hidden}
        out, strings = evaluate(
            self.features, self._lines, passes, cutoffs, lambda each: attributes[each.name]
        )
        lines = iter(out)
        return LiveValues(
            tuple(
                strings[feature.name] if is_text else next(lines)
                for feature, is_text in zip(self.features, self._texts, strict=True)
            ),
            open_by_stage(self._stage, tables.log("stages", self._stage), lead, as_of),
        )


class _Index:
    """Codes of leads and accounts, as `features.logs.Index` has them."""

    def __init__(self, known: LeadRows) -> None:
        self.ids = sorted(known.leads)
        leads = [known.leads[each] for each in self.ids]
        self.code = {lead_id: code for code, lead_id in enumerate(self.ids)}
        accounts: dict[str, int] = {}
        counts: list[int] = []
        account, member = [], []
        for lead in leads:
            code = -1 if lead.account is None else accounts.setdefault(lead.account, len(accounts))
            if code == len(counts):
                counts.append(0)
            member.append(-1 if code < 0 else counts[code])
            account.append(code)
            if code >= 0:
                counts[code] += 1
        self.created = np.array([lead.created for lead in leads], dtype=np.int64)
        self.account = np.array(account, dtype=np.int64)
        self.member = np.array(member, dtype=np.int64)
        self.accounts = len(accounts)
        self.most = max(counts, default=0)


class _Tables:
    """The tables as logs. What only colleagues did is left out where it cannot matter."""

    def __init__(self, known: LeadRows, index: _Index, wanted: frozenset[int]) -> None:
        self._known, self._index, self._wanted = known, index, wanted
        self._found: dict[tuple[str, bool], _Table] = {}

    def log(self, source: str, plan: Plan) -> Log:
        """Encode the rows that a source looks at for a plan."""
        key = (TABLE_OF[source], source in COLLEAGUE_SOURCES)
        if key not in self._found:
            self._found[key] = self._table(*key)
        return self._found[key].log(self._index, plan, of_account=key[1])

    def _table(self, name: str, of_account: bool) -> _Table:
        if name == "leads":
            return _Table.of_leads(self._index)
        code, wanted = self._index.code, self._wanted
        rows: list[Row] = getattr(self._known, name)
        place = TABLES[name].names.index("lead_id")
        if of_account:
            ours = [row for row in rows if row[place] in code]
        else:
            ours = [row for row in rows if code.get(row[place]) in wanted]
        return _Table.of_rows(name, ours, code)


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows of one table in canonical order: lead, time, id."""

    lead: Ints
    occurred: Ints
    recorded: Ints
    columns: Mapping[str, Sequence[Any]]

    @classmethod
    def of_leads(cls, index: _Index) -> _Table:
        lead = np.arange(len(index.ids), dtype=np.int64)
        return cls(lead, index.created, index.created, {"lead_id": index.ids})

    @classmethod
    def of_rows(cls, name: str, rows: list[Row], code: Mapping[str, int]) -> _Table:
        contract = TABLES[name]
        place = contract.names.index
        rows.sort(key=itemgetter(place("lead_id"), place("occurred_at"), place(contract.key)))
        columns: Mapping[str, Sequence[Any]] = (
            dict(zip(contract.names, zip(*rows, strict=True), strict=True))
            if rows
            else dict.fromkeys(contract.names, ())
        )
        return cls(
            np.array([code[each] for each in columns["lead_id"]], dtype=np.int64),
            np.array(columns["occurred_at"], dtype=np.int64),
            np.array(columns["recorded_at"], dtype=np.int64),
            columns,
        )

    def log(self, index: _Index, plan: Plan, *, of_account: bool) -> Log:
        member = index.member[self.lead] if of_account else np.zeros_like(self.lead)
        everyone = member.astype(np.int32)
        # Before a lead was created nobody could tell whose colleague it was.
        known = np.maximum(self.recorded, index.created[self.lead])
        return sorted_log(
            group=index.account[self.lead] if of_account else self.lead,
            groups=index.accounts if of_account else len(index.ids),
            occurred=self.occurred,
            recorded=known if of_account else self.recorded,
            encoded=[
                (everyone, np.empty(0, dtype=object))
                if name == "lead_id"
                else encode_plain(self.columns[name], vocabulary)
                for name, vocabulary in plan.categories.items()
            ],
            numbers=[scaled(self.columns[name], NUMBER_SCALES[name]) for name in plan.numbers],
            member=everyone,
            members=index.most if of_account else 0,
        )


class _Attributes:
    """Attributes of the leads of snapshots and of their accounts, as known at the cutoffs."""

    def __init__(self, known: LeadRows, lead_ids: Sequence[str], as_of: Ints, plan: Plan) -> None:
        self._changes, self._as_of, self._plan = known.changes, as_of, plan
        leads = [known.leads[each] for each in lead_ids]
        accounts = [known.accounts.get(lead.account or "") for lead in leads]
        self._ids: dict[str, Sequence[str | None]] = {
            "lead": lead_ids,
            "account": [lead.account for lead in leads],
        }
        # A value that was fixed at creation is known from then on.
        self._fixed: dict[str, list[Mapping[str, Any]]] = {
            entity: [
                {} if each is None or (each.created or 0) >= at else each.attributes
                for each, at in zip(found, as_of.tolist(), strict=True)
            ]
            for entity, found in (("lead", leads), ("account", accounts))
        }

    def all(self, features: Sequence[Feature]) -> dict[str, npt.NDArray[Any]]:
        """Return the values of features of source ``lead`` or ``account``, by name.

        Plain numbers are brought to floats all at once: one by one is most of the time.
        """
        raw = {each.name: self._raw(each) for each in features}
        plain = [
            each.name
            for each in features
            if not each.categorical and not any(type(value) is str for value in raw[each.name])
        ]
        floats = np.array([raw[name] for name in plain], dtype=np.float64)
        found: dict[str, npt.NDArray[Any]] = dict(zip(plain, floats, strict=True))
        rest = (each for each in features if each.name not in found)
        return found | {each.name: typed_plain(raw[each.name], each) for each in rest}

    def _raw(self, feature: Feature) -> list[Any]:
        field, entity = str(feature.column), str(feature.source)
        raw = [fixed.get(field) for fixed in self._fixed[entity]]
        if self._changes:
            for place, each in enumerate(self._ids[entity]):
                changes = self._changes.get((entity, each or "", field))
                if changes:
                    raw[place] = self._changed(changes, place)
        return raw

    def _changed(self, changes: Sequence[tuple[Any, ...]], place: int) -> Any:
        """Read a field's history through the same kernel as everything else."""
        rows = sorted(changes, key=itemgetter(0, 1, 2))
        codes = [-1 if row[3] is None else code for code, row in enumerate(rows)]
        log = sorted_log(
            group=np.zeros(len(rows), dtype=np.int64),
            groups=1,
            occurred=np.array([row[0] for row in rows], dtype=np.int64),
            recorded=np.array([row[1] for row in rows], dtype=np.int64),
            encoded=[(np.array(codes, dtype=np.int32), np.empty(0, dtype=object))],
            numbers=[],
            member=np.zeros(len(rows), dtype=np.int32),
            members=0,
        )
        at = self._plan.run(
            log, group=np.zeros(1, dtype=np.int64), as_of=self._as_of[place : place + 1]
        )
        code = int(at[0, 0])
        return None if code < 0 else rows[code][3]


def typed_plain(values: Sequence[Any], feature: Feature) -> npt.NDArray[Any]:
    """Do as `features.attributes.typed` does, without a frame where there are plain numbers."""
    missing = np.nan
    if feature.categorical:
        texts = [missing if each is None else str(each) for each in values]
        return np.array(texts, dtype=object)
    if any(isinstance(each, str) for each in values):
        return typed(np.array(values, dtype=object), feature)
    return np.array(values, dtype=np.float64)
