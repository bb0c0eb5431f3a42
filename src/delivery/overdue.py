"""Word to a webhook about hand-offs that are overdue, once each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from delivery.outbox import Item, Outbox
from delivery.target import Target


class Overdue(Target):
    """A URL that is told of overdue hand-offs: a chat, a ticket system, a pager."""

    name, most = "overdue", 50

    @property
    def problem(self) -> str:
        """The URL that is missing."""
        return "" if self.crm.overdue_url else "[crm] overdue_url is not set"

    def request(self, items: Sequence[Item]) -> httpx.Request:
        """Return a POST with ``text`` for people and ``overdue`` for programs."""
        rows = [dict(item.payload) for item in items]
        token = self.crm.overdue_token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"text": words(rows), "overdue": rows}
        return httpx.Request("POST", self.crm.overdue_url, headers=headers, json=body)


def words(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say in one line who waits for a first touch, and whose they are."""
    told = ", ".join(f"{row['lead_id']} ({row['owner'] or 'nobody'})" for row in rows[:10])
    more = f" and {len(rows) - 10} more" if len(rows) > 10 else ""
    count = "1 lead is" if len(rows) == 1 else f"{len(rows)} leads are"
    return f"{count} overdue for a first touch by sales: {told}{more}"


def escalate(outbox: Outbox, rows: Sequence[Mapping[str, Any]]) -> int:
    """Put overdue hand-offs into the outbox, each crossing of a lead once.

    Parameters
    ----------
    outbox : on disk.
    rows : with ``lead_id`` and ``turn``, and what the webhook is told beside.

    Returns
    -------
    How many were not told of before.
    """
    told = outbox.payloads(Overdue.name)
    new = {
        str(row["lead_id"]): row
        for row in rows
        if told.get(str(row["lead_id"]), {}).get("turn") != row["turn"]
    }
    return outbox.put(Overdue.name, new)
