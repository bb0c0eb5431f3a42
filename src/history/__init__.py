"""What happened, and when we learned of it."""

from history.errors import HistoryError, SourceError, StoreError
from history.history import History
from history.ingest_report import IngestReport
from history.sample import Sample, sample_company
from history.schemas import SCHEMAS
from history.store import Store, open_store
from history.tables import STAGES, TABLES

__all__ = [
    "SCHEMAS",
    "STAGES",
    "TABLES",
    "History",
    "HistoryError",
    "IngestReport",
    "Sample",
    "SourceError",
    "Store",
    "StoreError",
    "open_store",
    "sample_company",
]
