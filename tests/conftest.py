"""What many tests share: the real data, a small company, and a history that a person can read."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from history import History, Sample, sample_company
from tests.delivery.crm_server import CrmServer

ROOT = Path(__file__).resolve().parents[1]


def at(text: str) -> pd.Timestamp:
    """Return an instant of 2024, as in at("03-01 12:00")."""
    return pd.Timestamp(f"2024-{text}", tz="UTC").as_unit("us")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data beside the project; skip where there is none."""
    for folder in ROOT.parents:
        if (folder / "shared" / "data").is_dir():
            return folder / "shared" / "data"
    pytest.skip("the real data is not on this machine: no shared/data above the project")


@pytest.fixture(scope="session")
def small_company() -> Sample:
    """Return a sample company of six hundred leads."""
    return sample_company(600, seed=11)


@pytest.fixture
def small_history() -> History:
    """Return a history of four leads, two of them colleagues."""
    return History.from_frames(
        {
            "leads": pd.DataFrame(
                {
                    "lead_id": ["ann", "bob", "cyd", "dee"],
                    "created_at": [at("01-01"), at("01-02"), at("01-03"), at("03-01")],
                    "account_id": ["acme", "acme", None, None],
                    "source": ["web", "event", "web", "web"],
                }
            ),
            "accounts": pd.DataFrame(
                {"account_id": ["acme"], "created_at": [at("01-01")], "industry": ["retail"]}
            ),
            "engagements": pd.DataFrame(
                {
                    "engagement_id": ["e1", "e2", "e3", "e4"],
                    "lead_id": ["ann", "ann", "bob", "cyd"],
                    "occurred_at": [at("01-05"), at("01-20"), at("01-10"), at("01-04")],
                    "recorded_at": [at("01-05"), at("02-20"), at("01-10"), at("01-04")],
                    "kind": ["visit", "call", "visit", "visit"],
                    "channel": ["web", "phone", "web", "web"],
                    "value": [1.5, None, 2.0, None],
                }
            ),
            "outcomes": pd.DataFrame(
                {
                    "outcome_id": ["o1", "o2", "o3"],
                    "lead_id": ["ann", "bob", "bob"],
                    "occurred_at": [at("02-10"), at("01-15"), at("02-01")],
                    "stage": ["won", "lost", "mql"],
                }
            ),
        },
        observed_until=at("06-01"),
    )


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """Return the URL of a database of its own on a real server; skip where none is named."""
    server = os.environ.get("SMARKETING_TEST_POSTGRES")
    if not server:
        pytest.skip("SMARKETING_TEST_POSTGRES names no PostgreSQL server to test with")
    name = f"smarketing_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield admin.url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty store, on either database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def crm_server() -> Iterator[CrmServer]:
    """Return a CRM on loopback that does as it is told."""
    made = CrmServer()
    yield made
    made.close()
