"""The recipes in docs/crm name what the code has: paths, settings, fields."""

from __future__ import annotations

import re

import pytest

from delivery import TARGETS
from serving.crm import crm_routes
from settings.crm import CrmSettings

SCORE = {"score": 1.0, "probability": 0.1, "grade": "D", "reasons": []}


@pytest.fixture
def recipes(root):
    return {name: (root / "docs" / "crm" / f"{name}.md").read_text("utf-8") for name in TARGETS}


def test_every_setting_in_a_recipe_exists(recipes):
    for text in recipes.values():
        named = set(re.findall(r"SMARKETING_CRM__([A-Z_]+)=", text))
        assert named
        assert {name.lower() for name in named} <= set(CrmSettings.model_fields)


def test_every_path_in_a_recipe_is_served(recipes, desk):
    served = {route.path for route in crm_routes(desk)}
    for name, text in recipes.items():
        paths = set(re.findall(r"https://scores\.example\.com(/[a-z/.]+)", text))
        assert paths
        assert paths <= served, name


def test_every_written_field_is_in_the_recipe(recipes):
    for name, make in TARGETS.items():
        for field in make(CrmSettings()).payload(SCORE):
            assert f"`{field}`" in recipes[name], (name, field)


def test_batch_sizes_are_as_the_recipes_say(recipes):
    assert f"for {TARGETS['hubspot'].most} changed" in recipes["hubspot"]
    assert f"for {TARGETS['salesforce'].most} changed" in recipes["salesforce"]
