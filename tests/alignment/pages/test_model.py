"""Model: what an evaluation found, as leaders and both teams read it."""

from dataclasses import replace

import pandas as pd
import pytest

from alignment.facts import Facts
from alignment.pages import model
from alignment.pages.render import render, saved_links
from models.breakdown import COLUMNS as PARTS
from models.capacity import COLUMNS as WEEKLY

WINS = pd.DataFrame(
    [
        ["model", 47, 893, 96, 76.0, 119.0, 0.71, 0, 0.0, 0.0],
        ["newest first", 47, 893, 18, 12.0, 25.0, 0.13, 78, 59.0, 98.0],
        ["perfect foresight", 47, 136, 136, 112.0, 160.0, 1.0, -40, -51.0, -28.0],
    ],
    columns=WEEKLY,
)
LEARNING = pd.DataFrame(
    {
        "share": [0.5, 1.0],
        "leads": [2073, 4192],
        "conversions": [329, 682],
        "log_loss": [0.1086, 0.1081],
        "auc": [0.816, 0.826],
    }
)
SEGMENTS = pd.DataFrame(
    [
        ["source", "paid_search", 2103, 46, 0.027, 0.022, 0.011, 0.036, True],
        ["funnel stage", "opportunity", 107, 49, 0.22, 0.46, 0.36, 0.56, False],
        ["age of the lead", "up to 7 days", 2856, 57, 0.028, 0.020, 0.013, 0.027, False],
    ],
    columns=PARTS,
)


@pytest.fixture(scope="module")
def seen(situation):
    facts = Facts(weekly=WINS, learning=LEARNING, segments=SEGMENTS, notes=["This company moves."])
    return model.view(replace(situation, facts=facts))


def test_what_was_promised_in_all_stands_beside_what_came(situation):
    reliability = pd.DataFrame(
        {
            "segment": ["future", "future", "unseen accounts"],
            "horizon": [90, 90, 90],
            "n": [300, 100, 10],
            "promised": [0.02, 0.22, 0.9],
            "observed": [0.01, 0.09, 0.9],
            "low": [0.0, 0.0, 0.0],
            "high": [1.0, 1.0, 1.0],
        }
    )
    said = model.view(replace(situation, facts=Facts(reliability=reliability)))["sentences"]
    assert (
        "In all it expected 7.0\u00a0% of them to be won within 90 days; 3.0\u00a0% were." in said
    )


def test_wins_are_told_beside_every_other_order_with_intervals(seen):
    wins = next(each for each in seen["promises"] if each.name == "wins")
    assert wins.rows[0] == ["this model", "96", "76 to 119", "71\u00a0%", ""]
    assert wins.rows[1][-1] == "+78 (+59 to +98)"
    assert wins.rows[2][-1] == "-40 (-51 to -28)"
    assert "47 leads of each week" in wins.note
    assert ">perfect foresight<" in wins.svg


def test_learning_is_shown_where_it_has_a_direction(seen, situation):
    drawn = next(each for each in seen["promises"] if each.name == "learning")
    assert [row[1] for row in drawn.rows] == ["329", "682"]
    assert ">682<" in drawn.svg
    one = replace(situation, facts=Facts(learning=LEARNING.iloc[:1]))
    assert model.view(one)["promises"] == []


def test_broken_promises_come_first_and_say_which_way(seen):
    told = seen["by_part"]
    assert [row[0] for row in told["rows"]] == [
        "funnel stage: opportunity",
        "age of the lead: up to 7 days",
        "source: paid search",
    ]
    assert [row[-2:] for row in told["rows"]] == [["more", "107"], ["less", "2,856"], ["", "2,103"]]
    assert told["said"].startswith("In 1 of 3 parts")


def test_the_page_shows_all_of_it_and_nothing_where_nothing_is_known(seen, situation):
    page = render("model", seen, saved_links({}))
    for words in ("How many wins", "Would more data help?", "In 1 of 3 parts", "company moves."):
        assert words in page
    bare = render("model", model.view(replace(situation, facts=Facts())), saved_links({}))
    assert "Its promises" not in bare
    assert "By part of the leads" not in bare


def test_parts_of_a_field_that_became_personal_are_not_shown(situation):
    segments = SEGMENTS.assign(value=["canary", "opportunity", "up to 7 days"])
    facts = Facts(segments=segments)
    assert "canary" in str(model.view(replace(situation, facts=facts))["by_part"])
    history = replace(situation.history, leads=situation.history.leads.drop(columns="source"))
    told = model.view(replace(situation, facts=facts, history=history))["by_part"]
    assert "canary" not in str(told)
    assert len(told["rows"]) == 2
