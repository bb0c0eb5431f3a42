"""`smarketing erase`: forget a person, with a receipt."""

from __future__ import annotations

from dataclasses import asdict, replace

from delivery import Outbox
from history.erasure import Receipt
from pipelines import context
from settings import Settings


def run(settings: Settings, lead_id: str, *, as_json: bool = False) -> Receipt:
    """Remove every row of a lead from the store, and what is on its way to CRMs.

    Raises
    ------
    StoreError : there is no such lead.
    """
    store = context.store_of(settings)
    receipt = store.erase(lead_id)
    waiting = Outbox(store.engine).forget(lead_id)
    receipt = replace(receipt, removed={**receipt.removed, "outbox": waiting})
    if as_json:
        context.print_json({**asdict(receipt), "erased_at": context.now().isoformat()})
    else:
        gone = context.plural({name: n for name, n in receipt.removed.items() if n})
        context.say(f"lead {lead_id} is forgotten: {gone} removed")
    return receipt
