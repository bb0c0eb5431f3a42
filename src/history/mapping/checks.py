"""Whether a mapping fits its source, and tells the truth in time: else it is explained."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Mapping as Dict

import pandas as pd

from history.extract import RawTable
from history.mapping import own
from history.mapping.catalog import Catalog
from history.mapping.cells import key, make_cell
from history.mapping.declaration import Mapping, MappingError, Rule
from history.mapping.names import matches
from history.mapping.progress import instants
from history.tables import TABLES

_REWRITTEN = ("*last*modified*", "*modified_time*", "*updated*", "*lastmod*", "*system_modstamp*")
_WRONG_SHARE = 0.5
_MANY = 20
_SAMPLE = 10_000
_FIRST, _LAST = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")


def check_columns(rule: Rule, frame: pd.DataFrame, table: str, mapping: Mapping) -> None:
    """See that what a rule needs is there, and that nothing in it lies about time.

    Raises
    ------
    MappingError : says which entry is wrong, why, and what to write instead.
    """
    where = f"mapping {mapping.name!r}, {rule.into} from {table!r}"
    for name in TABLES[rule.into].required:
        sources = rule.columns[name].sources
        if rule.wide and name in ("field", "value"):
            continue
        if sources and not any(key(source) in frame.columns for source in sources):
            raise own.no_column(where, name, sources[0], frame)
    for name in rule.fixed:
        if matches(name, mapping.hindsight):
            raise MappingError(
                f"{where}: fixed: {name!r} holds the outcome and was written after it; a model "
                "that sees it learns the answer. Take it out of `fixed`: the stage is rebuilt "
                "from the history tables"
            )
    own.check(rule, frame, where, mapping)
    _check_times(rule, frame, where, mapping)


def _check_times(rule: Rule, frame: pd.DataFrame, where: str, mapping: Mapping) -> None:
    event = "created_at" if rule.into in ("leads", "accounts") else "occurred_at"
    cell = rule.columns.get(event)
    if cell is None:
        return
    for name in cell.sources:
        if matches(name.rpartition(".")[2], _REWRITTEN) and rule.into in ("leads", "outcomes"):
            raise MappingError(
                f"{where}: {event}: {name!r} is rewritten at every change, so that it says when "
                "somebody last touched the row, not when it happened; map the time of creation, "
                "or a history table"
            )
    some = frame.iloc[:: max(1, len(frame) // _SAMPLE)]
    made = make_cell(cell, some, mapping, time=True).dropna()
    if len(made) == 0:
        return
    read = instants(made)
    unread = ~((read >= _FIRST) & (read < _LAST))  # an id such as 1001 reads as a year
    if unread.mean() > _WRONG_SHARE:
        example = made[unread].iloc[0]
        raise MappingError(
            f"{where}: {event}: {', '.join(cell.sources)} holds no times, such as {example!r}; "
            "map another column, or add its notation to time_formats, as in "
            '["%d/%m/%Y %H:%M"]'
        )


def check_leads(
    tables: Dict[str, RawTable],
    spoken: Sequence[tuple[str, pd.Series]],
    mapping: Mapping,
    catalog: Catalog,
    *,
    merged: Collection[str],
    partial: bool,
) -> list[str]:
    """See that the other tables speak of the leads that were read, or merged into one of them.

    Parameters
    ----------
    tables : what was made.
    spoken : for each rule whose rows concern leads, its table and the leads that they name.
    mapping, catalog : of the source.
    merged : leads that are no more.
    partial : whether only what is new was read; then nothing can be said.

    Returns
    -------
    What does not, in words, where the mapping lets it pass.

    Raises
    ------
    MappingError : there are no leads, or a table names none of them.
    """
    if "leads" not in tables:
        wanted = ", ".join(rule.from_ for rule in mapping.rules if rule.into == "leads")
        found = ", ".join(catalog.tables[:20]) or "none"
        raise MappingError(
            f"{catalog.name}: the mapping {mapping.name!r} makes leads of {wanted}, which is not "
            f"there or lacks what the rule `needs` (found {found})"
        )
    leads = set(tables["leads"].frame["lead_id"].dropna())
    told: list[str] = []
    if partial or not leads:
        return told
    known = leads.union(merged)
    for table, ids in spoken:
        strange = ids[~ids.isin(known)]
        if len(strange) == len(ids) > 0:
            said = (
                f"{catalog.name}: {table}: none of the {len(ids):,} rows names a known lead: "
                f"lead_id holds {ids.iloc[0]!r} where leads have {min(leads)!r}; map the "
                "column with the lead, or join the table that links the two"
            )
            # A few rows may speak of people who are no leads; many were mapped wrongly.
            if not mapping.loose and (len(ids) >= _MANY or len(spoken) == 1):
                raise MappingError(said)
            told.append(said)
        elif len(strange) > _WRONG_SHARE * len(ids):
            told.append(
                f"{table}: {len(strange):,} of {len(ids):,} rows name leads that the source does "
                f"not have, such as {strange.iloc[0]!r}"
            )
    return told
