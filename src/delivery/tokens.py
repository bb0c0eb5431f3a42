"""Access tokens that expire: fetched with a program's own credentials, and anew when refused.

The client credentials grant of OAuth 2.0 (RFC 6749, section 4.4), which Salesforce and Entra ID
give to programs that act for themselves. A token lives in memory alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from functools import lru_cache

import httpx

Flow = Generator[httpx.Request, httpx.Response, str]
_EARLY_S = 60.0
"""A token that ends so soon is not used any more."""


class TokenError(ValueError):
    """No access token was to be had; the message says why, and holds no secret."""


class ClientCredentials(httpx.Auth):
    """Signs requests with a token, which threads of one process share.

    A request that is refused with 401 is sent once more with a new token, one fetch for all who
    wait.

    Parameters
    ----------
    url : of the token endpoint.
    client_id, client_secret : of the program.
    scope : what the token is to be good for, where the vendor asks.
    clock : seconds, never going back.
    """

    requires_response_body = True

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        scope: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        form = {"grant_type": "client_credentials", "client_id": client_id}
        self._url = url
        self._form = {**form, "client_secret": client_secret, **({"scope": scope} if scope else {})}
        self._clock = clock
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with a token; once more with a new one where the first is refused.

        Raises
        ------
        TokenError : the endpoint gives none.
        """
        token = yield from self._good()
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            token = yield from self._good(refused=token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    def _good(self, refused: str = "") -> Flow:
        with self._lock:
            if self._token in ("", refused) or self._clock() >= self._until:
                answer = yield httpx.Request("POST", self._url, data=self._form)
                answer.read()
                self._token, lasts = _read(answer)
                self._until = self._clock() + max(lasts - _EARLY_S, 0.0)
            return self._token


def _read(answer: httpx.Response) -> tuple[str, float]:
    """Return the token of an answer and for how many seconds it is good.

    Salesforce does not say for how long: its tokens are used until one is refused.
    """
    try:
        body = answer.json()
        told: Mapping[str, object] = body if isinstance(body, dict) else {}
    except ValueError:
        told = {}
    token = told.get("access_token")
    if not answer.is_success or not isinstance(token, str) or not token:
        why = told.get("error") if isinstance(told.get("error"), str) else "no access_token"
        raise TokenError(f"no token: HTTP {answer.status_code}, {why}")
    try:
        return token, float(str(told["expires_in"]))
    except (KeyError, ValueError):
        return token, float("inf")


@lru_cache(maxsize=16)
def client_credentials(
    url: str, client_id: str, client_secret: str, scope: str = ""
) -> ClientCredentials:
    """Return the one that this process shares, so that a token outlives one delivery."""
    return ClientCredentials(url, client_id, client_secret, scope)
