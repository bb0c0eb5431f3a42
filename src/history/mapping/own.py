"""What an installation wrote itself into a mapping: unlike a vendor's, all of it must be there.

A vendor's mapping names every table and column that its product may have; a source may lack most
of them. What somebody added or changed was meant, so that a slip of the pen is told.
"""

from __future__ import annotations

import difflib

import pandas as pd

from history.mapping.catalog import Catalog
from history.mapping.cells import key
from history.mapping.declaration import Mapping, MappingError, Rule
from history.mapping.names import attribute_name, matches, plain
from history.mapping.vendors import vendor_mapping, vendor_names


def may_lack_its_table(rule: Rule, mapping: Mapping) -> bool:
    """Tell whether a source may be without the table of a rule."""
    said = "optional" in rule.model_fields_set or bool(_shipped(rule, mapping))
    return rule.optional and said


def check(rule: Rule, frame: pd.DataFrame, where: str, mapping: Mapping) -> None:
    """See that the source has every column that was added to a rule of a vendor's, or to none.

    Parameters
    ----------
    rule : as it is used.
    frame : its rows, with those of its joins.
    where : the rule, for messages.
    mapping : whose rule it is.

    Raises
    ------
    MappingError : names the entry, the column and what may have been meant.
    """
    shipped, there = _shipped(rule, mapping), [str(column) for column in frame.columns]
    optional = (f"{key(join.table)}." for join in rule.join if join.optional)
    absent = tuple(each for each in optional if not any(name.startswith(each) for name in there))
    for entry, cell in rule.columns.items():
        if rule.wide and entry in ("field", "value"):
            continue
        usual = {
            name for each in shipped if entry in each.columns for name in each.columns[entry].named
        }
        for name in cell.named:
            if name not in usual and key(name) not in there and not key(name).startswith(absent):
                raise no_column(where, entry, name, frame)
    for part in ("where", "unless"):
        for column in getattr(rule, part):
            if any(column in getattr(each, part) for each in shipped):
                continue
            if key(column) not in there:
                raise no_column(where, part, column, frame)
    for pattern in rule.fixed:
        if any(pattern in each.fixed for each in shipped):
            continue
        if not any(matches(each, (pattern,)) for each in (*there, *map(attribute_name, there))):
            raise no_column(where, "fixed", pattern, frame)


def check_cursor(mapping: Mapping, catalog: Catalog) -> None:
    """See that some table has the sync column that an installation named.

    Raises
    ------
    MappingError : none has it.
    """
    usual = {vendor_mapping(name).cursor for name in vendor_names()}
    if mapping.cursor is None or mapping.cursor in usual:
        return
    if not any(plain(mapping.cursor) in catalog.columns(table) for table in catalog.tables):
        raise MappingError(
            f"mapping {mapping.name!r}: cursor: no table has a column {mapping.cursor!r}; name the "
            "one that tells when a row was last synced, or take the entry out"
        )


def no_column(where: str, entry: str, name: str, frame: pd.DataFrame) -> MappingError:
    """Return what is to be said about a column that is not there."""
    near = difflib.get_close_matches(key(name), list(frame.columns), 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    found = ", ".join(list(frame.columns)[:20])
    return MappingError(f"{where}: {entry}: there is no column {name!r}{hint} (found {found})")


def _shipped(rule: Rule, mapping: Mapping) -> list[Rule]:
    """Return the rules of the vendor's own mapping that read the same table into the same.

    A vendor's mapping that was written down and got another name is known by its signature.
    """
    known = vendor_names()
    vendors = [mapping.name] if mapping.name in known else known
    return [
        each
        for vendor in vendors
        if vendor == mapping.name or vendor_mapping(vendor).signature == mapping.signature
        for each in vendor_mapping(vendor).rules
        if (each.into, each.from_) == (rule.into, rule.from_)
    ]
