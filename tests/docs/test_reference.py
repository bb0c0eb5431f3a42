"""The reference names every verb, setting, endpoint and feature."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from pathlib import Path

import pytest

from tests.settings.test_settings import uncommented

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference():
    file = ROOT / "docs" / "reference" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_verb_and_option_of_the_command_line(reference):
    import typer.main

    from pipelines.cli import app

    page = reference.command_line()
    sections = {part.split("\n")[0]: part for part in page.split("\n## ")}
    found = dict(reference.verbs(typer.main.get_command(app)))
    assert {"train", "keys create", "outbox"} <= set(found)
    for name, command in found.items():
        for parameter in command.params:
            for flag in parameter.opts if parameter.param_type_name == "option" else ():
                assert f"`{flag}`" in sections[f"smarketing {name}"], (name, flag)


def test_every_setting_of_the_commented_example(reference):
    sections = {part.split("\n")[0]: part for part in reference.configuration().split("\n## ")}
    for section, entries in tomllib.loads(uncommented()).items():
        for entry in entries:
            assert f"| `{entry}` |" in sections[f"[{section}]"], (section, entry)


def test_every_endpoint_of_the_contract(reference):
    from serving.openapi import openapi_document

    page = reference.http()
    for path, actions in openapi_document(1000)["paths"].items():
        for method, action in actions.items():
            assert f"## {action['operationId']}\n\n`{method.upper()} {path}`" in page
    shapes = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
    assert all(f"\n## {name}\n" in page for name in shapes)


def test_every_feature_of_the_sample_company(small_company):
    from features import default_features

    page = (ROOT / "docs" / "features.md").read_text("utf-8")
    missing = [
        each.name
        for each in default_features(small_company.history)
        if f"`{each.name}`" not in page
    ]
    assert missing == []


def test_every_public_name(reference):
    page = reference.python()
    for package in reference.PUBLIC:
        for name in importlib.import_module(package).__all__:
            assert f"::: {reference.home(package, name)}\n" in page
