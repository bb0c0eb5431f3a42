"""Which failures a user can mend, and how they are told: in one line.

Every error that is about input is a ValueError and carries its whole sentence. A ValueError from
a library would be a defect of ours, and keeps its traceback.
"""

from __future__ import annotations

from typer.exceptions import TyperException

_OURS = (
    "settings",
    "history",
    "delivery",
    "features",
    "models",
    "alignment",
    "monitoring",
    "pipelines",
)


class UsageError(ValueError):
    """What was asked for cannot be done as asked; the message says what to write instead."""


def in_one_line(error: Exception) -> str | None:
    """Return what to tell the user about an error, None where it is not the user's to mend."""
    if isinstance(error, TyperException):
        return _flat(f"{error.format_message().rstrip('.')}; see {_command(error)} --help")
    if isinstance(error, ValueError) and (_is_ours(type(error).__module__) or _raised_by_us(error)):
        return _flat(str(error))
    return None


def _command(error: TyperException) -> str:
    """Return the command that was being read when its words turned out wrong."""
    return str(getattr(getattr(error, "ctx", None), "command_path", "smarketing"))


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in _OURS


def _raised_by_us(error: ValueError) -> bool:
    """Tell whether the sentence was written by one of our own modules, not by a library."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and _is_ours(str(trace.tb_frame.f_globals.get("__name__", "")))


def _flat(text: str) -> str:
    return " ".join(text.split())
