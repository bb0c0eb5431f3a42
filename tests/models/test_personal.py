"""What a model uses that was marked as personal since, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from features import Feature
from models.errors import ModelError
from models.personal import outdated, personal_fields, refuse_personal


@dataclass
class Declared:
    """A model as far as it is asked: its features."""

    features: tuple[Feature, ...] = (
        Feature("team", "its team", "lead", "attribute", column="team", categorical=True),
        Feature("size", "size", "account", "attribute", column="size"),
        Feature("visits", "visits", "engagements", "count", window_days=30),
    )


def test_the_fields_that_it_uses_are_named():
    marks = {"accounts.team", "accounts.size", "leads.team", "leads.email"}
    assert personal_fields(Declared(), marks) == ("accounts.size", "leads.team")
    assert outdated(Declared(), "3", marks).startswith(
        "version 3 uses accounts.size, leads.team, marked as personal since"
    )
    with pytest.raises(ModelError, match=r"version 3 .* cannot be promoted: .*smarketing train"):
        refuse_personal(Declared(), "3", marks)


def test_nothing_is_said_of_one_that_uses_none():
    marks = {"accounts.team", "leads.size", "leads.email"}
    assert personal_fields(Declared(), marks) == ()
    assert outdated(Declared(), "3", marks) == ""
    refuse_personal(Declared(), "3", marks)
