"""Addresses of databases without their secrets."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from history.addresses import parted, patient, reason, shown

SECRETS = [
    "postgresql+psycopg://u:s3cret@host/db",
    "postgresql+psycopg://u:s3cret@host/db#hubspot",
    "postgresql+psycopg://u:s3#cret@host/db",
    "postgresql+psycopg://u:s3@cret@host/db",
    "postgresql:/u:s3cret@host/db",
    "postgresql+psycopg://u:s3cret@host:port/db",
    "snowflake://u@account/db?password=s3cret&warehouse=W",
    "bigquery://project/set?credentials_base64=s3cret",
]


@pytest.mark.parametrize("source", SECRETS)
def test_no_secret_is_shown(source):
    assert "cret" not in shown(source)
    assert "cret" not in reason(f"no connection to {source}", source)


def test_what_is_no_secret_stays():
    told = shown("snowflake://u@account/db?password=x&warehouse=W")
    assert told == "snowflake://u@account/db?password=***&warehouse=W"
    assert shown("folder/of files") == "folder/of files"


def test_a_schema_stands_after_the_last_hash_of_the_path():
    assert parted("postgresql://u:a#b@h/db#crm") == ("postgresql://u:a#b@h/db", "crm")
    assert parted("sqlite:///w.db") == ("sqlite:///w.db", "")


def test_who_does_not_answer_is_given_up():
    assert patient(make_url("postgresql://h/db")).query == {"connect_timeout": "10"}
    own = make_url("postgresql://h/db?connect_timeout=3")
    assert patient(own) == own
    assert patient(make_url("sqlite:///w.db")).query == {}
