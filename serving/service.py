"""The BentoML service: health and readiness by BentoML, the rest by `serving.app`."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from typing import Any

import bentoml
from _bentoml_sdk import Service
from starlette.types import ASGIApp, Receive, Scope, Send

from delivery import keep_addresses_out_of_logs
from serving.access_log import AccessLog
from serving.app import create_app
from serving.crm.afterwards import Timer
from serving.desk import Desk
from serving.packing import MODEL_NAME, PackedChampion
from serving.sources import BentoSource, RegistrySource, bento_folder
from settings import Settings
from settings.settings import HistorySettings

_HEALTH = frozenset({"/livez", "/readyz", "/healthz"})


@dataclass
class Place:
    """Where the application of this worker is, once the worker has started.

    BentoML wants to know of it when the class is defined; it is built when the worker starts, so
    that importing this module reads nothing and starts nothing.
    """

    app: ASGIApp | None = None


class Door:
    """Leads health checks to BentoML, and every other request to our own application.

    BentoML's way to an application that is mounted in it is a task, a timer that keeps each
    request alive until it is over, a tracer, a context and a router: together more than a score
    takes. Of these an endpoint of ours needs none, since the guard has limits of its own.

    Parameters
    ----------
    bentoml : its application.
    place : of ours.
    """

    def __init__(self, bentoml: ASGIApp, place: Place) -> None:
        self._bentoml, self._place = bentoml, place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["path"] in _HEALTH:
            await self._bentoml(scope, receive, send)
            return
        if self._place.app is None:
            raise RuntimeError("the worker has not started yet")
        await self._place.app(scope, receive, send)


_place = Place()


class _WithDoor(Service[Any]):  # type: ignore[misc]  # BentoML is untyped
    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        return Door(super().to_asgi(is_main), _place)


@bentoml.service(
    name="smarketing",
    service_class=_WithDoor,
    # Nobody collects what the tracer finds.
    tracing={"excluded_urls": ".*"},
    http={"host": "127.0.0.1", "port": 3000},
    # Both would write raw paths, and with them ids of leads: the guard and its meters do not.
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Smarketing:
    """Scores leads; ready only with a champion."""

    champion = PackedChampion(MODEL_NAME)

    def __init__(self) -> None:
        keep_addresses_out_of_logs()
        settings, bento = Settings.load(), bento_folder()
        source = RegistrySource(settings) if bento is None else BentoSource(bento)
        self.desk = Desk(settings, source, _history_url(settings, packed=bento is not None))
        self.log = AccessLog(sys.stderr, settings.serving.access_log)
        _place.app = create_app(self.desk, log=self.log)
        self.outbox = Timer(self.desk)

    @bentoml.on_startup
    def start(self) -> None:
        """Load the champion, and keep what start-up made out of garbage collection."""
        self.desk.open()
        self.outbox.start()
        gc.collect()
        gc.freeze()
        # A request leaves no cycles behind: looking for them after each costs more than it finds.
        gc.set_threshold(50_000, 20, 50)

    @bentoml.on_shutdown
    def stop(self) -> None:
        """Write what is waiting, and let go of the store."""
        self.outbox.close()
        self.desk.close()
        self.log.close()
        self.desk.meters.close()

    def __is_ready__(self) -> bool:
        """Tell BentoML's /readyz whether there is a champion to score with."""
        return self.desk.ready


def _history_url(settings: Settings, *, packed: bool) -> str | None:
    """Return where the live history is.

    The default lies beside the checkout. Inside a Bento that would be the Bento itself, which is
    no place for records: there the history must be named, or there is none.
    """
    default = HistorySettings.model_fields["url"].default
    return None if packed and settings.history.url == default else settings.history.url
