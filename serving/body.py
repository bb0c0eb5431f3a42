"""What a request says about leads, brought to the columns of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from history import HistoryError
from history.conform import EARLIEST, LATEST
from history.history import micros
from history.lead_rows import Row
from history.tables import ENGAGEMENTS
from serving.contract import LeadToScore
from serving.touches import EPOCH, touch_rows

MOMENT_US = 1
"""Before a cutoff: what was known then counts, what is known at the cutoff does not."""

_AS_STORED = frozenset({float, bool, type(None)})
_FIRST = micros(EARLIEST)
_OCCURRED = ENGAGEMENTS.names.index("occurred_at")


@dataclass(eq=False, slots=True)
class Body:
    """What a request tells of a lead beside its id.

    Parameters
    ----------
    created, account_id : where the request names them; created in UTC microseconds.
    attributes, account : of the lead and of its account.
    engagements : rows with the columns of the contract, times in UTC microseconds.
    """

    created: int | None = None
    account_id: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    account: dict[str, Any] = field(default_factory=dict)
    engagements: Sequence[Row] = ()


@dataclass(eq=False, slots=True)
class Wanted:
    """A lead to score, as understood.

    Parameters
    ----------
    place : its place in the request.
    lead_id, cutoff : the snapshot; the cutoff in UTC microseconds.
    body : what the request tells of it; None where it names the id alone.
    """

    place: int
    lead_id: str
    cutoff: int
    body: Body | None

    @property
    def as_of(self) -> str:
        """The cutoff as ISO 8601."""
        return (EPOCH + timedelta(microseconds=self.cutoff)).isoformat()

    @property
    def created(self) -> int:
        """When a lead that the history does not know came into being, as far as can be told."""
        if self.body is not None and self.body.created is not None:
            return self.body.created
        first = self.cutoff - MOMENT_US
        if self.body is None or not self.body.engagements:
            return first
        return min(first, *(row[_OCCURRED] for row in self.body.engagements))


@dataclass(frozen=True)
class Unclear:
    """A lead that cannot be scored as it was sent.

    Parameters
    ----------
    place : its place in the request.
    lead_id, as_of : as sent.
    message : what is wrong, where, and what was expected.
    """

    place: int
    lead_id: str
    as_of: str
    message: str


def understand(
    leads: Sequence[tuple[int, LeadToScore]], now: int, timezone: str | None
) -> tuple[list[Wanted], list[Unclear]]:
    """Read what leads say of themselves; one that makes no sense leaves its neighbours alone.

    Parameters
    ----------
    leads : with their places in the request.
    now : the cutoff of leads that name none, UTC microseconds.
    timezone : the zone of times that carry none; without it such times are refused.
    """
    touches = _all_touches(leads, timezone)
    wanted: list[Wanted] = []
    unclear: list[Unclear] = []
    for place, lead in leads:
        try:
            cutoff = now if lead.as_of is None else instant(lead.as_of, "as_of", timezone)
            body = _body(lead, touches.get(place), timezone)
        except HistoryError as error:
            unclear.append(Unclear(place, lead.lead_id, lead.as_of or "", str(error)))
        else:
            wanted.append(Wanted(place, lead.lead_id, cutoff, body))
    return wanted, unclear


def instant(text: str, name: str, timezone: str | None) -> int:
    """Read an instant, as UTC microseconds.

    Raises
    ------
    HistoryError : no ISO 8601 time, no zone and none configured, or before 1970 or after 2199.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise HistoryError(
            f"{name}: {text[:80]!r} is no ISO 8601 time, such as 2025-06-30T09:15:00+02:00"
        ) from error
    if moment.tzinfo is None:
        if timezone is None:
            raise HistoryError(
                f"{name}: {text[:80]!r} carries no time zone; write one, as in "
                "2025-06-30T09:15:00+02:00"
            )
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    if not EARLIEST.year <= moment.year < LATEST.year:
        raise HistoryError(f"{name}: {text[:80]!r} is not between 1970 and {LATEST.year - 1}")
    return max(_FIRST, (moment - EPOCH) // timedelta(microseconds=1))


def _body(lead: LeadToScore, touches: list[Row] | None, timezone: str | None) -> Body | None:
    if lead.attributes is None and lead.account is None and not lead.engagements:
        return None
    if touches is None and lead.engagements:
        touches = touch_rows([(0, lead)], timezone)
    attributes, account = _plain(lead.attributes), _plain(lead.account)
    created, belongs = attributes.pop("created_at", None), attributes.pop("account_id", None)
    named = account.pop("account_id", None)
    for reserved in ("created_at", "lead_id"):
        account.pop(reserved, None)
    attributes.pop("lead_id", None)
    return Body(
        created=None if created is None else instant(str(created), "created_at", timezone),
        account_id=_id(belongs if belongs is not None else named),
        attributes=attributes,
        account=account,
        engagements=touches or (),
    )


def _id(value: str | float | None) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None or not str(value).strip() else str(value).strip()


def _plain(fields: dict[str, Any] | None) -> dict[str, Any]:
    """Return attributes as a store would give them back: numbers are floats, blanks are missing."""
    plain: dict[str, Any] = {}
    if fields is None or set(map(type, fields.values())) <= _AS_STORED:
        return dict(fields or {})
    for name, value in fields.items():
        if isinstance(value, int) and not isinstance(value, bool):
            plain[name] = float(value)
        else:
            plain[name] = None if isinstance(value, str) and not value.strip() else value
    return plain


def _all_touches(
    leads: Sequence[tuple[int, LeadToScore]], timezone: str | None
) -> dict[int, list[Row]]:
    """Read the engagements of all leads at once; nothing where any of them is in doubt.

    Leads without an entry are then read one by one, and only the doubtful ones refused.
    """
    told = [(place, lead) for place, lead in leads if lead.engagements]
    if not told:
        return {}
    places = [place for place, lead in told for _ in lead.engagements or ()]
    try:
        found = touch_rows(told, timezone)
    except HistoryError:
        return {}
    if len(found) != len(places):
        return {}
    by_place: dict[int, list[Row]] = {}
    for place, row in zip(places, found, strict=True):
        by_place.setdefault(place, []).append(row)
    return by_place
