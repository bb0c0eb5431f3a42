"""Engagements in a request, as rows of the contract.

What is written as the contract shows it, with a zone in every time, is read without a frame, whose
making takes longer than all the rest of an answer. Anything else goes through `history.conform`,
which knows every other way to write a row, and what is wrong with it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from history import HistoryError
from history.conform import EARLIEST, LARGEST_NUMBER, LATEST, MISSING_WORDS, conform
from history.history import micros
from history.lead_rows import Row
from history.schema import STORED
from history.tables import DIRECTIONS, ENGAGEMENTS, TEAMS
from history.upsert import rows
from serving.contract import LeadToScore, Touch

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_FIRST, _LAST = micros(EARLIEST), micros(LATEST)


def touch_rows(told: Sequence[tuple[int, LeadToScore]], timezone: str | None) -> list[Row]:
    """Bring the engagements of leads to their contract, in the order in which they were told.

    Rows that say the same twice are left out once.

    Parameters
    ----------
    told : leads with their places in the request.
    timezone : the zone of times that carry none.

    Raises
    ------
    HistoryError : a row breaks the contract; the first one is named.
    """
    plain = [plain_row(lead.lead_id, touch) for _, lead in told for touch in lead.engagements or ()]
    found = [row for row in plain if row is not None]
    if len(found) == len(plain) == len({row[0] for row in found}):
        return found
    raw = [
        {**touch.model_dump(), "lead_id": lead.lead_id}
        for _, lead in told
        for touch in lead.engagements or ()
    ]
    read = conform(ENGAGEMENTS, pd.DataFrame(raw), origin="engagements", timezone=timezone)
    if read.rejects:
        raise HistoryError(str(read.rejects[0]))
    return rows(STORED["engagements"], read.frame)


def plain_row(lead_id: str, touch: Touch) -> Row | None:
    """Return an engagement as a row, None where it takes more than this to read it."""
    occurred = _instant(touch.occurred_at)
    recorded = occurred if touch.recorded_at is None else _instant(touch.recorded_at)
    if occurred is None or recorded is None or recorded < occurred or _text(lead_id) != lead_id:
        return None
    kind, team, direction = _text(touch.kind), _text(touch.team), _text(touch.direction)
    if kind is None or team not in _TEAMS or direction not in _DIRECTIONS:
        return None
    value, duration = touch.value, touch.duration_s
    if abs(value or 0.0) > LARGEST_NUMBER or not 0.0 <= (duration or 0.0) <= LARGEST_NUMBER:
        return None
    rest = (kind, team, _text(touch.channel), _text(touch.campaign), direction, value, duration)
    named = _text(touch.engagement_id) or _derived(lead_id, occurred, rest)
    return (named, lead_id, occurred, recorded, *rest)


_TEAMS, _DIRECTIONS = (None, *TEAMS), (None, *DIRECTIONS)


def _text(text: str | None) -> str | None:
    clean = None if text is None else text.strip()
    return None if clean in MISSING_WORDS else clean


def _instant(text: str) -> int | None:
    """Return UTC microseconds."""
    if _INSTANT.fullmatch(text) is None:
        return None
    try:
        found = (datetime.fromisoformat(text) - EPOCH) // _MICROSECOND
    except ValueError:
        return None
    return found if _FIRST <= found < _LAST else None


def _derived(lead_id: str, occurred: int, rest: Sequence[object]) -> str:
    """Return the id that `history.conform` derives from the content of such a row."""
    moment = str(EPOCH + occurred * _MICROSECOND)
    texts = [lead_id, moment, *("" if each is None else str(each) for each in rest)]
    return hashlib.blake2b("\x1f".join(texts).encode(), digest_size=12).hexdigest()
