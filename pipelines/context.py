"""What every verb starts from: settings, the clock, the store, the registry, the terminal."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from history import History, Store, open_store
from pipelines.failures import UsageError
from settings import Settings

screen = Console(highlight=False)
notices = Console(stderr=True, highlight=False)


def now() -> pd.Timestamp:
    """Return this instant, in UTC; the only clock of the command line."""
    return pd.Timestamp(datetime.now(UTC)).as_unit("us")


def who() -> str:
    """Return the name of the person at the terminal, which is kept with what they decide."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return "unknown"


def instant(text: str, name: str, timezone: str | None) -> pd.Timestamp:
    """Read an instant that somebody typed.

    Raises
    ------
    UsageError : it is no ISO 8601 time, or carries no zone and none is configured.
    """
    try:
        stamp = pd.Timestamp(datetime.fromisoformat(text.strip()))
    except ValueError as error:
        raise UsageError(
            f"{name}: {text!r} is no ISO 8601 time; write it as 2025-06-30T00:00:00Z"
        ) from error
    if stamp.tzinfo is None:
        if timezone is None and len(text.strip()) > len("2025-06-30"):
            raise UsageError(
                f"{name}: {text!r} carries no time zone; write it as {text}Z, or configure "
                "[history] timezone"
            )
        stamp = stamp.tz_localize(timezone or "UTC")
    return stamp.tz_convert("UTC").as_unit("us")


def store_of(settings: Settings) -> Store:
    """Open the configured store, which keeps what the settings mark as personal."""
    return open_store(settings.history.url, personal=settings.history.personal)


def history_of(settings: Settings, store: Store) -> History:
    """Read the configured history, as complete as the settings say."""
    told = settings.history.observed_until
    until = None if told is None else pd.Timestamp(told).tz_convert("UTC").as_unit("us")
    return store.history(until, settings.history.current_only)


@contextmanager
def working(words: str, total: float | None = None) -> Iterator[tuple[Progress, TaskID]]:
    """Show a progress bar on the error stream, so that results can be piped.

    Where that stream is no terminal, nothing is shown.
    """
    with Progress(
        TextColumn("{task.description:<40}"),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=notices,
        disable=not notices.is_terminal,
    ) as progress:
        task = progress.add_task(words, total=total, note="")
        yield progress, task
        progress.update(task, total=total or 1, completed=total or 1)


def say(words: str) -> None:
    """Print a sentence of the result, unbroken, so that it can be searched and piped."""
    screen.print(words, markup=False, soft_wrap=True)


def note(words: str) -> None:
    """Print a sentence about the work, on the error stream."""
    notices.print(words, markup=False, soft_wrap=True)


def print_json(data: Any) -> None:
    """Print a result as JSON."""
    print(json.dumps(data, indent=2, default=str))  # noqa: T201  results go to standard output


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a result as a table."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for position, column in enumerate(columns):
        first = position == 0
        table.add_column(
            column, justify="left" if first else "right", no_wrap=first, overflow="fold"
        )
    for row in rows:
        table.add_row(*(str(value) for value in row))
    screen.print(table)


def plural(counts: Mapping[str, int]) -> str:
    """Return counts as words: `3 leads, 1 account`."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
