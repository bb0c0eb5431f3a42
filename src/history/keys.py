"""API keys: who may call the service, and as what. Only a digest of a key is ever stored.

A key is ``smk_<id>_<secret>``. The secret has 256 random bits, so that a plain SHA-256 of it can
be stored: there is nothing to guess, and checking costs a microsecond.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import select

from history.errors import StoreError
from history.history import micros
from history.schema import API_KEYS
from history.store import Store

ROLES = ("crm", "sales", "marketing", "admin")
_PREFIX = "smk"
_LONGEST = 200


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; never the key itself.

    Parameters
    ----------
    key_id : the part of the key that may be shown.
    digest : SHA-256 of the whole key.
    role : one of `ROLES`.
    note : whom or what it was made for.
    created_at : when.
    revoked_at : since when it is refused; None while it is good.
    """

    key_id: str
    digest: str
    role: str
    note: str
    created_at: pd.Timestamp
    revoked_at: pd.Timestamp | None = None


def create_key(store: Store, role: str, note: str, now: pd.Timestamp) -> tuple[str, ApiKey]:
    """Make a key; it is returned here and can never be read again.

    Raises
    ------
    StoreError : there is no such role, or the store cannot be written.
    """
    if role not in ROLES:
        raise StoreError(f"{role!r} is no role; expected one of {', '.join(ROLES)}")
    key_id = secrets.token_hex(4)
    key = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    made = ApiKey(key_id, digest(key), role, note, now)
    with store.writing() as connection:
        connection.execute(
            API_KEYS.insert().values(
                key_id=key_id, digest=made.digest, role=role, note=note, created_at=micros(now)
            )
        )
    return key, made


def list_keys(store: Store) -> list[ApiKey]:
    """Return every key that was ever made, the oldest first."""
    with store.reading() as connection:
        rows = connection.execute(
            select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.key_id)
        )
        return [
            ApiKey(
                row.key_id, row.digest, row.role, row.note,
                _instant(row.created_at),
                None if row.revoked_at is None else _instant(row.revoked_at),
            )
            for row in rows
        ]  # fmt: skip


def revoke_key(store: Store, key_id: str, now: pd.Timestamp) -> None:
    """Refuse a key from now on; its record stays.

    Raises
    ------
    StoreError : there is no such key, or it was revoked before.
    """
    good = (API_KEYS.c.key_id == key_id) & API_KEYS.c.revoked_at.is_(None)
    with store.writing() as connection:
        result = connection.execute(API_KEYS.update().where(good).values(revoked_at=micros(now)))
        if not result.rowcount:
            raise StoreError(
                f"there is no good key with the id {key_id[:40]!r}; see: smarketing keys list"
            )


def matching(keys: Mapping[str, ApiKey], offered: str) -> ApiKey | None:
    """Return the key that was offered, if it is good. Takes as long for a near miss as for a far.

    Parameters
    ----------
    keys : by id.
    offered : as a caller sent it.
    """
    parts = offered.split("_", 2)
    if len(parts) != 3 or parts[0] != _PREFIX or len(offered) > _LONGEST:
        return None
    known = keys.get(parts[1])
    if known is None or known.revoked_at is not None:
        return None
    return known if hmac.compare_digest(digest(offered), known.digest) else None


def digest(key: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _instant(at: int) -> pd.Timestamp:
    return pd.Timestamp(at, unit="us", tz="UTC").as_unit("us")
