"""What happened, and when we learned of it."""

from history.history import History
from history.tables import STAGES, TABLES

__all__ = ["STAGES", "TABLES", "History"]
