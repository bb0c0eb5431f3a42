"""The mappings that come with smarketing: one TOML file a vendor."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from history.mapping.declaration import Mapping, parse_mapping


def vendor_names() -> tuple[str, ...]:
    """Return the vendors of which there is a mapping, in alphabetical order."""
    here = files(__name__).iterdir()
    return tuple(sorted(file.name[:-5] for file in here if file.name.endswith(".toml")))


def vendor_text(name: str) -> str:
    """Return a vendor's mapping as it is written, with its comments."""
    return (files(__name__) / f"{name}.toml").read_text("utf-8")


@cache
def vendor_mapping(name: str) -> Mapping:
    """Return a vendor's mapping."""
    return parse_mapping(tomllib.loads(vendor_text(name)), f"{name}.toml")
