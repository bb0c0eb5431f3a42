"""The paths of the pages, and what becomes of errors on them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import parse_qs, quote, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from history.errors import ConflictError, StoreError
from serving.desk import Desk
from serving.errors import (
    BeingMadeError,
    EmptyHistoryError,
    NotReadyError,
    RequestError,
    UnknownLeadError,
)
from serving.pages import acting, views
from serving.pages.headers import HEADERS
from serving.pages.views import PAGES
from serving.security import COOKIE, ME

Endpoint = Callable[[Request], Awaitable[Response]]
_MOST_NAME = 200
_YEAR_S = 365 * 86_400
_MOST_BYTES = 256 * 1024
_AGAIN_S = "3"
"""Browsers look again after so many seconds. A header: nothing on the page needs a script."""
_SIGN_OUT = b'action="/signout" hidden>'
"""Pages are kept for all who look; this alone on them depends on who does."""


def routes(desk: Desk) -> list[Route]:
    """Return the routes of all pages."""
    desk.prepared.first = partial(views.looked_at_first, desk)
    shown: list[tuple[str, str, Endpoint]] = [
        ("GET", "/", _today(desk)),
        *(("GET", path, _show(desk, page)) for path, page in PAGES.items()),
        ("POST", "/pages/goals", _agree(desk, acting.agree_by_form)),
        ("POST", "/pages/funnel/spend", _spend(desk)),
        ("POST", "/pages/goals/adopt", _agree(desk, acting.adopt_by_form)),
        ("POST", "/pages/lead/{lead_id:path}/disposition", _act(desk)),
        ("GET", "/pages/lead/{lead_id:path}", _lead(desk)),
    ]
    return [Route(path, _signed(show), methods=[method]) for method, path, show in shown]


def _signed(show: Endpoint) -> Endpoint:
    """Let whoever signed in with the form sign out again."""

    async def answer(request: Request) -> Response:
        made = await show(request)
        if COOKIE in request.cookies:
            made.body = bytes(made.body).replace(_SIGN_OUT, _SIGN_OUT.replace(b" hidden", b""), 1)
            made.headers["content-length"] = str(len(made.body))
        return made

    return answer


def _today(desk: Desk) -> Endpoint:
    async def show(request: Request) -> Response:
        query, me = dict(request.query_params), _me(request)
        if "me" in query:
            me = query.get("owner", "")[:_MOST_NAME]
        answer = await _answer(lambda: views.today_page(desk, query, me=me))
        if "me" in query:
            answer.set_cookie(ME, quote(me), max_age=_YEAR_S, httponly=True, samesite="lax")
        return answer

    return show


def _me(request: Request) -> str:
    """Return the owner that somebody said they are."""
    return unquote(request.cookies.get(ME, ""))[:_MOST_NAME]


def _show(desk: Desk, page: Callable[[Desk, views.Query], str]) -> Endpoint:
    async def show(request: Request) -> Response:
        return await _answer(lambda: page(desk, dict(request.query_params)))

    return show


def _lead(desk: Desk) -> Endpoint:
    async def show(request: Request) -> Response:
        lead_id, me = request.path_params["lead_id"], _me(request)
        return await _answer(lambda: views.lead_page(desk, lead_id, me=me))

    return show


def _act(desk: Desk) -> Endpoint:
    async def act(request: Request) -> Response:
        form, lead_id = await _form(request), request.path_params["lead_id"]
        return await _answer(lambda: _acted(desk, lead_id, form, _me(request)))

    return act


def _acted(desk: Desk, lead_id: str, form: acting.Form, me: str) -> str | tuple[str, int]:
    """Act, and show the queue with what became of it; who was late sees the lead as it is now."""
    try:
        message = acting.act_by_form(desk, lead_id, form)
    except ConflictError as error:
        return views.lead_page(desk, lead_id, str(error), bad=True, me=me), 409
    except RequestError as error:
        return views.lead_page(desk, lead_id, str(error), bad=True, me=me), error.status
    if desk.ranking.newest is None:
        return views.lead_page(desk, lead_id, message, me=me)
    return views.today_page(desk, {"owner": me}, message, me=me)


def _agree(desk: Desk, work: Callable[[Desk, acting.Form], str]) -> Endpoint:
    async def agree(request: Request) -> Response:
        form = await _form(request)

        def changed() -> str:
            return views.goals_page(desk, {}, work(desk, form))

        return await _answer(changed, back="/pages/goals")

    return agree


def _spend(desk: Desk) -> Endpoint:
    async def spend(request: Request) -> Response:
        form = await _form(request)

        def written() -> str:
            return views.funnel_page(desk, {}, acting.spend_by_form(desk, form))

        return await _answer(written, back="/pages/funnel")

    return spend


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    if len(body) > _MOST_BYTES:
        return {}
    found = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in found.items()}


async def _answer(work: Callable[[], str | tuple[str, int]], back: str = "") -> Response:
    """Do the work in a thread; whatever is wrong is a page too, that says so in words."""
    headers = HEADERS
    try:
        made = await asyncio.to_thread(work)
    except BeingMadeError as error:
        again = f"{_AGAIN_S}; url={back}" if back else _AGAIN_S
        made, headers = views.being_made(error, back), HEADERS | {"Refresh": again}
    except (NotReadyError, EmptyHistoryError) as error:
        made = views.nothing_yet(str(error))
    except UnknownLeadError as error:
        made = views.notice("No such lead", str(error), bad=True), 404
    except ConflictError as error:
        made = views.notice("Somebody was quicker", str(error), back=back or "/", bad=True), 409
    except StoreError as error:
        made = views.notice("The history cannot be read", str(error), bad=True), 503
    except RequestError as error:
        made = (
            views.notice("That does not go", str(error), back=back or "/", bad=True),
            error.status,
        )
    except ValueError as error:
        made = views.notice("That does not go", str(error), back=back or "/", bad=True), 422
    text, status = made if isinstance(made, tuple) else (made, 200)
    return HTMLResponse(text, status, headers=headers)
