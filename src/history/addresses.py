"""Addresses of databases: their parts, and how they are spoken of without their secrets."""

from __future__ import annotations

import re

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.I)
_QUERY_SECRET = re.compile(
    r"([?&][^=&#]*(?:pass|pwd|secret|token|key|credential)[^=&#]*=)[^&#]*", re.I
)
_USERINFO = re.compile(r"^([^:/]+:/{0,2}).*@", re.S)
_TIMEOUT_S = "10"


def parted(source: str) -> tuple[str, str]:
    """Return the URL of a database and the schema that stands after ``#``.

    A ``#`` before the host is part of a password.
    """
    before, at, rest = source.rpartition("@")
    address, _, schema = rest.partition("#")
    return before + at + address, schema


def shown(source: str) -> str:
    """Return an address as it may be printed and kept: without its password and other secrets."""
    address, schema = parted(source)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        return _blanked(source)
    if "@" in (url.host or ""):  # an @ within the password, which had to be written as %40
        return _blanked(source)
    query = {name: "***" if _SECRET.search(name) else value for name, value in url.query.items()}
    told = url.set(query=query).render_as_string(hide_password=True).replace("%2A", "*")
    return told + (f"#{schema}" if schema else "")


def patient(url: URL) -> URL:
    """Return a URL that gives up after ten seconds where nobody answers, unless it says so itself.

    PostgreSQL's own client would wait for more than two minutes.
    """
    if url.get_backend_name() != "postgresql" or "connect_timeout" in url.query:
        return url
    return url.update_query_dict({"connect_timeout": _TIMEOUT_S})


def reason(error: object, source: str) -> str:
    """Return the first line of an error, without what is secret in an address."""
    line = (str(error).splitlines() or [""])[0].replace(source, shown(source))
    address, _ = parted(source)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        return _blanked(line)
    hidden = [url.password, *(each for name, each in url.query.items() if _SECRET.search(name))]
    for secret in hidden:
        line = line.replace(str(secret), "***") if secret else line
    return line


def _blanked(text: str) -> str:
    """Blank all that may be a secret in what is no URL."""
    return _QUERY_SECRET.sub(r"\1***", _USERINFO.sub(r"\1***@", text))
