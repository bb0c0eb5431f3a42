"""What goes wrong with models, in sentences for people."""

from __future__ import annotations


class ModelError(ValueError):
    """A model cannot be used, fitted or judged; the message says why and what to do."""
