"""The OpenAPI document of the service, made from the contract."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from history.tables import TABLES
from serving.contract import (
    LeadToScore,
    Problem,
    ScoreAnswer,
    ScoreRequest,
    Written,
)

VERSION = "1.0.0"
_KINDS = {"time": "string", "number": "number"}


def openapi_document(max_leads: int) -> dict[str, Any]:
    """Return the document: OpenAPI 3.0, an `operationId` for every action.

    Parameters
    ----------
    max_leads : how many leads one request may hold.
    """
    schemas = _schemas()
    leads = schemas["ScoreRequest"]["properties"]["leads"]
    leads |= {"items": _ref("LeadToScore"), "maxItems": max_leads}
    paths: dict[str, Any] = {
        "/score": {
            "post": _action(
                "scoreLeads",
                "Score leads by id or from the request alone.",
                "ScoreRequest",
                "ScoreAnswer",
            )
        }
    }
    for name in ("leads", "accounts", "engagements", "outcomes", "dispositions"):
        schemas[_rows_name(name)] = _rows_schema(name)
        paths[f"/{name}"] = {
            "post": _action(
                f"write{name.title()}",
                f"Write {name}; idempotent by id.",
                _rows_name(name),
                "Written",
            )
        }
    for path, (action, words, parameters) in _READS.items():
        paths[path] = {"get": _read(action, words, parameters)}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "smarketing",
            "version": VERSION,
            "description": "Calibrated conversion likelihood of leads, with reasons.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


_LEAD_ID = {
    "name": "lead_id",
    "in": "path",
    "required": True,
    "description": "Id of a lead.",
    "schema": {"type": "string"},
}
_LIMIT = {
    "name": "limit",
    "in": "query",
    "required": False,
    "description": "How many leads.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
}
_READS: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    "/leads/{lead_id}": ("readLead", "A lead with its timeline, score and reasons.", [_LEAD_ID]),
    "/queue": ("readQueue", "The open leads, best first.", [_LIMIT]),
    "/importance": ("readImportance", "What drives conversion, by feature.", []),
    "/model": ("readModel", "What model serves, or why none does.", []),
}


def _schemas() -> dict[str, Any]:
    used: list[type[BaseModel]] = [ScoreRequest, LeadToScore, ScoreAnswer, Written, Problem]
    _, definitions = models_json_schema(
        [(model, "validation") for model in used], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = {
        name: _plain(schema) for name, schema in definitions["$defs"].items()
    }
    for name in ("ScoreAnswer", "LeadScore", "Reason", "HorizonProbability", "Written", "Refusal"):
        schemas[name]["required"] = list(schemas[name]["properties"])
    return schemas


def _plain(schema: Any) -> Any:
    """Bring JSON Schema 2020 to what OpenAPI 3.0 knows: nullable instead of unions with null."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = dict(schema)
    options = schema.pop("anyOf", None)
    if options is not None:
        kept = [each for each in options if each.get("type") != "null"]
        schema = {**(kept[0] if len(kept) == 1 else {}), **schema}
        if len(kept) < len(options):
            schema["nullable"] = True
    if "examples" in schema and isinstance(schema["examples"], list):
        schema["example"] = schema.pop("examples")[0]
    if schema.get("type") == "number":
        schema["format"] = "double"
    schema = {
        key: value
        for key, value in schema.items()
        if key not in ("title",) or not isinstance(value, str)
    }
    return {key: value if key == "example" else _plain(value) for key, value in schema.items()}


def _rows_name(table: str) -> str:
    return f"{table.title()}Request"


def _rows_schema(name: str) -> dict[str, Any]:
    """Describe the rows of a table by its contract."""
    table = TABLES[name]
    properties = {
        column.name: {"type": _KINDS.get(column.kind, "string"), "description": column.meaning}
        | ({"format": "double"} if column.kind == "number" else {})
        for column in table.columns
    }
    row = {"type": "object", "properties": properties, "required": list(table.required)}
    return {
        "type": "object",
        "properties": {name: {"type": "array", "items": row, "description": f"Rows of {name}."}},
        "required": [name],
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _problems() -> dict[str, Any]:
    words = {
        "400": "Not JSON.",
        "413": "Too large.",
        "422": "Not as expected.",
        "503": "Not ready.",
    }
    return {
        code: {"description": text, "content": _content("Problem")} for code, text in words.items()
    }


def _action(operation: str, words: str, body: str, answer: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": words,
        "requestBody": {"required": True, "content": _content(body)},
        "responses": {"200": {"description": "Done.", "content": _content(answer)}, **_problems()},
    }


def _read(operation: str, words: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    found = {"application/json": {"schema": {"type": "object"}}}
    missing = {"description": "There is none.", "content": _content("Problem")}
    return {
        "operationId": operation,
        "summary": words,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Found.", "content": found},
            "404": missing,
            "422": missing | {"description": "Not as expected."},
            "503": missing | {"description": "Not ready."},
        },
    }
