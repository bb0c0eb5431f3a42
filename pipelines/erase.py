"""`smarketing erase`: forget a person, with a receipt."""

from __future__ import annotations

from dataclasses import asdict

from history.store import Receipt
from pipelines import context
from settings import Settings


def run(settings: Settings, lead_id: str, *, as_json: bool = False) -> Receipt:
    """Remove every row of a lead from the store.

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
    return receipt
