"""A small company in a store of its own, and a model that was trained on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from starlette.applications import Starlette

from alignment.facts import Facts
from features import build_training_set
from history import History, Sample, open_store
from history.extract import Extract
from history.history import micros
from models import ConversionModel, tune
from models.errors import ModelError
from serving.app import create_app
from serving.champion import Champion
from serving.desk import Desk
from settings import Settings
from settings.settings import HistorySettings, ServingSettings
from tests.serving.installation import Installation


@dataclass
class FixedSource:
    """A champion that a test may change, or break."""

    model: ConversionModel | None
    number: str = "1"
    problem: str = "no champion yet: run smarketing promote"
    rival: Champion | None = None

    def version(self) -> str:
        if self.model is None:
            raise ModelError(self.problem)
        return self.number

    def load(self) -> Champion:
        if self.model is None:
            raise ModelError(self.problem)
        return Champion(self.model, self.number)

    def challenger(self) -> str:
        return "" if self.rival is None else self.rival.version

    def load_challenger(self) -> Champion:
        if self.rival is None:
            raise ModelError("no challenger")
        return self.rival

    def facts(self, version: str) -> Facts:
        return Facts()


class FrozenDesk(Desk):
    """A patient desk, whose clock stands still at the end of the sample's history."""

    stands_at = pd.Timestamp("2025-12-31", tz="UTC").as_unit("us")
    patience_s = view_patience_s = api_patience_s = 30.0

    def moment(self) -> int:
        return micros(self.stands_at)


@dataclass
class Client:
    """Calls the application without a network."""

    app: Starlette

    def call(self, method: str, path: str, **what: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **what)

        return asyncio.run(send())

    def get(self, path: str) -> httpx.Response:
        return self.call("GET", path)

    def post(self, path: str, **what: Any) -> httpx.Response:
        return self.call("POST", path, **what)


def fill(url: str, history: History) -> None:
    """Put a history into a store."""
    store = open_store(url)
    store.ingest(Extract.of(history, "sample"), now=history.observed_until)
    store.engine.dispose()


@pytest.fixture(scope="session")
def model(small_company: Sample) -> ConversionModel:
    """Return a model of the small company."""
    training_set = build_training_set(small_company.history, ages=(3, 30, 90))
    return tune(training_set, trials=1, folds=2, min_conversions=10).model


@pytest.fixture(scope="session")
def filled_url(small_company: Sample, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a store with the small company, which no test may write to."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/history.db"
    fill(url, small_company.history)
    return url


def settings_of(url: str, **serving: object) -> Settings:
    """Return settings that name a store, and nothing of this machine."""
    return Settings(
        history=HistorySettings(url=url), serving=ServingSettings.model_validate(serving)
    )


@pytest.fixture(scope="session")
def desk(model: ConversionModel, filled_url: str, small_company: Sample) -> Iterator[Desk]:
    """Return a desk with the champion and the small company."""
    FrozenDesk.stands_at = small_company.history.observed_until
    desk = FrozenDesk(settings_of(filled_url, max_leads=50), FixedSource(model), filled_url)
    desk.look()
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def client(desk: Desk) -> Client:
    """Return a client of the application."""
    return Client(create_app(desk))


@pytest.fixture
def empty_desk(model: ConversionModel, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk with the champion and an empty store to write to."""
    url = f"sqlite:///{tmp_path}/history.db"
    desk = FrozenDesk(settings_of(url), FixedSource(model), url)
    desk.look()
    yield desk
    desk.close()


@pytest.fixture
def fresh(empty_desk: Desk) -> Client:
    """Return a client of an application with an empty store."""
    return Client(create_app(empty_desk))


@pytest.fixture
def make_client() -> type[Client]:
    """Return what makes a client of an application."""
    return Client


@pytest.fixture(scope="session")
def saved_model(model: ConversionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the saved model."""
    folder = tmp_path_factory.mktemp("model") / "champion"
    model.save(folder)
    return folder


@pytest.fixture
def root() -> Path:
    """Return the checkout."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Return an installation in an empty folder; what it runs is stopped at the end."""
    folder = tmp_path / "installation"
    folder.mkdir()
    made = Installation(folder)
    yield made
    made.close()
