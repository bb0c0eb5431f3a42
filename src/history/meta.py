"""What the store remembers of itself: small JSON values by name."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from history.schema import META


def get_meta(connection: Connection, name: str) -> Any:
    """Return the value of a name; None if it was never set."""
    row = connection.execute(select(META.c.value).where(META.c.name == name)).first()
    return None if row is None else json.loads(row[0])


def set_meta(connection: Connection, name: str, value: Any) -> None:
    """Set the value of a name in place of the former one."""
    connection.execute(META.delete().where(META.c.name == name))
    connection.execute(META.insert().values(name=name, value=json.dumps(value)))
