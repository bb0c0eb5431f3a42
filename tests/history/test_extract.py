"""What a reader hands over."""

from history import open_store
from history.extract import Extract


def test_a_history_in_memory_goes_through_a_store_unchanged(small_company, tmp_path):
    history = small_company.history
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    store.ingest(Extract.of(history, "sample"), now=history.observed_until)
    assert store.sources() == ["sample"]
    assert store.history().digest() == history.digest()
