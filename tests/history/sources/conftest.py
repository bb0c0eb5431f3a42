"""What tests of readers share: the way of a source through the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from history import History, open_store
from history.sources import read

NOW = pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us")


@pytest.fixture
def ingested(tmp_path_factory) -> Callable[[Path], History]:
    """Return the way from a source to its history; no row is refused, twice is once."""

    def ingest(source: Path) -> History:
        store = open_store(f"sqlite:///{tmp_path_factory.mktemp('store')}/history.db")
        extract = read(source)
        first, second = store.ingest(extract, now=NOW), store.ingest(extract, now=NOW)
        assert first.rejects == []
        assert (second.total.accepted, second.total.updated) == (0, 0)
        return store.history()

    return ingest
