import pytest

from delivery import Outbox
from history import open_store


@pytest.fixture
def outbox(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    yield Outbox(store.engine)
    store.engine.dispose()
