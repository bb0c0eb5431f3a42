"""What can be wrong with input, told to people: what, where, what was expected, what to do."""


class HistoryError(ValueError):
    """Anything that keeps a history from being read or written."""


class SourceError(HistoryError):
    """A source cannot be read as it is; nothing of it was taken in."""


class StoreError(HistoryError):
    """The store cannot be opened, read or written."""


class NotInPlaceError(StoreError):
    """What was asked for takes longer than an event loop may wait: ask again in a thread."""


class ConflictError(HistoryError):
    """Somebody else was quicker: what the writer had seen is no longer so."""
