"""Feature values of a few leads, from plain rows: the kernel and the plans of every other way.

Only the way in is another one. A history of a few hundred rows is encoded without frames, whose
making alone would take longer than a request may.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from features.attributes import field_of
from features.checking import COLLEAGUE_SOURCES, TABLE_OF, check
from features.compute import Cutoffs, Pass, evaluate, plans_of
from features.declaration import Feature
from features.derived import Derived
from features.live_attributes import LiveAttributes, Texts, by_entity
from features.logs import NUMBER_SCALES, Log, encode_plain, scaled, sorted_log
from features.plan import Plan, compile_plan
from features.snapshots import STAGE_FEATURE, open_by_stage
from history.lead_rows import LeadRows, Row
from history.tables import TABLES

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LiveValues:
    """Feature values of a few snapshots.

    Parameters
    ----------
    numbers : float64 (features, snapshots), in the order of the declarations; the lines of texts
        mean nothing.
    texts : by the place of their feature; missing is NaN.
    still_open : whether each lead was open at its cutoff.
    """

    numbers: npt.NDArray[np.float64]
    texts: Mapping[int, Texts]
    still_open: npt.NDArray[np.bool_]

    @cached_property
    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        """One array a feature: floats, or texts."""
        return tuple(self.texts.get(place, line) for place, line in enumerate(self.numbers))

    def row(self, snapshot: int) -> list[Any]:
        """Return the values of one snapshot, one a feature."""
        values: list[Any] = self.numbers[:, snapshot].tolist()
        for place, texts in self.texts.items():
            values[place] = texts[snapshot]
        return values


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
        lines = {feature.name: place for place, feature in enumerate(features)}
        self._plans = plans_of(features, lines)
        self._derived = Derived(features, lines)
        self._attributes = [
            LiveAttributes(entity, features, personal) for entity in ("lead", "account")
        ]
        self._texts = {
            lines[each.name]: each.name
            for each in features
            if each.is_text and (each.aggregate == "current" or field_of(each) in personal)
        }
        self._stage = compile_plan([STAGE_FEATURE])
        self._nothing = self._of_nothing()

    @property
    def of_colleagues(self) -> frozenset[str]:
        """The columns of what colleagues did that the features look at."""
        return frozenset(
            name
            for source, (plan, _) in self._plans.items()
            if source in COLLEAGUE_SOURCES
            for name in (*plan.categories, *plan.numbers)
        )

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
        codes = [index.code[each] for each in lead_ids]
        cutoffs = index.cutoffs(codes, as_of)
        tables = _Tables(known, index, frozenset(codes))
        out = np.empty((len(self.features), len(codes)))
        out[:] = self._nothing
        passes = self._passes(tables)
        strings = evaluate(passes, cutoffs, out) if passes else {}
        texts = {
            place: strings[name] if name in strings else _missing(len(codes))
            for place, name in self._texts.items()
        }
        instants, changed = as_of.tolist(), by_entity(known)
        for attributes in self._attributes:
            attributes.fill(out, texts, known, changed, lead_ids, instants)
        self._derived.fill(out, cutoffs.created, as_of)
        return LiveValues(out, texts, self._still_open(tables, cutoffs.lead, as_of))

    def _passes(self, tables: _Tables) -> dict[str, Pass]:
        """Return the passes over sources that have rows: of the others `_nothing` is known."""
        passes: dict[str, Pass] = {}
        for source, (plan, ours) in self._plans.items():
            log = tables.log(source, plan)
            if log is not None:
                passes[source] = (plan, log, ours)
        return passes

    def _still_open(self, tables: _Tables, lead: Ints, as_of: Ints) -> npt.NDArray[np.bool_]:
        log = tables.log("stages", self._stage)
        if log is None:
            return _open(len(lead))
        return open_by_stage(self._stage, log, lead, as_of)

    def _of_nothing(self) -> npt.NDArray[np.float64]:
        """Let the kernel say what each feature of rows is where there are none."""
        none, one = np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
        table = _Table(none, none, none, dict.fromkeys(_EVERY_COLUMN, ()))
        index, out = _Index(LeadRows()), np.full((len(self.features), 1), np.nan)
        for plan, _ in self._plans.values():
            plan.run(table.log(index, plan, of_account=False), group=one - 1, as_of=one, out=out)
        return out


@lru_cache(maxsize=64)
def _missing(count: int) -> Texts:
    """Return texts none of which is known, for reading alone."""
    return np.full(count, np.nan, dtype=object)


@lru_cache(maxsize=64)
def _open(count: int) -> npt.NDArray[np.bool_]:
    """Return that all are open, for reading alone."""
    return np.ones(count, dtype=np.bool_)


_EVERY_COLUMN = {name for table in TABLES.values() for name in table.names}


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
        self._of_lead = np.array(
            [account, member, [lead.created for lead in leads]], dtype=np.int64
        )
        self.accounts = len(accounts)
        self.most = max(counts, default=0)

    @property
    def account(self) -> Ints:
        """Code of each lead's account, -1 where it has none."""
        return self._of_lead[0]

    @property
    def member(self) -> Ints:
        """Number of each lead among those of its account."""
        return self._of_lead[1]

    @property
    def created(self) -> Ints:
        """When each lead was created, UTC microseconds."""
        return self._of_lead[2]

    def cutoffs(self, codes: Sequence[int], as_of: Ints) -> Cutoffs:
        """Return snapshots of these leads."""
        lead = np.array(codes, dtype=np.int64)
        account, member, created = self._of_lead.take(lead, axis=1)
        return Cutoffs(lead, account, member, as_of, created)


class _Tables:
    """The tables as logs. What only colleagues did is left out where it cannot matter."""

    def __init__(self, known: LeadRows, index: _Index, wanted: frozenset[int]) -> None:
        self._known, self._index, self._wanted = known, index, wanted
        self._found: dict[tuple[str, bool], _Table | None] = {}

    def log(self, source: str, plan: Plan) -> Log | None:
        """Encode the rows that a source looks at for a plan; None where there are none."""
        key = (TABLE_OF[source], source in COLLEAGUE_SOURCES)
        if key not in self._found:
            self._found[key] = self._table(*key)
        table = self._found[key]
        return None if table is None else table.log(self._index, plan, of_account=key[1])

    def _table(self, name: str, of_account: bool) -> _Table | None:
        if of_account and not self._index.accounts:
            return None
        if name == "leads":
            return _Table.of_leads(self._index)
        rows: list[Row] = getattr(self._known, name)
        if not rows:
            return None
        code, wanted = self._index.code, self._wanted
        place = TABLES[name].names.index("lead_id")
        if of_account:
            ours = [row for row in rows if row[place] in code]
        else:
            ours = [row for row in rows if code.get(row[place]) in wanted]
        return _Table.of_rows(name, ours, code) if ours else None


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
        columns = dict(zip(contract.names, zip(*rows, strict=True), strict=True))
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
