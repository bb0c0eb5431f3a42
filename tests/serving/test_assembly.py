import pandas as pd

from history import History
from serving.assembly import assembled, batches
from serving.body import Body, Wanted

NOW = pd.Timestamp("2024-03-01", tz="UTC").as_unit("us")


def wanted(lead_id, place=0, **body):
    return Wanted(place, lead_id, NOW, Body(**body) if body else None)


def test_leads_named_by_id_go_together(small_history: History):
    parts = batches(small_history, [wanted("ann", 0), wanted("bob", 1), wanted("ann", 2)])
    assert [len(part) for part in parts] == [3]


def test_what_is_told_of_one_lead_stays_away_from_its_colleague(small_history: History):
    told = {"attributes": {"source": "web"}}
    parts = batches(small_history, [wanted("ann", 0, **told), wanted("bob", 1, **told)])
    assert [len(part) for part in parts] == [1, 1]


def test_new_leads_of_one_account_do_not_see_each_other(small_history: History):
    told = {"account_id": "acme"}
    parts = batches(small_history, [wanted("new", 0, **told), wanted("newer", 1, **told)])
    assert [len(part) for part in parts] == [1, 1]


def test_a_new_lead_is_added_as_described(small_history: History):
    lead = wanted("new", attributes={"source": "fair"}, account_id="acme")
    leads = assembled(small_history, [lead]).leads.set_index("lead_id")
    assert leads.loc["new", "source"] == "fair"
    assert leads.loc["new", "account_id"] == "acme"
    assert leads.loc["ann", "source"] == "web"


def test_attributes_of_a_known_lead_are_its_values_at_the_cutoff(small_history: History):
    changes = assembled(small_history, [wanted("ann", attributes={"source": "fair"})])
    (row,) = changes.attribute_history.to_dict("records")
    assert (row["entity_id"], row["field"], row["value"]) == ("ann", "source", "fair")
    assert row["valid_from"] < NOW


def test_an_unknown_account_is_made_up_for_its_attributes(small_history: History):
    history = assembled(small_history, [wanted("new", account={"industry": "mining"})])
    account = history.leads.set_index("lead_id").loc["new", "account_id"]
    accounts = history.accounts.set_index("account_id")
    assert accounts.loc[account, "industry"] == "mining"
    assert accounts.loc["acme", "industry"] == "retail"


def test_an_engagement_that_is_there_already_counts_once(small_history: History):
    again = small_history.engagements.head(1)
    history = assembled(small_history, [wanted("ann", engagements=again)])
    assert len(history.engagements) == len(small_history.engagements)


def test_leads_named_by_id_leave_the_history_as_it_is(small_history: History):
    assert assembled(small_history, [wanted("ann")]) is small_history
