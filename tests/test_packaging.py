"""The distribution: it runs from this checkout, on pinned requirements without addresses."""

from __future__ import annotations

import importlib
import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "settings",
    "history",
    "delivery",
    "features",
    "models",
    "alignment",
    "monitoring",
    "pipelines",
    "serving",
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_is_the_one_of_this_checkout(name):
    module = importlib.import_module(name)
    assert Path(str(module.__file__)).is_relative_to(ROOT)


def test_every_package_is_packed():
    packed = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {Path(path).name for path in packed} == set(PACKAGES)


def test_the_wheel_holds_the_revisions_of_the_store(tmp_path):
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    packed = {Path(name) for name in zipfile.ZipFile(built).namelist()}
    home = ROOT / "src" / "history" / "migrations"
    files = [each for kind in ("py", "mako") for each in home.rglob(f"*.{kind}")]
    assert len(files) >= 4
    assert {each.relative_to(ROOT / "src") for each in files} <= packed


def test_requirements_are_pins_and_nothing_else():
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert [
        line for line in lines if not re.fullmatch(r"[a-z0-9._-]+==[0-9a-z.+!]+( ; .*)?", line)
    ] == []


def test_every_dependency_is_pinned():
    pinned = {
        line.split("==")[0] for line in (ROOT / "requirements.txt").read_text("utf-8").split()
    }
    extras = PROJECT["project"]["optional-dependencies"]
    assert (
        named(
            [*PROJECT["project"]["dependencies"], *extras["train"], *extras["docs"], *extras["dev"]]
        )
        <= pinned
    )


@pytest.mark.parametrize("extra", ["spark", "bench"])
def test_what_is_added_when_asked_is_pinned_on_top_of_the_rest(extra):
    first, *lines = (ROOT / f"requirements-{extra}.txt").read_text("utf-8").split("\n")
    assert first == "-r requirements.txt"
    pins = [line.split("==") for line in lines if line]
    assert {len(pin) for pin in pins} == {2}
    assert named(PROJECT["project"]["optional-dependencies"][extra]) <= {name for name, _ in pins}


def named(wanted):
    return {re.split(r"[\[<>=!~ ]", each)[0].lower().replace("_", "-") for each in wanted}


def test_the_commands_of_the_readme_exist():
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    cli = (ROOT / "pipelines" / "cli.py").read_text("utf-8")
    for target in set(re.findall(r"`?make ([a-z]+)", readme)) - {"PYTHON"}:
        assert f"\n{target}:" in makefile, f"make {target}"
    for verb in set(re.findall(r"smarketing ([a-z]+)", readme)) & set(re.findall(r"[a-z]+", cli)):
        assert f"def {verb}(" in cli or f'name="{verb}"' in cli, f"smarketing {verb}"


def test_what_the_readme_links_to_is_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
