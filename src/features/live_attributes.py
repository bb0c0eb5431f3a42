"""Attributes of a few leads and of their accounts, from plain rows: see `features.live`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from features.attributes import field_of, typed
from features.declaration import Feature
from history.lead_rows import Change, LeadRows

Texts = npt.NDArray[np.object_]


class LiveAttributes:
    """The features that are attributes of leads or of accounts, as known at a cutoff.

    Parameters
    ----------
    entity : ``lead`` or ``account``.
    features : all declarations; the others are passed over.
    personal : as for `features.live.LiveEngine`.
    """

    def __init__(self, entity: str, features: Sequence[Feature], personal: Collection[str]) -> None:
        self._entity = entity
        ours = [
            (place, feature)
            for place, feature in enumerate(features)
            if feature.source == entity and field_of(feature) not in personal
        ]
        # Numbers first: without a text among them they are made floats all at once.
        self._ours = sorted(ours, key=lambda each: each[1].categorical)
        self._numeric = sum(not feature.categorical for _, feature in ours)
        self._lines = np.array([place for place, _ in self._ours[: self._numeric]], dtype=np.int64)
        self._fields = [str(feature.column) for _, feature in self._ours]
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(self._fields):
            self._places.setdefault(name, []).append(place)

    def fill(
        self,
        out: npt.NDArray[np.float64],
        texts: dict[int, Texts],
        known: LeadRows,
        changed: Changes,
        lead_ids: Sequence[str],
        as_of: Sequence[int],
    ) -> None:
        """Write the lines of numbers, and the texts, of snapshots.

        Parameters
        ----------
        out, texts : as in `features.live.LiveValues`, written in place.
        known, changed : what is known, and `by_entity` of it.
        lead_ids, as_of : the snapshots.
        """
        if not self._ours:
            return
        rows = [
            self._row(known, changed, lead_id, at)
            for lead_id, at in zip(lead_ids, as_of, strict=True)
        ]
        plain = [row[: self._numeric] for row in rows]
        if self._numeric and not any(str in map(type, row) for row in plain):
            out[self._lines] = np.array(plain, dtype=np.float64).T
            rest = range(self._numeric, len(self._ours))
        else:
            rest = range(len(self._ours))
        for place in rest:
            line, feature = self._ours[place]
            values = typed_plain([row[place] for row in rows], feature)
            if feature.categorical:
                texts[line] = values
            else:
                out[line] = values

    def _row(self, known: LeadRows, changed: Changes, lead_id: str, at: int) -> list[Any]:
        """Return the values of every field that a feature looks at, as known at a cutoff."""
        lead = known.leads[lead_id]
        entity_id = lead_id if self._entity == "lead" else lead.account
        found = lead if self._entity == "lead" else known.accounts.get(lead.account or "")
        # A value that was fixed at creation is known from then on.
        if found is None or (found.created or 0) >= at:
            row: list[Any] = [None] * len(self._fields)
        else:
            row = list(map(found.attributes.get, self._fields))
        for name, changes in changed.get((self._entity, entity_id), ()):
            for place in self._places.get(name, ()):
                row[place] = _last(changes, at)
        return row


Changes = Mapping[tuple[str, str | None], Sequence[tuple[str, Sequence[Change]]]]
"""Fields with a history, and that history, of each lead and account by entity and id."""


def by_entity(known: LeadRows) -> Changes:
    """Return the histories of fields, by the lead or account that they are of."""
    found: dict[tuple[str, str | None], list[tuple[str, Sequence[Change]]]] = {}
    for (entity, entity_id, name), changes in known.changes.items():
        found.setdefault((entity, entity_id), []).append((name, changes))
    return found


def _last(changes: Sequence[Change], at: int) -> Any:
    """Return the last value that was valid and recorded before a cutoff, None where none was."""
    before = (each for each in changes if each.valid_from < at and each.recorded_at < at)
    last = max(before, key=itemgetter(0, 1, 2), default=None)
    return None if last is None else last.value


def typed_plain(values: Sequence[Any], feature: Feature) -> npt.NDArray[Any]:
    """Do as `features.attributes.typed` does, without a frame where there are plain numbers."""
    missing = np.nan
    if feature.categorical:
        texts = [missing if each is None else str(each) for each in values]
        return np.array(texts, dtype=object)
    if any(isinstance(each, str) for each in values):
        return typed(np.array(values, dtype=object), feature)
    return np.array(values, dtype=np.float64)
