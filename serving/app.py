"""The HTTP application: which path does what, and what becomes of errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import orjson
import pandas as pd
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alignment.dispositions import DispositionError
from history import HistoryError, StoreError
from history.errors import ConflictError
from history.spend import note_spend
from serving import bulk, reading, signin
from serving.access_log import AccessLog
from serving.contract import (
    Problem,
    Refusal,
    SpendRequest,
    Written,
)
from serving.crm import crm_routes
from serving.desk import Desk
from serving.errors import COME_BACK_S, RequestError, UnknownLeadError
from serving.guard import Guard
from serving.lead import lead
from serving.live import history_age
from serving.metrics import Meters
from serving.openapi import openapi_document
from serving.pages.routes import routes as page_routes
from serving.scoring import ScoreEndpoint
from serving.security import Doorman
from serving.teamwork import answers_of, decide

WRITABLE = ("engagements", "outcomes", "leads", "accounts", "dispositions")
_log = logging.getLogger("smarketing.app")

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(desk: Desk, *, log: AccessLog | None = None) -> Starlette:
    """Build the application around a desk, which holds the model and the store.

    Parameters
    ----------
    desk : does the work; the application only reads requests and writes answers.
    log : the access log; none where missing.
    """
    meters = desk.meters
    doorman = Doorman(None if desk.url is None else lambda: desk.store)
    document = orjson.dumps(openapi_document(desk.settings.serving.max_leads))
    reads: dict[str, Callable[[Request], Any]] = {
        "/leads/{lead_id:path}": lambda request: lead(desk, request.path_params["lead_id"]),
        **answers_of(desk),
        "/model": lambda _: desk.about(),
        "/readyz/details": lambda _: readiness(desk),
    }
    score = ScoreEndpoint(desk)
    guard = Middleware(
        Guard,
        doorman=doorman,
        settings=desk.settings.serving,
        meters=meters,
        log=log,
        direct={("POST", "/score"): score},
    )
    return Starlette(
        middleware=[guard],
        routes=[
            Route("/score", score, methods=["POST"]),  # the first one is found soonest
            *page_routes(desk),
            Route("/metrics", _metrics(desk, meters), methods=["GET"]),
            *signin.routes(doorman),
            bulk.route(desk),
            *(Route(f"/{name}", _write(desk, name), methods=["POST"]) for name in WRITABLE),
            Route("/spend", _spend(desk), methods=["POST"]),
            *(Route(path, _read(work), methods=["GET"]) for path, work in reads.items()),
            *crm_routes(desk),
            *(Route(path, _document(document)) for path in ("/openapi.json", "/docs.json")),
        ],
        exception_handlers={
            RequestError: _refused,
            HTTPException: _refused,
            ConflictError: _late,
            DispositionError: _misfit,
            HistoryError: _misfit,
            StoreError: _unavailable,
            UnknownLeadError: _absent,
            Exception: _failed,
        },
    )


def readiness(desk: Desk) -> dict[str, Any]:
    """Return whether the service can score, with which version, and what is wrong."""
    about = desk.about()
    return {"ready": about["ready"], "version": about["version"], "problem": about["problem"]}


def _write(desk: Desk, table: str) -> Endpoint:
    async def write(request: Request) -> Response:
        body = await reading.json_body(request)
        if table == "dispositions":
            rows, decided = reading.rows_and_seen(body)
            done = await asyncio.to_thread(decide, desk, decided)
        else:
            rows, done = reading.rows(table, body), 0
        counts, rejects = await asyncio.to_thread(desk.write, table, rows)
        reasons = [
            Refusal(row=each.row, field=each.field, value=each.value, reason=each.reason)
            for each in rejects
        ]
        written = Written(
            accepted=counts.accepted + done,
            updated=counts.updated,
            duplicate=counts.duplicate,
            rejected=counts.rejected,
            erased=counts.erased,
            reasons=reasons,
        )
        return _json(written.model_dump())

    return write


def _spend(desk: Desk) -> Endpoint:
    async def spend(request: Request) -> Response:
        told = reading.parsed(SpendRequest, await reading.json_body(request))
        rows = [each.model_dump() for each in told.spend]
        counts = await asyncio.to_thread(note_spend, desk.store, rows, desk.now())
        await asyncio.to_thread(desk.reread)
        written = Written(
            accepted=counts.accepted,
            updated=counts.updated,
            duplicate=counts.duplicate,
            rejected=0,
            erased=0,
            reasons=[],
        )
        return _json(written.model_dump())

    return spend


def _read(work: Callable[[Request], Any]) -> Endpoint:
    async def read(request: Request) -> Response:
        return _json(await asyncio.to_thread(work, request))

    return read


def _metrics(desk: Desk, meters: Meters) -> Endpoint:
    def text() -> bytes:
        age = history_age(desk)
        if age is not None:
            meters.history_age(age)
        return meters.text()

    async def metrics(_request: Request) -> Response:
        return Response(await asyncio.to_thread(text), media_type="text/plain; version=0.0.4")

    return metrics


def _document(content: bytes) -> Endpoint:
    async def document(_request: Request) -> Response:
        return Response(content, media_type="application/json")

    return document


def _json(data: Any, status: int = 200) -> Response:
    content = orjson.dumps(data, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, status, media_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else str(value)


def _problem(status: int, message: str) -> Response:
    return _json(Problem(error=" ".join(message.split())).model_dump(), status)


async def _refused(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        answer = _problem(error.status_code, error.detail)
        answer.headers.update(error.headers or {})
        return answer
    if not isinstance(error, RequestError):
        return _problem(400, str(error))
    answer = _problem(error.status, str(error))
    answer.headers.update(error.headers)
    return answer


async def _misfit(_request: Request, error: Exception) -> Response:
    return _problem(422, str(error))


async def _late(_request: Request, error: Exception) -> Response:
    return _problem(409, str(error))


async def _absent(_request: Request, error: Exception) -> Response:
    return _problem(404, str(error))


async def _unavailable(_request: Request, error: Exception) -> Response:
    answer = _problem(503, str(error))
    answer.headers["Retry-After"] = str(COME_BACK_S)
    return answer


async def _failed(request: Request, error: Exception) -> Response:
    # The path may hold the id of a lead: it stays out of the log.
    _log.error("%s failed", request.method, exc_info=error)
    return _problem(500, "an error of ours, not of yours; it is in the log of the service")
