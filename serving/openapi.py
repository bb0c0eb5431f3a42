"""The OpenAPI document of the service, made from the contract.

``python -m serving.openapi`` prints it; a copy is checked in as ``docs/openapi.json``, so that a
change of the public contract is seen in the diff. Only JSON actions are in it, since flow builders
of CRMs refuse a document with anything else; ``docs/http.md`` has the rest.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from history.tables import TABLES, Column
from serving.contract import (
    MAX_ATTRIBUTE,
    MAX_TEXT,
    LeadToScore,
    Problem,
    ScoreAnswer,
    ScoreRequest,
    SpendRequest,
    Written,
)
from serving.parameters import CUT, FOCUS, LEAD_ID, QUEUE
from serving.reading import MAX_ROWS
from settings.settings import ServingSettings

VERSION = "1.0.0"
_EXAMPLES: dict[str, Any] = {
    "lead_id": "L000042",
    "account_id": "A000007",
    "created_at": "2025-05-20T08:30:00Z",
    "engagement_id": "E17",
    "occurred_at": "2025-06-01T10:00:00Z",
    "recorded_at": "2025-06-01T10:00:05Z",
    "kind": "web_visit",
    "team": "marketing",
    "channel": "web",
    "campaign": "spring",
    "direction": "inbound",
    "value": 25.0,
    "duration_s": 90.0,
    "outcome_id": "O3",
    "stage": "sql",
    "amount": 12000.0,
    "reason": "budget",
    "owner": "ann",
    "disposition_id": "D5",
    "action": "accept",
}


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
    words = "Write down what campaigns cost; of one campaign and day the newest counts."
    paths["/spend"] = {"post": _action("writeSpend", words, "SpendRequest", "Written")}
    for path, (action, words, parameters) in _READS.items():
        paths[path] = {"get": _read(action, words, parameters)}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "smarketing",
            "version": VERSION,
            "description": "Calibrated conversion likelihood of leads, with reasons.",
        },
        # A service without keys asks for none; the empty choice says so.
        "security": [{}, {"bearer": []}, {"apiKey": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _KEYS},
    }


_KEYS: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}
_READS: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    "/leads/{lead_id}": ("readLead", "A lead with its timeline, score and reasons.", [LEAD_ID]),
    "/queue": ("readQueue", "The open leads, best first.", QUEUE),
    "/importance": ("readImportance", "What drives conversion, by feature.", FOCUS),
    "/funnel": ("readFunnel", "Stages, conversion, cohorts and attribution.", CUT),
    "/goals": ("readGoals", "The agreement, attainment, forecast and the cut.", []),
    "/monitor": ("readMonitor", "What changed by more than noise, and promises kept.", []),
    "/model": ("readModel", "What model serves, or why none does.", []),
}


def _schemas() -> dict[str, Any]:
    used: list[type[BaseModel]] = [
        ScoreRequest,
        LeadToScore,
        ScoreAnswer,
        SpendRequest,
        Written,
        Problem,
    ]
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
    if schema.get("type") == "integer":
        schema["format"] = "int32"
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
    row: dict[str, Any] = {
        "type": "object",
        "description": f"A row of {name}.",
        "properties": {column.name: _column(column) for column in table.columns},
        "required": list(table.required),
    }
    if table.attributes:
        row["additionalProperties"] = True
    return {
        "type": "object",
        "properties": {
            name: {
                "type": "array",
                "items": row,
                "maxItems": MAX_ROWS,
                "description": f"Rows of {name}.",
                "example": [{each: _EXAMPLES[each] for each in table.required}],
            }
        },
        "required": [name],
    }


def _column(column: Column) -> dict[str, Any]:
    about = {"description": column.meaning, "example": _EXAMPLES[column.name]}
    if column.kind == "number":
        least = {} if column.minimum is None else {"minimum": column.minimum}
        return {"type": "number", "format": "double", **least, **about}
    longest = MAX_ATTRIBUTE if column.kind == "text" else MAX_TEXT
    return {"type": "string", "maxLength": longest, **about}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _problems() -> dict[str, Any]:
    words = {
        "400": "Not JSON.",
        "401": "An API key is needed.",
        "403": "A key of another role is needed.",
        "413": "Too large.",
        "422": "Not as expected.",
        "429": "Too many requests of this key: wait as Retry-After says.",
        "503": "Not ready, or busy.",
        "504": "It took too long.",
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
    problems = {code: each for code, each in _problems().items() if code not in ("400", "413")}
    missing = {"description": "There is none.", "content": _content("Problem")}
    return {
        "operationId": operation,
        "summary": words,
        "parameters": parameters,
        "responses": {
            "200": {"description": "Found.", "content": found},
            "404": missing,
            **problems,
        },
    }


def text(max_leads: int) -> str:
    """Return the document as it is checked in."""
    return f"{json.dumps(openapi_document(max_leads), indent=1, ensure_ascii=False)}\n"


if __name__ == "__main__":
    sys.stdout.write(text(ServingSettings().max_leads))
