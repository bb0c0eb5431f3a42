"""Who may call what: API keys with roles, in a header or in the cookie of the sign-in form."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.requests import HTTPConnection

from history import Store, StoreError
from history.keys import ROLES, ApiKey, list_keys, matching
from serving.errors import RequestError

Scope = Mapping[str, Any]
Headers = Mapping[bytes, bytes]

COOKIE = "smarketing_key"
ME = "smarketing_me"
"""The cookie that remembers which owner looks; it opens nothing."""
PUBLIC = frozenset({"/signin", "/signout", "/metrics", "/openapi.json", "/docs.json"})
"""Paths that hold nothing of anybody's: they are answered without a key."""
UNREPEATED = frozenset({"/crm/odoo"})
"""Paths whose callers never come again: they are not turned away because others are many."""
SIGNED = frozenset({"/crm/hubspot/score"}) | UNREPEATED
"""Paths of callers that cannot send a key: each call proves itself, by a signature or by the secret
in its URL, and the endpoint refuses it otherwise. Strangers must not use up their rate: it has no
limit of its own."""

_FRESH_S = 2.0
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_EVERYONE = frozenset(ROLES)
_WRITERS: Mapping[str, frozenset[str]] = {
    "/score": _EVERYONE,
    "/crm": frozenset({"crm"}),
    "/leads": frozenset({"crm"}),
    "/accounts": frozenset({"crm"}),
    "/outcomes": frozenset({"crm", "sales"}),
    "/engagements": frozenset({"crm", "sales", "marketing"}),
    "/dispositions": frozenset({"crm", "sales"}),
    "/spend": frozenset({"crm", "marketing"}),
}
"""Roles that may POST below a path; admin may everywhere, the two teams to paths not named."""

_OTHER_WRITERS = frozenset({"sales", "marketing"})
_HOW = "send an API key as Authorization: Bearer KEY or X-API-Key: KEY"


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Parameters
    ----------
    key_id : id of the key; empty where none is needed.
    role : of the key.
    """

    key_id: str
    role: str


_ANYBODY, _SIGNER, _OWNER = Caller("", ""), Caller("", "crm"), Caller("", "admin")


class Doorman:
    """Admits callers. Keys are read from the store again every two seconds.

    As long as no key was ever made the service is open, but only to this machine: on
    connections that arrived at a loopback address, and not for pages of other sites.

    Parameters
    ----------
    store : opens the store with the keys; None where there is none, and so no keys.
    clock : seconds, never going back.
    """

    def __init__(
        self, store: Callable[[], Store] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._keys: dict[str, ApiKey] | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def admit(self, scope: Scope, method: str, route: str) -> Caller:
        """Return who calls.

        Parameters
        ----------
        scope : of the request.
        method, route : what is asked for; the route as a template.

        Raises
        ------
        RequestError : 401 without a good key, 403 with one of another role or a write by a page
            of another site.
        StoreError : the keys were never read and cannot be.
        """
        headers = headers_of(scope)
        if route in PUBLIC:
            # Nor may another site sign somebody out, or in with a key of its own.
            _check_same_site(headers, method)
            return _ANYBODY
        if route in SIGNED:
            return _SIGNER
        keys = self._keys
        if keys is None or self._clock() - self._read_at >= _FRESH_S:
            keys = await self._known()
        if not keys:
            _check_local(scope, headers, method)
            return _OWNER
        key, by_cookie = offered(scope, headers)
        found = None if key is None else matching(keys, key)
        if found is None:
            said = "the API key is not known, or was revoked" if key else "an API key is needed"
            raise RequestError(401, f"{said}: {_HOW}", {"WWW-Authenticate": "Bearer"})
        if by_cookie:
            _check_same_site(headers, method)
        _check_role(found.role, method, route)
        return Caller(found.key_id, found.role)

    async def knows(self, key: str) -> bool:
        """Tell whether a key is good, for the sign-in form."""
        return matching(await self._known(), key) is not None

    async def _known(self) -> dict[str, ApiKey]:
        keys = self._keys
        if keys is not None and self._clock() - self._read_at < _FRESH_S:
            return keys
        # Who comes while another is reading goes on with what was known a moment ago.
        if keys is not None and self._reading.locked():
            return keys
        async with self._reading:
            if self._keys is None or self._clock() - self._read_at >= _FRESH_S:
                self._keys = await asyncio.to_thread(self._read)
                self._read_at = self._clock()
            return self._keys

    def _read(self) -> dict[str, ApiKey]:
        if self._store is None:
            return {}
        try:
            return {key.key_id: key for key in list_keys(self._store())}
        except StoreError:
            if self._keys is None:
                raise
            return self._keys


def headers_of(scope: Scope) -> Headers:
    """Return the headers of a request by name, in small letters; of one that came twice the first.

    Plain bytes: an object around them takes longer to make than they take to look at.
    """
    return dict(reversed(scope["headers"]))


def offered(scope: Scope, headers: Headers) -> tuple[str | None, bool]:
    """Return the key that a request carries, and whether it came in the cookie."""
    scheme, _, rest = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return rest.strip(), False
    header = headers.get(b"x-api-key")
    if header:
        return header.decode("latin-1").strip(), False
    return HTTPConnection(dict(scope)).cookies.get(COOKIE), True


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Tell whether an address reaches this machine alone; a name within the process counts too."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return True


def allowed(role: str, method: str, route: str) -> bool:
    """Tell whether a role may do this."""
    if role == "admin" or method in _READS:
        return role in _EVERYONE
    if not route.startswith("/"):
        return role in _EVERYONE  # there is no such path, as they will be told
    return role in _WRITERS.get(f"/{route.split('/')[1]}", _OTHER_WRITERS)


def _check_role(role: str, method: str, route: str) -> None:
    if not allowed(role, method, route):
        able = ", ".join(each for each in ROLES if allowed(each, method, route))
        raise RequestError(403, f"a key for {role} may not {method} {route}; one for {able} may")


def _check_local(scope: Scope, headers: Headers, method: str) -> None:
    """Refuse strangers while there is no key to tell them from friends.

    A page of another site could otherwise reach the service through the browser of somebody at
    this machine, be it under a name of its own that points here.
    """
    server = scope.get("server") or ("", None)
    problem = _stranger(str(server[0]), headers.get(b"host", b"").decode("latin-1"))
    if problem:
        raise RequestError(403, problem)
    _check_same_site(headers, method)


@lru_cache(maxsize=1024)
def _stranger(server: str, host: str) -> str:
    """Tell why a request to a name, at an address of ours, is none of this machine's, if so."""
    if not is_loopback(server):
        return (
            "no API key was made yet, so that only this machine is served; make one with: "
            "smarketing keys create --role admin"
        )
    if _is_address(server) and not _is_own_name(host):
        return "without API keys the service answers to localhost alone"
    return ""


def _check_same_site(headers: Headers, method: str) -> None:
    if method not in _READS and headers.get(b"sec-fetch-site") == b"cross-site":
        raise RequestError(403, "pages of other sites may not write here")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_own_name(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 or host.startswith("[") else host
    name = name.strip("[]").lower()
    return name in ("", "localhost") or (_is_address(name) and is_loopback(name))
