"""Signing in on the pages: a form, and a cookie that scripts and other sites cannot use."""

from __future__ import annotations

from urllib.parse import parse_qs

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from alignment.pages import served_links
from serving.pages.headers import HEADERS
from serving.security import COOKIE, ME, Doorman

_LASTS_S = 12 * 3600
_MOST_BYTES = 4096
_templates = Environment(
    loader=ChoiceLoader(
        [PackageLoader("serving.pages", "templates"), PackageLoader("alignment.pages", "templates")]
    ),
    autoescape=True,
    undefined=StrictUndefined,
)


def form(problem: str = "") -> str:
    """Render the form."""
    return _templates.get_template("signin.html").render(
        title="Sign in", problem=problem, page="", pages=(), links=served_links(), foot=""
    )


def routes(doorman: Doorman) -> list[Route]:
    """Return the routes of signing in and out."""

    async def show(_request: Request) -> Response:
        return HTMLResponse(form(), headers=HEADERS)

    async def sign_in(request: Request) -> Response:
        key = _key(await request.body())
        if not await doorman.knows(key):
            return HTMLResponse(form("This key is not known, or was revoked."), 401, HEADERS)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            key,
            max_age=_LASTS_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    async def sign_out(_request: Request) -> Response:
        answer = RedirectResponse("/signin", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        answer.delete_cookie(ME, httponly=True, samesite="lax")  # the next one is somebody else
        return answer

    return [
        Route("/signin", show, methods=["GET"]),
        Route("/signin", sign_in, methods=["POST"]),
        Route("/signout", sign_out, methods=["POST"]),
    ]


def _key(body: bytes) -> str:
    if len(body) > _MOST_BYTES:
        return ""
    fields = parse_qs(body.decode("utf-8", "replace"))
    return fields.get("key", [""])[0].strip()
