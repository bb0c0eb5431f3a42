"""Reading requests: bodies within limits, and one clear line about what is wrong with them."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.types import Receive

from history.tables import TABLES
from serving.contract import MAX_TEXT
from serving.errors import RequestError

MAX_BODY = 16 * 1024 * 1024
MAX_ROWS = 50_000
_LONGEST_VALUE = 10_000

Model = TypeVar("Model", bound=BaseModel)


async def json_body(request: Request) -> Any:
    """Read a JSON body.

    Raises
    ------
    RequestError : as `whole_body` and `loaded`.
    """
    return loaded(await whole_body(request.receive))


async def whole_body(receive: Receive) -> bytes:
    """Read a body to its end.

    Raises
    ------
    RequestError : 413 too large, 400 the connection was closed before the end.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError(400, "the connection was closed before the body was complete")
        more = message.get("more_body", False)
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise RequestError(
                413, f"the body is larger than {MAX_BODY >> 20} MiB: send less at once"
            )
    return body


def loaded(body: bytes) -> Any:
    """Read JSON.

    Raises
    ------
    RequestError : 400, not JSON in UTF-8 (NaN and infinities are not JSON).
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from error


def parsed(model: type[Model], body: Any) -> Model:
    """Check data against a model of the contract.

    Raises
    ------
    RequestError : 422, with the first field that does not fit.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise RequestError(422, sentence(error)) from error


def sentence(error: ValidationError) -> str:
    """Return the first thing that is wrong, as one line: where, what, and what was sent."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]} (got {_short(first['input'])})"


def rows(table: str, body: Any) -> list[dict[str, Any]]:
    """Return the rows of a table that a body holds: ``{"table": [...]}``, or the list alone.

    Raises
    ------
    RequestError : 413 too many rows; 422 another shape, an unknown field, or a value that is
        no plain value.
    """
    found = body.get(table) if isinstance(body, dict) and set(body) == {table} else body
    if not isinstance(found, list):
        raise RequestError(
            422, f'expected {{"{table}": [...]}}, a list of objects with the columns of {table}'
        )
    if len(found) > MAX_ROWS:
        raise RequestError(413, f"{table}: at most {MAX_ROWS} rows at once (got {len(found)})")
    for place, row in enumerate(found):
        _check_row(table, place, row)
    return found


def rows_and_seen(body: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Part dispositions into history and decisions.

    A row with `seen`, the number of dispositions of the lead that its writer has seen, is a
    decision that is made now: the service moves the lead, or tells that somebody was quicker.
    A row without it is history as a CRM tells it.

    Returns
    -------
    The rows without `seen`, and those with it.

    Raises
    ------
    RequestError : as `rows`; 422 a `seen` that is no whole number from 0 on.
    """
    found = body.get("dispositions") if isinstance(body, dict) else body
    if not isinstance(found, list):
        return rows("dispositions", body), []
    decided = [row for row in found if isinstance(row, dict) and "seen" in row]
    for row in decided:
        if type(row["seen"]) is not int or not 0 <= row["seen"] < 2**31:
            raise RequestError(
                422, f"seen: expected a whole number from 0 (got {_short(row['seen'])})"
            )
        bare = {key: value for key, value in row.items() if key not in ("seen", "occurred_at")}
        _check_row("dispositions", found.index(row), bare)
        if not isinstance(row.get("lead_id"), str):
            raise RequestError(422, "lead_id: expected the id of a lead")
    others = [row for row in found if not (isinstance(row, dict) and "seen" in row)]
    if isinstance(body, dict):
        return rows("dispositions", {**body, "dispositions": others}), decided
    return rows("dispositions", others), decided


def _check_row(table: str, place: int, row: Any) -> None:
    where, contract = f"{table}.{place}", TABLES[table]
    if not isinstance(row, dict):
        raise RequestError(422, f"{where}: expected an object (got {_short(row)})")
    for name, value in row.items():
        if name not in contract.names and not contract.attributes:
            known = ", ".join(contract.names)
            raise RequestError(422, f"{where}: unknown field {name[:80]!r}; {table} has {known}")
        if not name.strip() or len(name) > MAX_TEXT or "\x00" in name:
            raise RequestError(422, f"{where}: {name[:40]!r} is no name of a field")
        if not isinstance(value, str | int | float | None):
            raise RequestError(
                422, f"{where}.{name[:80]}: expected a text, a number, true, false or null"
            )
        if isinstance(value, str) and (len(value) > _LONGEST_VALUE or "\x00" in value):
            raise RequestError(
                422,
                f"{where}.{name[:80]}: expected at most {_LONGEST_VALUE} letters, none of them NUL",
            )
        if _is_id(table, name) and isinstance(value, str) and len(value) > MAX_TEXT:
            raise RequestError(422, f"{where}.{name}: an id has at most {MAX_TEXT} letters")


def _is_id(table: str, name: str) -> bool:
    contract = TABLES[table]
    return name in contract.names and contract.column(name).kind in ("id", "category")


def whole_number(request: Request, name: str, default: int, most: int, *, least: int = 1) -> int:
    """Return a query parameter.

    Raises
    ------
    RequestError : 422, it is no whole number from `least` to `most`.
    """
    return whole(name, request.query_params.get(name, str(default)), most, least)


def whole(name: str, text: str, most: int, least: int = 1) -> int:
    """Read a whole number from `least` to `most`.

    Raises
    ------
    RequestError : 422, it is none.
    """
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:9]) <= most:
        raise RequestError(
            422, f"{name}: expected a whole number from {least} to {most} (got {text[:40]!r})"
        )
    return int(text)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
