"""Whether a mapping fits its source, and tells the truth in time: else it is explained."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from collections.abc import Mapping as Dict

import pandas as pd

from history.extract import RawTable
from history.mapping.catalog import Catalog
from history.mapping.cells import key, make_cell
from history.mapping.declaration import Mapping, MappingError, Rule
from history.mapping.names import matches
from history.mapping.progress import instants
from history.tables import TABLES

_REWRITTEN = ("*last*modified*", "*modified_time*", "*updated*", "*lastmod*", "*system_modstamp*")
_WRONG_SHARE = 0.5


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
            near = difflib.get_close_matches(key(sources[0]), list(frame.columns), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            found = ", ".join(list(frame.columns)[:20])
            raise MappingError(
                f"{where}: {name}: there is no column {sources[0]!r}{hint} (found {found})"
            )
    for name in rule.fixed:
        if matches(name, mapping.hindsight):
            raise MappingError(
                f"{where}: fixed: {name!r} holds the outcome and was written after it; a model "
                "that sees it learns the answer. Take it out of `fixed`: the stage is rebuilt "
                "from the history tables"
            )
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
    made = make_cell(cell, frame, mapping, time=True).dropna()
    if len(made) == 0:
        return
    unread = instants(made).isna()
    if unread.mean() > _WRONG_SHARE:
        example = made[unread].iloc[0]
        raise MappingError(
            f"{where}: {event}: {', '.join(cell.sources)} holds no times, such as {example!r}; "
            "map another column, or add its notation to time_formats, as in "
            '["%d/%m/%Y %H:%M"]'
        )


def check_leads(
    tables: Dict[str, RawTable],
    mapping: Mapping,
    catalog: Catalog,
    *,
    merged: Collection[str],
    partial: bool,
) -> list[str]:
    """See that the other tables speak of the leads that were read, or merged into one of them.

    Returns
    -------
    What does not, in words, where the mapping lets it pass.

    Raises
    ------
    MappingError : there are no leads, or a table names none of them.
    """
    if "leads" not in tables:
        wanted = ", ".join(rule.from_ for rule in mapping.rules if rule.into == "leads")
        raise MappingError(
            f"{catalog.name}: the mapping {mapping.name!r} makes leads of {wanted}, which is not "
            f"there (found {', '.join(catalog.tables[:20]) or 'none'})"
        )
    leads = set(tables["leads"].frame["lead_id"].dropna())
    told: list[str] = []
    if partial or not leads:
        return told
    known = leads.union(merged)
    for name in ("engagements", "outcomes", "dispositions"):
        if name not in tables or tables[name].frame.empty:
            continue
        ids = tables[name].frame["lead_id"].dropna()
        if len(ids) and not ids.isin(known).any():
            said = (
                f"{tables[name].origin}: none of the {len(ids):,} rows names a known lead: "
                f"lead_id holds {ids.iloc[0]!r} where leads have {sorted(leads)[0]!r}; map the "
                "column with the lead, or join the table that links the two"
            )
            if not mapping.loose:
                raise MappingError(said)
            told.append(said)
    return told
