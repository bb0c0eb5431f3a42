"""The key in an address is written nowhere, also where everything is logged."""

from __future__ import annotations

import logging

import httpx
import pytest

from delivery import keep_addresses_out_of_logs
from delivery.quiet import LOUD

ADDRESS = "https://odoo.example/web/hook/SECRET?key=SECRET"


@pytest.fixture
def everything_logged(caplog):
    """Log everything, and put the levels of the loud ones back."""
    before = {name: logging.getLogger(name).level for name in LOUD}
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def send():
    """Ask a server that answers everything."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport) as client:
        client.post(ADDRESS)


def test_an_address_that_would_be_logged_is_not(everything_logged):
    send()
    assert "SECRET" in everything_logged.text
    everything_logged.clear()
    keep_addresses_out_of_logs()
    send()
    for name in LOUD:
        logging.getLogger(name).info("POST %s", ADDRESS)
    logging.getLogger("httpcore.http11").debug("POST %s", ADDRESS)
    assert "SECRET" not in everything_logged.text
