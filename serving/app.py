"""The HTTP application: routes, limits, and answers that never blame the caller in riddles."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
import pandas as pd
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from history import HistoryError, StoreError
from history.tables import TABLES
from serving import pages
from serving.contract import LeadScore, LeadToScore, Problem, Refusal, ScoreRequest, Written
from serving.desk import Desk, NotReady
from serving.openapi import openapi_document

MAX_BODY = 16 * 1024 * 1024
_WRITABLE = ("engagements", "outcomes", "leads", "accounts", "dispositions")

Model = TypeVar("Model", bound=BaseModel)
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(desk: Desk) -> Starlette:
    """Build the application around a desk, which holds the model and the store.

    Parameters
    ----------
    desk : does the work; the application only reads requests and writes answers.
    """
    routes = [
        Route("/", _page(desk), methods=["GET"]),
        Route("/score", _score(desk), methods=["POST"]),
        Route("/leads/{lead_id}", _json(lambda request: desk.lead(request.path_params["lead_id"]))),
        Route("/queue", _json(lambda request: desk.queue(_limit(request)))),
        Route("/importance", _json(lambda _: desk.importance())),
        Route("/model", _json(lambda _: desk.about())),
        Route("/openapi.json", _json(lambda _: openapi_document())),
        *(Route(f"/{name}", _write(desk, name), methods=["POST"]) for name in _WRITABLE),
    ]
    return Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _refused,
            StoreError: _unavailable,
            HistoryError: _misfit,
            NotReady: _unavailable,
        },
    )


async def _body(request: Request) -> Any:
    """Read a JSON body within the limits.

    Raises
    ------
    HTTPException : 413 too large, 400 not JSON (NaN and infinity are not).
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise HTTPException(413, f"the body is larger than {MAX_BODY // 2**20} MiB; send less at once")
        chunks.append(chunk)
    try:
        return orjson.loads(b"".join(chunks))
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error


def _score(desk: Desk) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        wanted = _parsed(ScoreRequest, await _body(request))
        limit = desk.settings.serving.max_leads
        if len(wanted.leads) > limit:
            raise HTTPException(413, f"leads: at most {limit} in one request (got {len(wanted.leads)})")
        top = desk.settings.serving.default_reasons if wanted.top_reasons is None else wanted.top_reasons
        answers = await asyncio.to_thread(_scores, desk, wanted.leads, top)
        return _answer({"scores": [each.model_dump() for each in answers]})

    return endpoint


def _scores(desk: Desk, leads: list[Any], top_reasons: int) -> list[LeadScore]:
    scorer = desk.scorer()
    answers: dict[int, LeadScore] = {}
    understood: list[tuple[int, LeadToScore]] = []
    for place, raw in enumerate(leads):
        try:
            understood.append((place, LeadToScore.model_validate(raw)))
        except ValidationError as error:
            named = raw.get("lead_id", "") if isinstance(raw, dict) else ""
            message = _sentence(error, f"leads.{place}")
            answers[place] = scorer.refuse(str(named)[:500], "", "invalid", message)
    answers.update(scorer.score(understood, top_reasons, desk.now()))
    return [answers[place] for place in range(len(leads))]


def _write(desk: Desk, table: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await _body(request)
        rows = body.get(table) if isinstance(body, dict) else body
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise HTTPException(422, f'expected {{"{table}": [ ... ]}}, a list of objects with the columns of {table}')
        nested = [name for row in rows for name, value in row.items() if isinstance(value, dict | list)]
        if nested:
            raise HTTPException(422, f"{table}: the field {nested[0]!r} holds an object or a list; fields are flat")
        counts, rejects = await asyncio.to_thread(desk.write, table, rows)
        reasons = [
            Refusal(row=each.row, field=each.field, value=each.value, reason=each.reason)
            for each in rejects
        ]
        written = Written(
            accepted=counts.accepted,
            updated=counts.updated,
            duplicate=counts.duplicate,
            rejected=counts.rejected,
            reasons=reasons,
        )
        return _answer(written.model_dump(), 422 if rows and counts.rejected == len(rows) else 200)

    return endpoint


def _json(work: Callable[[Request], Any]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return _answer(await asyncio.to_thread(work, request))

    return endpoint


def _page(desk: Desk) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        del request
        return HTMLResponse(await asyncio.to_thread(pages.start, desk))

    return endpoint


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "50")
    if not text.isdigit() or not 1 <= int(text[:9]) <= 1000:
        raise HTTPException(422, f"limit: expected a whole number from 1 to 1000 (got {text[:40]!r})")
    return int(text)


def _parsed(model: type[Model], body: Any) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise HTTPException(422, _sentence(error)) from error


def _sentence(error: ValidationError, place: str = "") -> str:
    first = error.errors()[0]
    where = ".".join([place, *(str(part) for part in first["loc"])]).strip(".") or "body"
    return f"{where}: {first['msg'][0].lower()}{first['msg'][1:]} (got {str(first['input'])[:80]!r})"


def _answer(data: Any, status: int = 200) -> Response:
    content = orjson.dumps(data, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    return Response(content, status, media_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return str(value)


async def _refused(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    return _answer(Problem(error=detail).model_dump(), status)


async def _misfit(_request: Request, error: Exception) -> Response:
    return _answer(Problem(error=str(error)).model_dump(), 422)


async def _unavailable(_request: Request, error: Exception) -> Response:
    return _answer(Problem(error=str(error)).model_dump(), 503)
