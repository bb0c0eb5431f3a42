import pandas as pd
import pytest
from sqlalchemy import select

from history import StoreError, open_store
from history.keys import create_key, digest, list_keys, matching, revoke_key
from history.schema import API_KEYS

NOW = pd.Timestamp("2025-01-01", tz="UTC").as_unit("us")


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    yield store
    store.engine.dispose()


def known(store):
    return {key.key_id: key for key in list_keys(store)}


def test_a_key_is_found_again_and_never_stored(store):
    key, made = create_key(store, "crm", "HubSpot", NOW)
    assert matching(known(store), key) == made
    with store.reading() as connection:
        (row,) = connection.execute(select(API_KEYS)).all()
    assert key not in str(row)
    assert row.digest == digest(key)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "a",
        lambda key: key.replace("smk", "sk"),
        lambda key: key.rsplit("_", 1)[0],
        lambda key: "",
        lambda key: "smk_00000000_" + key.split("_", 2)[2],
        lambda key: key + "a" * 1000,
        lambda key: "smk_\ud800_x",
    ],
)
def test_anything_else_is_not(store, spoil):
    key, _ = create_key(store, "crm", "", NOW)
    assert matching(known(store), spoil(key)) is None


def test_two_keys_differ(store):
    assert create_key(store, "crm", "", NOW)[0] != create_key(store, "crm", "", NOW)[0]


def test_a_revoked_key_is_refused_but_remembered(store):
    key, made = create_key(store, "sales", "Ann", NOW)
    revoke_key(store, made.key_id, NOW)
    assert matching(known(store), key) is None
    assert known(store)[made.key_id].revoked_at == NOW
    with pytest.raises(StoreError, match="no good key"):
        revoke_key(store, made.key_id, NOW)


def test_a_role_that_is_none_is_refused(store):
    with pytest.raises(StoreError, match="'boss' is no role"):
        create_key(store, "boss", "", NOW)
