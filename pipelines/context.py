"""What every verb starts from: settings, the clock, the store, the registry, the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from history import History, Store, open_store
from settings import Settings

screen = Console(highlight=False)
notices = Console(stderr=True, highlight=False)


class UsageError(ValueError):
    """What was asked for cannot be done as asked; the message says what to write instead."""


def now() -> pd.Timestamp:
    """Return this instant, in UTC; the only clock of the command line."""
    return pd.Timestamp(datetime.now(UTC)).as_unit("us")


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
    """Open the configured store."""
    return open_store(settings.history.url)


def history_of(settings: Settings, store: Store) -> History:
    """Read the configured history, as complete as the settings say."""
    told = settings.history.observed_until
    until = None if told is None else pd.Timestamp(told).tz_convert("UTC").as_unit("us")
    return store.history(until, settings.history.current_only)


@contextmanager
def working(words: str, total: float | None = None) -> Iterator[tuple[Progress, TaskID]]:
    """Show a progress bar on the error stream, so that results can be piped."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=notices,
        transient=not notices.is_terminal,
    ) as progress:
        yield progress, progress.add_task(words, total=total, note="")


def print_json(data: Any) -> None:
    """Print a result as JSON."""
    print(json.dumps(data, indent=2, default=str))  # noqa: T201  results go to standard output


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a result as a table."""
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row))
    screen.print(table)


def plural(counts: Mapping[str, int]) -> str:
    """Return counts as words: `3 leads, 1 account`."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
