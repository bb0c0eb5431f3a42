"""`smarketing erase`: forget a person, with a receipt."""

from __future__ import annotations

from dataclasses import asdict

from history.erasure import Receipt
from history.purging import Traces
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings


def run(settings: Settings, lead_id: str, *, as_json: bool = False) -> Receipt:
    """Remove every row of a lead from the store, and what is on its way to CRMs, all or nothing.

    Sources may go on naming the lead: its rows are left out from now on.

    Raises
    ------
    StoreError : there is no such lead, and nobody of that id was erased before.
    """
    receipt = context.store_of(settings).erase(lead_id)
    if as_json:
        context.print_json({**asdict(receipt), "erased_at": context.now().isoformat()})
    else:
        removed = {name: n for name, n in receipt.removed.items() if n}
        gone = f": {context.plural(removed)} removed" if removed else " already"
        context.say(f"lead {lead_id} is forgotten{gone}")
        if receipt.linked:
            context.say(f"forgotten with it, as the same person: {', '.join(receipt.linked)}")
        searched = len(receipt.found_after)
        context.say(
            f"a search of {searched} tables finds nothing; rows that come again are left out"
        )
        _say_traces(receipt.traces)
    return receipt


def _say_traces(traces: Traces | None) -> None:
    """Say what the store's files still hold, byte by byte, and what to do about it."""
    if traces is None or not traces.files:
        return
    named = [name for name, count in traces.files.items() if count]
    if traces.in_the_way:
        context.say(traces.in_the_way)
    if named:
        context.say(f"the id stands in deleted rows of {', '.join(named)} still")
    elif not traces.in_the_way:
        context.say("the files were rewritten without what deleted rows leave behind")
    for copy in traces.copies:
        context.say(f"{copy}, a copy beside the store, names the person: delete it when you can")


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
