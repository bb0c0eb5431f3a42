"""The BentoML service: health, readiness and metrics by BentoML, everything else by `app`."""

from __future__ import annotations

import gc

import bentoml

from serving.app import create_app
from serving.champion import ChampionSource
from serving.desk import Desk
from settings import Settings

_settings = Settings.load()
_desk = Desk(_settings, ChampionSource(_settings))


@bentoml.service(
    name="smarketing",
    workers=_settings.serving.workers,
    # The timeout middleware keeps every request alive for so long; short keeps memory flat.
    traffic={"timeout": 30},
    http={"port": _settings.serving.port, "host": _settings.serving.host},
)
@bentoml.asgi_app(create_app(_desk), path="/")
class Smarketing:
    """Scores leads; ready only with a champion."""

    @bentoml.on_startup
    def prepare(self) -> None:
        """Load the champion, and keep what start-up made out of garbage collection."""
        _desk.ready()
        gc.collect()
        gc.freeze()

    def __is_ready__(self) -> bool:
        """Tell BentoML's /readyz whether there is a champion to score with."""
        return _desk.ready()
