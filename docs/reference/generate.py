"""The pages of the reference, made from the code while the site is built: nothing to keep in step.

MkDocs calls the functions `on_...` (`hooks` in mkdocs.yml). Nothing is written to the disk.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

import typer.main  # noqa: E402  the path comes first
from pydantic import BaseModel  # noqa: E402

from pipelines.cli import app  # noqa: E402
from settings import Settings  # noqa: E402

PUBLIC = ("history", "features", "models", "alignment", "monitoring")
MORE = (
    "features.audit.audit",
    "features.files.files_of",
    "features.files.engine_of_files",
    "features.stream.write_features",
    "history.score_reading.read_scores",
    "models.promotion.compare",
    "models.movement.movement",
    "models.explanation.importance",
    "models.plots.evaluation_plots",
    "serving.local.local_service",
)
"""What notebooks use beside the faces of the packages."""


def command_line() -> str:
    """Return a section for every verb, from Typer."""
    parts = [
        "# Command line\n\nMade from the commands themselves. Bad input ends with exit code 2.\n"
    ]
    for name, command in sorted(verbs(typer.main.get_command(app))):
        rows = [
            f"| {_flags(each)} | {_cell(getattr(each, 'help', None))} | {_default(each)} |"
            for each in command.params
        ]
        table = ["| | | default |", "| --- | --- | --- |", *rows]
        parts.append(f"\n## smarketing {name}\n\n{command.help}\n\n" + "\n".join(table) + "\n")
    return "".join(parts)


def verbs(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _flags(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    return ", ".join(f"`{each}`" for each in parameter.opts)


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    return "" if default is None or default is False or default == "" else f"`{default}`"


def configuration() -> str:
    """Return a table for every section of the configuration, from the settings' fields."""
    parts = [
        "# Configuration\n\nOne file, `smarketing.toml`, and the environment, which wins: "
        "`SMARKETING_HISTORY__URL` stands for `[history] url`. An entry that is unknown or out of "
        "bounds is refused at the start.\n"
    ]
    for section, field in Settings.model_fields.items():
        kind = field.annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            parts.append(f"\n## [{section}]\n\n{_sentence(field.description)}\n")
            continue
        rows = [
            f"| `{name}` | {_type(each.annotation)} | {_value(each)} | {_cell(each.description)} |"
            for name, each in kind.model_fields.items()
        ]
        head = ["| entry | type | default | |", "| --- | --- | --- | --- |"]
        parts.append(f"\n## [{section}]\n\n{kind.__doc__}\n\n" + "\n".join([*head, *rows]) + "\n")
    return "".join(parts)


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return ", ".join(_type(each) for each in inner if each is not type(None))
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return "table"
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    return words.get(annotation.__name__, "time")


def _value(field: Any) -> str:
    default = field.get_default(call_default_factory=True)
    if default is None:
        return "unset"
    if isinstance(default, tuple):
        default = list(default)
    return f"`{json.dumps(default, default=str)}`"


def http() -> str:
    """Return a section for every action of the checked-in OpenAPI document."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
    parts = [
        f"# HTTP, every field\n\nMade from version {document['info']['version']} of the OpenAPI "
        "document, which the service gives at `/openapi.json`. With examples: "
        "[by example](../http.md).\n"
    ]
    for path, actions in document["paths"].items():
        for method, action in actions.items():
            parts.append(
                f"\n## {action['operationId']}\n\n`{method.upper()} {path}`\n\n"
                f"{_sentence(action.get('description') or action.get('summary'))}\n"
            )
            rows = [
                f"| `{each['name']}` | in the {each['in']} | {_cell(each.get('description'))} |"
                for each in action.get("parameters", [])
            ]
            if rows:
                parts.append("\n" + "\n".join(["| | | |", "| --- | --- | --- |", *rows]) + "\n")
            body = action.get("requestBody", {}).get("content", {}).get("application/json", {})
            told = [("takes", _shape(body.get("schema")))]
            for status, answer in action["responses"].items():
                content = answer.get("content", {}).get("application/json", {})
                told.append((f"{status} gives", _shape(content.get("schema"))))
            parts.append("\n" + "\n".join(f"- {word} {what}" for word, what in told if what) + "\n")
    parts.append("\n# Shapes\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        rows = [
            f"| `{key}` | {_shape(value) or 'anything'} | {_cell(value.get('description'))} |"
            for key, value in schema.get("properties", {}).items()
        ]
        head = ["| field | type | |", "| --- | --- | --- |"]
        parts.append(
            f"\n## {name}\n\n{_sentence(schema.get('description'))}\n\n"
            + "\n".join([*head, *rows] if rows else [])
            + "\n"
        )
    return "".join(parts)


def _shape(schema: dict[str, Any] | None) -> str:
    if not schema:
        return ""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if schema.get("type") == "array":
        return f"list of {_shape(schema.get('items'))}"
    if "allOf" in schema:
        return _shape(schema["allOf"][0])
    return str(schema.get("format") or schema.get("type") or "")


def python() -> str:
    """Return what mkdocstrings fills with the docstrings of the public names."""
    parts = ["# Python\n\nWhat the packages offer a notebook, from their docstrings.\n"]
    for package in PUBLIC:
        module = importlib.import_module(package)
        parts.append(f"\n## {package}\n\n{(module.__doc__ or '').splitlines()[0]}\n")
        names = sorted(module.__all__, key=str.lower)
        parts += [f"\n::: {home(package, name)}\n" for name in names]
    parts.append("\n## Further functions\n")
    parts += [f"\n::: {name}\n" for name in MORE]
    return "".join(parts)


def home(package: str, name: str) -> str:
    """Return the full name of a public name where it is defined."""
    found = getattr(importlib.import_module(package), name)
    return (
        f"{getattr(found, '__module__', package)}.{name}"
        if callable(found)
        else f"{package}.{name}"
    )


def _sentence(text: str | None) -> str:
    return (text or "").strip()


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "reference/cli.md": command_line,
    "reference/configuration.md": configuration,
    "reference/http.md": http,
    "reference/python.md": python,
}


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages."""
    from mkdocs.structure.files import File  # noqa: PLC0415  only where a site is built

    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    return files


def on_config(config: Any) -> Any:
    """Put every decision and every page that is not placed by hand into the navigation."""
    docs = Path(config["docs_dir"])
    nav = config["nav"]
    for section in nav:
        if "Decisions" in section:
            section["Decisions"] = [
                {_title(file): f"decisions/{file.name}"}
                for file in sorted((docs / "decisions").glob("*.md"))
            ]
    placed = json.dumps(nav)
    for name, (place, title) in EXPECTED.items():
        if (docs / name).is_file() and f'"{name}"' not in placed:
            next(each[place] for each in nav if place in each).append({title: name})
    return config


EXPECTED = {
    "monitoring.md": ("Explanation", "Monitoring"),
    "operations.md": ("How-to", "Operations in full"),
    "upgrading.md": ("How-to", "Upgrade"),
    "privacy.md": ("How-to", "Privacy"),
    "runbook.md": ("How-to", "Runbook"),
}
"""Pages with a place in the navigation once they are there."""


def _title(file: Path) -> str:
    return file.read_text("utf-8").splitlines()[0].lstrip("# ")
