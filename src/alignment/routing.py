"""Who gets the next lead: by segment, by what each can take a week, and always the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from settings.agreement import OwnerTerms

WEEK = pd.Timedelta(days=7)
NOBODY = ""


def route(
    waiting: pd.DataFrame, owners: Sequence[OwnerTerms], load: Mapping[str, int]
) -> pd.DataFrame:
    """Give every waiting lead an owner.

    Who has a lead already keeps it. Else it goes to those who take its segment by name, and only
    where nobody does or all of them are full to those who take every segment; among them to who
    has the greatest share of the week left, by name where that is equal.

    Parameters
    ----------
    waiting : best first, with ``owner`` (empty where none) and ``segment``.
    owners : who may be given leads, how many a week, and of which segments.
    load : leads that each was given within the last seven days.

    Returns
    -------
    Frame with ``owner`` (empty where everybody is full) and ``routed`` (why, in plain words), on
    the index of `waiting`.
    """
    busy = {each.name: load.get(each.name, 0) for each in owners}
    given = []
    for owner, segment in zip(waiting["owner"], waiting["segment"], strict=True):
        if owner:
            given.append((str(owner), "had it already"))
            continue
        named = [each for each in owners if segment in each.segments]
        anybody = [each for each in owners if not each.segments]
        chosen = _freest(named, busy) or _freest(anybody, busy)
        if chosen is None:
            able = "nobody takes" if not named and not anybody else "full this week: all who take"
            given.append((NOBODY, f"{able} {segment}"))
            continue
        why = f"takes {segment}" if chosen in named else "takes every segment"
        why += f", {busy[chosen.name]} of {chosen.per_week:g} given this week"
        busy[chosen.name] += 1
        given.append((chosen.name, why))
    return pd.DataFrame(given, columns=["owner", "routed"], index=waiting.index, dtype=object)


def load_of(assigned: pd.DataFrame, now: pd.Timestamp) -> dict[str, int]:
    """Return how many leads each owner was given within the last seven days.

    Parameters
    ----------
    assigned : as `history.assignments.assignments` returns them.
    now : the end of the seven days.
    """
    recent = assigned[assigned["at"] > now - WEEK]
    return {str(owner): int(count) for owner, count in recent["owner"].value_counts().items()}


def owned(crossed: pd.DataFrame, assigned: pd.DataFrame) -> pd.DataFrame:
    """Return the ledger with the owners that leads were given, where it names nobody.

    Parameters
    ----------
    crossed : from `handoff.ledger`.
    assigned : as in `load_of`.
    """
    turn = crossed.groupby("lead_id").cumcount()
    keys = pd.MultiIndex.from_arrays([crossed["lead_id"].astype(str), turn])
    known = assigned.set_index(["lead_id", "turn"])["owner"]
    told = known.reindex(keys).fillna(NOBODY).to_numpy(dtype=object)
    return crossed.assign(owner=crossed["owner"].where(crossed["owner"] != NOBODY, told))


def _freest(able: Sequence[OwnerTerms], busy: Mapping[str, int]) -> OwnerTerms | None:
    """Return who has the greatest share of the week left, if anybody has any."""
    free = [each for each in able if busy[each.name] + 1 <= each.per_week]
    return min(free, key=lambda each: (busy[each.name] / each.per_week, each.name), default=None)
