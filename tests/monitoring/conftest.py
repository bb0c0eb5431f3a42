"""A sample company large enough for weekly verdicts, and the ways to spoil it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from history import Sample, sample_company


@pytest.fixture(scope="session")
def planted() -> ModuleType:
    """Return the planted changes."""
    file = Path(__file__).with_name("planted.py")
    spec = importlib.util.spec_from_file_location("planted", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def big_company() -> Sample:
    """Return two years of thirty thousand leads."""
    return sample_company(30_000, seed=7, engagements_per_lead=4)
