"""Leads that are no more: merged into another one, or deleted."""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict

from history.mapping.cells import key
from history.mapping.declaration import Mapping
from history.mapping.source_rows import SourceRows, chosen, marked_deleted

_ID = re.compile(r"[^\s,;\[\]\"']+")


def merged_leads(rows: SourceRows, mapping: Mapping) -> dict[str, str]:
    """Return which lead each merged lead became, at the end of all mergers."""
    pairs: dict[str, str] = {}
    for merge in mapping.merges:
        frame = rows.whole(merge.from_)
        if frame is None or not {key(merge.old), key(merge.new)} <= set(frame.columns):
            continue
        frame = chosen(frame, merge.where, {}, ())
        for olds, new in zip(frame[key(merge.old)], frame[key(merge.new)], strict=True):
            if olds is None or new is None:
                continue
            pairs.update({old: new for old in _ID.findall(olds) if old != new})
    return resolved(pairs)


def resolved(pairs: Dict[str, str]) -> dict[str, str]:
    """Follow chains of mergers to their end; a circle ends where it began."""
    ends: dict[str, str] = {}
    for old in pairs:
        passed, here = {old}, pairs[old]
        while here in pairs and here not in passed:
            passed.add(here)
            here = pairs[here]
        if here != old:
            ends[old] = here
    return ends


def deleted_leads(rows: SourceRows, mapping: Mapping, merged: Dict[str, str]) -> frozenset[str]:
    """Return the leads that the source has deleted, without those that live on in another."""
    found: set[str] = set()
    for rule in mapping.rules:
        frame = rows.whole(rule.from_) if rule.into == "leads" else None
        names = rule.columns["lead_id"].column if rule.into == "leads" else ()
        if frame is None or not names or key(names[0]) not in frame.columns:
            continue
        gone = marked_deleted(frame, mapping.deleted)[key(names[0])].dropna()
        alive = chosen(frame, {}, {}, mapping.deleted)[key(names[0])].dropna()
        found |= set(gone) - set(alive)
    for deletion in mapping.deletions:
        frame = rows.whole(deletion.from_)
        if frame is not None and key(deletion.lead) in frame.columns:
            frame = chosen(frame, deletion.where, {}, ())
            found |= set(frame[key(deletion.lead)].dropna())
    return frozenset(found - set(merged))
