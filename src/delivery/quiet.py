"""Addresses that are secrets stay out of logs, however loud a process is told to be."""

from __future__ import annotations

import logging
from typing import Final

LOUD: Final = ("httpx", "httpcore", "uvicorn.access")
"""They write whole addresses at INFO or DEBUG: Odoo's webhooks have their key in it."""


def keep_addresses_out_of_logs() -> None:
    """Let those who write whole addresses tell warnings alone, in this process.

    A root logger at WARNING, as BentoML sets it, hides them too, but not where somebody looks for
    a fault and turns everything on.
    """
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
