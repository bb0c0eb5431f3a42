"""What stands before every endpoint: keys, limits, the access log and the metrics."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import orjson
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from history import StoreError
from serving import signin
from serving.access_log import AccessLog, Visit
from serving.bulk import BULK
from serving.deadline import within
from serving.errors import COME_BACK_S, RequestError
from serving.limits import Buckets, limited
from serving.metrics import Meters
from serving.pages.headers import HEADERS
from serving.security import UNREPEATED, Doorman, headers_of
from settings.settings import ServingSettings

_UNKNOWN = "(no such path)"


class Guard:
    """An ASGI middleware.

    Parameters
    ----------
    app : what it guards.
    doorman : knows who may do what.
    settings : the limits.
    meters, log : what is told of each request; no log where None.
    direct : applications, by method and template, that are asked without the router.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        doorman: Doorman,
        settings: ServingSettings,
        meters: Meters,
        log: AccessLog | None,
        direct: Mapping[tuple[str, str], ASGIApp],
    ) -> None:
        self.app = app
        self._direct = direct
        self._doorman = doorman
        self._settings = settings
        self._meters = meters
        self._log = log
        self._buckets = Buckets(settings.requests_per_s, settings.burst, time.monotonic)
        self._routes = Templates()
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or say why not; in either case take note of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = Visit(scope["method"], self._routes.of(scope))
        begun, started = time.perf_counter(), False

        async def noted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                visit.status, started = message["status"], True
            await send(message)

        self._at_work += 1
        self._meters.begun()
        try:
            await self._pass_on(visit, scope, receive, noted)
        except (RequestError, StoreError) as problem:
            if started:
                raise
            await _refusal(scope, problem)(scope, receive, noted)
        finally:
            self._at_work -= 1
            visit.seconds = time.perf_counter() - begun
            self._meters.ended(visit)
            if self._log is not None:
                self._log.note(visit)

    async def _pass_on(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = self._settings
        if self._at_work > wanted.max_in_flight and visit.route not in UNREPEATED:
            raise RequestError(
                503, "too many requests are at work: try again in a second", {"Retry-After": "1"}
            )
        caller = await self._doorman.admit(scope, visit.method, visit.route)
        visit.key_id, visit.role = caller.key_id, caller.role
        self._check_rate(caller.key_id)
        bulk = visit.route == BULK
        most = (wanted.max_bulk_mb if bulk else wanted.max_body_mb) << 20
        seconds = wanted.bulk_timeout_s if bulk else wanted.timeout_s
        body = limited(receive, headers_of(scope).get(b"content-length"), most)
        app = self._direct.get((visit.method, visit.route), self.app)
        if not await within(seconds, app(scope, body, send)):
            raise RequestError(504, f"no answer within {seconds:g} seconds: send less at once")

    def _check_rate(self, key_id: str) -> None:
        wait = self._buckets.take(key_id) if key_id else 0.0
        if wait > 0:
            raise RequestError(
                429,
                f"more than {self._settings.requests_per_s:g} requests a second: wait",
                {"Retry-After": str(max(1, math.ceil(wait)))},
            )


class Templates:
    """Finds the template of a path: logs and metrics must not hold ids of leads."""

    def __init__(self) -> None:
        self._plain: dict[str, str] = {}

    def of(self, scope: Scope) -> str:
        """Return the template, such as ``/leads/{lead_id}``."""
        found = self._plain.get(scope["path"])
        if found is not None:
            return found
        routes: Sequence[BaseRoute] = scope["app"].routes
        if not self._plain:
            paths = [route.path for route in routes if isinstance(route, Route)]
            self._plain.update({path: path for path in paths if "{" not in path})
            return self.of(scope)
        for route in routes:
            if route.matches(scope)[0] != Match.NONE:
                return str(getattr(route, "path", _UNKNOWN)).replace(":path}", "}")
        return _UNKNOWN


def _refusal(scope: Scope, problem: RequestError | StoreError) -> Response:
    if isinstance(problem, StoreError):
        problem = RequestError(503, str(problem), {"Retry-After": str(COME_BACK_S)})
    wants_page = "text/html" in Headers(scope=scope).get("accept", "")
    if problem.status == 401 and wants_page and scope["method"] == "GET":
        return HTMLResponse(signin.form(), 401, {**HEADERS, **problem.headers})
    words = orjson.dumps({"error": " ".join(str(problem).split())})
    return Response(words, problem.status, problem.headers, "application/json")
