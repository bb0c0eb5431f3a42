"""Access tokens that expire: fetched with a program's own credentials, and anew when refused.

The client credentials grant of OAuth 2.0 (RFC 6749, section 4.4), which Salesforce and Entra ID
give to programs that act for themselves, and Salesforce's grant for a signed assertion (RFC 7523),
for which no secret ever leaves this machine. A token lives in memory alone.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping
from functools import lru_cache

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Flow = Generator[httpx.Request, httpx.Response, str]
_EARLY_S = 60.0
"""A token that ends so soon is not used any more."""


class TokenError(ValueError):
    """No access token was to be had; the message says why, and holds no secret."""


class Grant(httpx.Auth):
    """Signs requests with a token, which threads of one process share.

    A request that is refused with 401 is sent once more with a new token, one fetch for all who
    wait.

    Parameters
    ----------
    url : of the token endpoint.
    clock : seconds, never going back.
    """

    requires_response_body = True

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    @abstractmethod
    def form(self) -> dict[str, str]:
        """Return what is sent for a token."""

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
                answer = yield httpx.Request("POST", self._url, data=self.form())
                answer.read()
                self._token, lasts = _read(answer)
                self._until = self._clock() + max(lasts - _EARLY_S, 0.0)
            return self._token


class ClientCredentials(Grant):
    """A token for the program's id and secret.

    Parameters
    ----------
    url, clock : as for any grant.
    client_id, client_secret : of the program.
    scope : what the token is to be good for, where the vendor asks.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        scope: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(url, clock)
        form = {"grant_type": "client_credentials", "client_id": client_id}
        self._form = {**form, "client_secret": client_secret, **({"scope": scope} if scope else {})}

    def form(self) -> dict[str, str]:
        """Return the credentials."""
        return self._form


class SignedAssertion(Grant):
    """A token for an assertion that the program's private key signs (JWT bearer).

    Parameters
    ----------
    url, clock : as for any grant.
    client_id : of the connected app that has the certificate.
    username : for whom it acts.
    audience : the login server that the assertion is for.
    private_key : RSA, as PEM without a password.
    wall : seconds since 1970.

    Raises
    ------
    TokenError : the key is none.
    """

    _LASTS_S = 180

    def __init__(
        self,
        url: str,
        client_id: str,
        username: str,
        audience: str,
        private_key: str,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(url, clock)
        self._claims = {"iss": client_id, "sub": username, "aud": audience}
        self._key = rsa_key(private_key)
        self._wall = wall

    def form(self) -> dict[str, str]:
        """Return an assertion that is good for three minutes."""
        claims = {**self._claims, "exp": int(self._wall()) + self._LASTS_S}
        text = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        signed = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return {"grant_type": grant, "assertion": f"{text}.{_base64(signed)}"}


def rsa_key(pem: str) -> rsa.RSAPrivateKey:
    r"""Read a private key; its lines may be parted by ``\n``, as in one line of a settings file.

    Raises
    ------
    TokenError : it is none; the message does not hold it.
    """
    try:
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TokenError("the private key is no RSA key in PEM without a password")
    return key


def _part(claims: Mapping[str, object]) -> str:
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


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


@lru_cache(maxsize=16)
def signed_assertion(
    url: str, client_id: str, username: str, audience: str, private_key: str
) -> SignedAssertion:
    """Return the one that this process shares.

    Raises
    ------
    TokenError : the key is none.
    """
    return SignedAssertion(url, client_id, username, audience, private_key)
