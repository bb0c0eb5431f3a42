"""`smarketing erase`: forget a person, with a receipt."""

from __future__ import annotations

from dataclasses import asdict

from history.erasure import Receipt
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings


def run(settings: Settings, lead_id: str, *, as_json: bool = False) -> Receipt:
    """Remove every row of a lead from the store, and what is on its way to CRMs, all or nothing.

    Sources may go on naming the lead: its rows are left out from now on.

    Raises
    ------
    StoreError : there is no such lead.
    """
    receipt = context.store_of(settings).erase(lead_id)
    if as_json:
        context.print_json({**asdict(receipt), "erased_at": context.now().isoformat()})
    else:
        gone = context.plural({name: n for name, n in receipt.removed.items() if n})
        context.say(f"lead {lead_id} is forgotten: {gone} removed")
        if receipt.linked:
            context.say(f"forgotten with it, as the same person: {', '.join(receipt.linked)}")
        searched = len(receipt.found_after)
        context.say(
            f"a search of {searched} tables finds nothing; rows that come again are left out"
        )
    return receipt


def readmit(settings: Settings, lead_id: str, *, as_json: bool = False) -> int:
    """Let the rows of a person who was erased in again, at that person's wish.

    Returns
    -------
    How many ids of the person were kept out: those that were merged with this one come back too.

    Raises
    ------
    UsageError : nobody of that id was erased.
    """
    ids = context.store_of(settings).readmit(lead_id)
    if not ids:
        raise UsageError(f"no lead {lead_id!r} was erased: there is nothing to take back")
    if as_json:
        told = {"lead_id": lead_id, "ids": ids, "readmitted_at": context.now().isoformat()}
        context.print_json(told)
    else:
        linked = f", and of {ids - 1} more ids of the same person," if ids > 1 else ""
        context.say(
            f"rows of lead {lead_id}{linked} are taken in again from now on; "
            "fetch what was left out with: smarketing ingest SOURCE --full"
        )
    return ids
