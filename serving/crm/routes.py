"""The paths under /crm, mounted by `serving.app`."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any

import orjson
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from delivery.target import words
from serving import reading
from serving.contract import LeadScore, LeadToScore
from serving.crm import afterwards, dynamics, hubspot, odoo, salesforce
from serving.crm.notes import Notes
from serving.desk import Desk
from serving.errors import RequestError

_log = logging.getLogger("smarketing.crm")


def crm_routes(desk: Desk) -> list[Route]:
    """Return the routes that CRMs call.

    Parameters
    ----------
    desk : does the work.
    """
    return [
        Route("/crm/hubspot/score", _Hubspot(desk), methods=["POST"]),
        Route("/crm/odoo", _Odoo(desk), methods=["POST"]),
        Route("/crm/dynamics/score", _Dynamics(desk), methods=["POST"]),
        Route("/crm/salesforce/score", _Salesforce(desk), methods=["POST"]),
        Route("/crm/salesforce/openapi.json", _Document(desk), methods=["GET"]),
    ]


class _Endpoint(ABC):
    """A path that answers as an ASGI application of its own."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        answer = await self.handle(request)
        await answer(scope, receive, send)

    @abstractmethod
    async def handle(self, request: Request) -> Response:
        """Answer a call by the contract of its CRM."""

    async def score(self, lead_id: str) -> LeadScore:
        """Score one lead off the event loop."""
        lead = reading.parsed(LeadToScore, {"lead_id": lead_id})
        top = self.desk.settings.serving.default_reasons
        found = await asyncio.to_thread(
            self.desk.scorer.score, [(0, lead)], top, self.desk.moment()
        )
        return found[0]


class _Hubspot(_Endpoint):
    async def handle(self, request: Request) -> Response:
        raw = await _raw(request)
        crm = self.desk.settings.crm
        hubspot.check_signature(
            crm.hubspot_secret,
            request.method,
            _uri(request, crm.public_url),
            raw,
            request.headers,
            self.desk.now(),
        )
        found = await self.score(hubspot.lead_of(_parsed(raw)))
        return _json(hubspot.answer(found, words(asdict(found))))


class _Odoo(_Endpoint):
    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._worker = afterwards.Worker(desk)
        self._notes: Notes | None = None

    async def handle(self, request: Request) -> Response:
        odoo.check_key(self.desk.settings.crm.odoo_key, request.query_params.get("key", ""))
        model, record = odoo.record_of(_parsed(await _raw(request)))
        if self._notes is None:
            self._notes = Notes(await asyncio.to_thread(lambda: self.desk.store.engine))
        await self._notes.take("odoo", record, {"lead_id": record, "also": {"model": model}})
        after = BackgroundTask(self._quietly)
        return _json({"accepted": True, "id": record}, background=after)

    async def _quietly(self) -> None:
        """Work after the answer; what fails stays in the outbox and is tried again."""
        try:
            await asyncio.to_thread(self._worker.nudge)
        except Exception:
            _log.exception("the outbox could not be worked through; its rows wait")


class _Dynamics(_Endpoint):
    async def handle(self, request: Request) -> Response:
        entity, kind = dynamics.entity_of(_parsed(await _raw(request)))
        return _json(dynamics.answer(await self.score(entity), entity, kind))


class _Salesforce(_Endpoint):
    async def handle(self, request: Request) -> Response:
        lead = salesforce.lead_of(_parsed(await _raw(request)))
        return _json(salesforce.answer(await self.score(lead)))


class _Document(_Endpoint):
    async def handle(self, request: Request) -> Response:
        del request
        return _json(salesforce.document(self.desk.settings.crm.public_url))


async def _raw(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > reading.MAX_BODY:
            raise RequestError(413, "the body is too large")
        chunks.append(chunk)
    return b"".join(chunks)


def _parsed(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from error


def _uri(request: Request, public_url: str) -> str:
    """Return the URI as the caller knows it, which a proxy may have rewritten."""
    if not public_url:
        return str(request.url)
    query = request.url.query
    return public_url.rstrip("/") + request.url.path + (f"?{query}" if query else "")


def _json(data: Any, background: BackgroundTask | None = None) -> Response:
    return Response(orjson.dumps(data), media_type="application/json", background=background)
