import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alignment.routing import load_of, owned, route
from settings.agreement import AgreementSettings, OwnerTerms

ANN = OwnerTerms(name="ann", per_week=2, segments=("law",))
BOB = OwnerTerms(name="bob", per_week=2)
CY = OwnerTerms(name="cy", per_week=4)


def waiting(*rows):
    return pd.DataFrame(rows, columns=["owner", "segment"])


def test_owners_are_kept_and_segments_go_to_those_who_name_them():
    leads = waiting(("x", "it"), ("", "law"), ("", "law"), ("", "law"), ("", "it"))
    found = route(leads, [ANN, BOB], {})
    assert found["owner"].tolist() == ["x", "ann", "ann", "bob", "bob"]
    assert found["routed"].tolist() == [
        "had it already",
        "takes law, 0 of 2 given this week",
        "takes law, 1 of 2 given this week",
        "takes every segment, 0 of 2 given this week",
        "takes every segment, 1 of 2 given this week",
    ]


def test_the_greatest_share_of_the_week_left_is_first():
    leads = waiting(*[("", "it")] * 4)
    assert route(leads, [BOB, CY], {"bob": 1, "cy": 0})["owner"].tolist() == [
        *("cy", "cy", "bob", "cy")
    ]


def test_who_is_full_is_given_nothing_and_it_is_said():
    found = route(waiting(("", "it"), ("", "law")), [BOB, ANN], {"bob": 2, "ann": 2})
    assert found["owner"].tolist() == ["", ""]
    assert found["routed"].tolist() == [
        "full this week: all who take it",
        "full this week: all who take law",
    ]
    assert route(waiting(("", "it")), [ANN], {})["routed"].tolist() == ["nobody takes it"]


@given(
    st.lists(st.tuples(st.sampled_from(["", "", "x"]), st.sampled_from(["it", "law"]))),
    st.dictionaries(st.sampled_from(["ann", "bob", "cy"]), st.integers(0, 5)),
)
def test_nobody_is_given_more_than_agreed_and_the_order_of_owners_does_not_matter(rows, load):
    leads = waiting(*rows)
    one, other = (route(leads, owners, load) for owners in ([ANN, BOB, CY], [CY, BOB, ANN]))
    assert one.equals(other)
    fresh = one[leads["owner"] == ""]
    for each in (ANN, BOB, CY):
        count = int((fresh["owner"] == each.name).sum())
        assert count <= max(0, each.per_week - load.get(each.name, 0))
    assert not (fresh["owner"].eq("ann") & leads.loc[fresh.index, "segment"].eq("it")).any()


def test_the_load_is_of_seven_days():
    now = pd.Timestamp("2025-06-08", tz="UTC")
    at = [now - pd.Timedelta(days=days) for days in (0, 6, 7, 8)]
    assigned = pd.DataFrame({"owner": ["ann", "bob", "ann", "ann"], "at": at})
    assert load_of(assigned, now) == {"ann": 1, "bob": 1}


def test_the_ledger_names_who_was_given_each_crossing():
    crossed = pd.DataFrame({"lead_id": ["a", "a", "b"], "owner": ["", "", "zoe"]})
    assigned = pd.DataFrame({"lead_id": ["a", "b"], "turn": [1, 0], "owner": ["ann", "bob"]})
    assert owned(crossed, assigned)["owner"].tolist() == ["", "ann", "zoe"]


def test_an_owner_is_named_once():
    with pytest.raises(ValidationError, match="ann is named twice"):
        AgreementSettings(owners=(ANN, ANN))
