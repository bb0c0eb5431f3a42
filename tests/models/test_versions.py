"""Who is champion, and who was before."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from models.versions import ModelVersion, Promotion, Reign, describing, parameters

AT = "2025-06-01T12:00:00+00:00"


def after(reign: Reign, entry: Promotion) -> Reign:
    return Reign.of(entry.version, (*reign.entries, entry))


def test_an_entry_of_the_log_survives_as_text():
    entry = Promotion("rollback", 2, (1,), 3, "Ada", "ümläut", AT)
    assert Promotion.from_json(entry.to_json()) == entry


def test_the_alias_overrules_the_log():
    log = (Promotion("promote", 1, (), None, "Ada", "", AT),)
    assert Reign.of(4, log).earlier == (1,)


@given(st.lists(st.integers(1, 9), min_size=1, unique=True))
def test_rollbacks_walk_back_through_all_promotions(versions):
    reign = Reign(None)
    for version in versions:
        reign = after(reign, reign.promoted(version, "Ada", "", AT))
    walked = [reign.champion]
    while reign.earlier:
        reign = after(reign, reign.rolled_back("Ada", "", AT))
        walked.append(reign.champion)
    assert walked == versions[::-1]


def test_a_version_is_plain_data_for_json():
    made = pd.Timestamp(AT)
    version = ModelVersion(3, ("champion",), made, {"auc": 0.7}, {"who": "Ada"}, "run")
    assert version.is_champion
    assert version.as_dict()["created_at"] == AT


def test_what_is_known_of_a_model_becomes_tags_and_parameters():
    metadata = {"seed": 7, "recipe": {"C": 0.1}, "versions": {"numpy": "2"}}
    assert describing(metadata) == {"seed": "7"}
    assert parameters(metadata) == {"recipe.C": 0.1, "seed": 7}


def test_each_part_of_a_mixture_has_its_own_parameters():
    recipe = {"kind": "blend", "parts": [{"kind": "logistic", "weight": 0.3}, {"leaves": 2}]}
    assert parameters({"recipe": recipe}) == {
        "recipe.kind": "blend",
        "recipe.1.kind": "logistic",
        "recipe.1.weight": 0.3,
        "recipe.2.leaves": 2,
    }
