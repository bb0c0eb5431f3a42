"""`smarketing keys`: API keys, made, listed and revoked."""

from __future__ import annotations

from typing import Any

from history.keys import ROLES, ApiKey, create_key, list_keys, revoke_key
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings

_LONGEST_NOTE = 200


def create(settings: Settings, role: str, note: str, *, as_json: bool = False) -> ApiKey:
    """Make a key and print it, this once.

    Raises
    ------
    ValueError : there is no such role, the note is too long, or the store cannot be written.
    """
    if role not in ROLES:
        raise UsageError(f"--role: {role!r} is no role; expected one of {', '.join(ROLES)}")
    if len(note) > _LONGEST_NOTE:
        raise UsageError(f"--note: at most {_LONGEST_NOTE} letters (got {len(note)})")
    key, made = create_key(context.store_of(settings), role, note, context.now())
    if as_json:
        context.print_json({"key": key, **_shown(made)})
    else:
        context.say(key)
        context.note(
            f"key {made.key_id} for {role}: keep it now, it is stored as a digest alone; "
            "callers send it as Authorization: Bearer"
        )
    return made


def show(settings: Settings, *, as_json: bool = False) -> list[ApiKey]:
    """Print the keys that there are, without the keys themselves."""
    keys = list_keys(context.store_of(settings))
    if as_json:
        context.print_json([_shown(each) for each in keys])
    elif not keys:
        context.say("no keys: the service is open, to this machine alone")
    else:
        context.print_table(
            "API keys",
            ("id", "role", "made", "revoked", "note"),
            [
                (each.key_id, each.role, f"{each.created_at:%Y-%m-%d %H:%M}", _revoked(each),
                 each.note)
                for each in keys
            ],
        )  # fmt: skip
    return keys


def revoke(settings: Settings, key_id: str, *, as_json: bool = False) -> None:
    """Refuse a key from now on; running services know within seconds.

    Raises
    ------
    StoreError : there is no such key, or it was revoked before.
    """
    revoke_key(context.store_of(settings), key_id, context.now())
    if as_json:
        context.print_json({"key_id": key_id, "revoked": True})
    else:
        context.say(f"key {key_id} is revoked")


def _revoked(key: ApiKey) -> str:
    return "-" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M}"


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "role": key.role,
        "note": key.note,
        "created_at": key.created_at.isoformat(),
        "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
    }
