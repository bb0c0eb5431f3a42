"""What became of an ingest, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from history.rejects import Reject
from history.schema import STORED
from history.upsert import Counts


@dataclass(frozen=True)
class IngestReport:
    """What became of an ingest.

    Parameters
    ----------
    format : how the source was read.
    counts : what became of the rows, by table.
    rejects : the rows in quarantine.
    notes : what a person should know about how the source was read.
    waiting : rows whose lead is not known yet; they count once it arrives.
    """

    format: str
    counts: Mapping[str, Counts]
    rejects: Sequence[Reject] = ()
    notes: Sequence[str] = ()
    waiting: int = 0

    @property
    def total(self) -> Counts:
        """The counts of all tables together."""
        return sum(self.counts.values(), Counts())


def count_waiting(connection: Connection) -> int:
    """Count the rows whose lead is not known yet."""
    leads, total = STORED["leads"], 0
    for name in ("engagements", "outcomes", "dispositions"):
        table = STORED[name]
        orphan = ~select(leads.c.lead_id).where(leads.c.lead_id == table.c.lead_id).exists()
        query = select(func.count()).select_from(table).where(orphan)
        total += int(connection.execute(query).scalar_one())
    return total
