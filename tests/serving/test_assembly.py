import pandas as pd
import pytest

from history import open_store
from history.extract import Extract, RawTable
from history.history import micros
from history.lead_rows import LeadRows, read_lead_rows
from serving.assembly import assembled, batches, stored_rows
from serving.body import Body, Wanted

NOW = pd.Timestamp("2024-03-01", tz="UTC").as_unit("us")


@pytest.fixture
def store(small_history, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    tables = {name: RawTable(frame, name) for name, frame in small_history.frames().items()}
    store.ingest(Extract("test", tables), now=NOW)
    yield store
    store.engine.dispose()


@pytest.fixture
def stored(store) -> LeadRows:
    return read_lead_rows(store, ["ann", "bob"], ["acme"])


def wanted(lead_id, place=0, **body):
    return Wanted(place, lead_id, micros(NOW), Body(**body) if body else None)


def test_leads_named_by_id_go_together(stored):
    parts = batches(stored, [wanted("ann", 0), wanted("bob", 1), wanted("ann", 2)])
    assert [len(part) for part in parts] == [3]


def test_what_is_told_of_one_lead_stays_away_from_its_colleague(stored):
    told = {"attributes": {"source": "web"}}
    parts = batches(stored, [wanted("ann", 0, **told), wanted("bob", 1, **told)])
    assert [len(part) for part in parts] == [1, 1]


def test_new_leads_of_one_account_do_not_see_each_other(stored):
    told = {"account_id": "acme"}
    parts = batches(stored, [wanted("new", 0, **told), wanted("newer", 1, **told)])
    assert [len(part) for part in parts] == [1, 1]


def test_accounts_that_leads_name_are_read_with_their_people(store):
    stored = stored_rows(store, [wanted("new", account_id="acme")])
    assert set(stored.leads) == {"ann", "bob"}
    assert stored.accounts["acme"].attributes == {"industry": "retail"}
    assert len(stored.engagements) == 3
    assert stored_rows(None, [wanted("ann")]).leads == {}


def test_a_new_lead_is_added_as_described(stored):
    leads = assembled(
        stored, [wanted("new", attributes={"source": "fair"}, account_id="acme")]
    ).leads
    assert (leads["new"].attributes, leads["new"].account) == ({"source": "fair"}, "acme")
    assert leads["ann"].attributes == {"source": "web"}
    assert "new" not in stored.leads


def test_attributes_of_a_known_lead_are_its_values_at_the_cutoff(stored):
    changes = assembled(stored, [wanted("ann", attributes={"source": "fair"})]).changes
    born, told = changes["lead", "ann", "source"]
    assert (born.value, told.value) == ("web", "fair")
    assert born.valid_from == born.recorded_at == stored.leads["ann"].created
    assert told.valid_from == NOW.value // 1000 - 1
    assert stored.changes == {}


def test_an_unknown_account_is_made_up_for_its_attributes(stored):
    known = assembled(stored, [wanted("new", account={"industry": "mining"})])
    assert known.accounts[known.leads["new"].account].attributes == {"industry": "mining"}
    assert known.accounts["acme"].attributes == {"industry": "retail"}


def test_an_engagement_that_is_there_already_counts_once(stored):
    known = assembled(stored, [wanted("ann", engagements=[stored.engagements[0]])])
    assert len(known.engagements) == len(stored.engagements)


def test_leads_named_by_id_leave_what_is_stored_as_it_is(stored):
    assert assembled(stored, [wanted("ann")]) is stored
