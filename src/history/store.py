"""The durable store of a history: SQLite by default, PostgreSQL by URL, with the same code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from history import erasure
from history.conform import conform
from history.engine import open_engine
from history.erasure import Receipt
from history.errors import StoreError
from history.extract import Extract
from history.history import History, micros
from history.in_place import InPlace
from history.ingest_report import IngestReport, count_waiting
from history.meta import get_meta, set_meta
from history.moved import follow
from history.opening import prepare
from history.personal import mark, unusable
from history.purging import purge
from history.reading import read_leads, read_live, read_tables
from history.rejects import Conformed, Reject
from history.schema import QUARANTINE, STORED
from history.tables import TABLES
from history.upsert import Counts, clear_quarantine, counted, quarantine, upsert


class Store:
    """A history on disk. Every write is one transaction: all of it is there, or none.

    Parameters
    ----------
    engine, personal : `open_store` makes the one from a URL, and tells of the other.
    """

    def __init__(self, engine: Engine, personal: Collection[str] = ()) -> None:
        self.engine = engine
        self.in_place = InPlace(engine)
        with _told(self.name), self.engine.begin() as connection:
            prepare(connection, self.name)
            mark(connection, personal)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self.in_place.close()
        self.engine.dispose()

    @property
    def name(self) -> str:
        """The store's URL without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    def ingest(
        self,
        extract: Extract,
        *,
        now: pd.Timestamp,
        timezone: str | None = None,
        strict: bool = False,
    ) -> IngestReport:
        """Take in a whole source, or nothing of it.

        Parameters
        ----------
        extract : the source's tables, as read.
        now : the instant at which the system learns of changed attributes.
        timezone : the zone of times that carry none.
        strict : refuse the whole source if a single row does not conform.

        Raises
        ------
        SourceError : the source breaks a contract as a whole.
        StoreError : the store cannot be written.
        """
        with self.writing() as connection:
            extract = follow(connection, extract)
            conformed = {
                name: conform(
                    TABLES[name],
                    table.frame,
                    origin=table.origin,
                    timezone=extract.timezone or timezone,
                    partial=extract.partial,
                )
                for name, table in extract.tables.items()
            }
            conformed = {
                name: erasure.without_erased(connection, each) for name, each in conformed.items()
            }
            rejects = [reject for each in conformed.values() for reject in each.rejects]
            if strict and rejects:
                raise StoreError(f"{rejects[0]}; nothing was taken in, as --strict asks")
            counts = {
                name: self._write(connection, name, extract, each, now)
                for name, each in conformed.items()
            }
            self._remember(connection, extract)
            waiting = count_waiting(connection)
        return IngestReport(extract.format, counts, rejects, extract.notes, waiting)

    def upsert(
        self,
        table: str,
        raw: pd.DataFrame,
        *,
        now: pd.Timestamp,
        timezone: str | None = None,
        origin: str = "request",
    ) -> tuple[Counts, list[Reject]]:
        """Write rows of one table, durably before it returns.

        Parameters
        ----------
        table : name of a table of the contracts.
        raw : the rows with canonical column names.
        now, timezone : as in `ingest`.
        origin : where the rows came from, for messages.

        Returns
        -------
        The counts, and the rows that were set aside.
        """
        conformed = conform(TABLES[table], raw, origin=origin, timezone=timezone)
        with self.writing() as connection:
            conformed = erasure.without_erased(connection, conformed)
            written = upsert(connection, table, conformed, now)
            quarantine(connection, conformed.rejects, now)
        return counted(written, conformed), conformed.rejects

    def history(
        self,
        observed_until: pd.Timestamp | None = None,
        current_only: Collection[str] = (),
    ) -> History:
        """Read everything, through Arrow.

        Parameters
        ----------
        observed_until : the instant up to which the history is complete; what the sources said,
            else the latest recorded time, where missing.
        current_only : further attributes of which only today's value is known.

        Raises
        ------
        StoreError : the store holds no leads.
        """
        with self.reading() as connection:
            told = get_meta(connection, "observed_until")
            named, personal = unusable(connection)
        frames = read_tables(self.engine)
        if frames["leads"].empty:
            raise StoreError(
                f"{self.name}: the history is empty; fill it with: smarketing ingest SOURCE"
            )
        history = History.from_frames(
            frames, current_only=named.union(current_only), personal=personal
        )
        until = observed_until
        if until is None and told is not None:
            until = max(
                history.observed_until, pd.Timestamp(told, unit="us", tz="UTC").as_unit("us")
            )
        return history if until is None else replace(history, observed_until=until)

    def live_history(self, observed_until: pd.Timestamp) -> History:
        """Read everything beside the writers, as a service does; personal fields are left out.

        Parameters
        ----------
        observed_until : what the history says of its own end.
        """
        with self.reading() as connection:
            named, personal = unusable(connection)
        frames = read_live(self.engine, self.cursor)
        return History.from_frames(frames, observed_until, named, personal).without_personal()

    def lead_history(self, lead_ids: Sequence[str], *, observed_until: pd.Timestamp) -> History:
        """Read the history of a few leads and of their colleagues, for one request.

        Personal fields are left out.

        Parameters
        ----------
        lead_ids : the leads; unknown ones are simply not there.
        observed_until : what the history says of its own end.
        """
        with self.reading() as connection:
            frames = read_leads(connection, lead_ids)
            named, personal = unusable(connection)
        return History.from_frames(frames, observed_until, named, personal).without_personal()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction: all of it is there at the end, or none. SQLite has one writer.

        Nobody is erased meanwhile, so that who asks `kept_out` may write by the answer.
        """
        with _told(self.name), self.engine.begin() as connection:
            erasure.hold_erasures(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection that takes no lock of a writer."""
        with _told(self.name), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Open a cursor of the driver, for reading where every tenth of a millisecond counts.

        It takes no lock of a writer; marks of parameters are those of the driver.
        """
        with _told(self.name):
            connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise StoreError(f"{self.name}: {str(error).splitlines()[0]}") from error
        finally:
            connection.close()  # back to the pool, which ends what was begun

    def quarantine(self) -> pd.DataFrame:
        """Return the rows that were set aside, the newest first."""
        with self.reading() as connection:
            rows = connection.execute(
                select(QUARANTINE).order_by(QUARANTINE.c.seen_at.desc(), QUARANTINE.c.row)
            ).all()
        return pd.DataFrame(rows, columns=[column.name for column in QUARANTINE.columns])

    def counts(self, *names: str) -> dict[str, int]:
        """Return how many rows tables hold.

        Parameters
        ----------
        names : of tables; all of them, and the quarantine, where missing.
        """
        tables = {**STORED, "quarantine": QUARANTINE}
        asked = {name: select(func.count()).select_from(tables[name]) for name in names or tables}
        with self.reading() as connection:
            return {name: int(connection.execute(how).scalar_one()) for name, how in asked.items()}

    def sources(self) -> list[str]:
        """Return the formats of the sources that were taken in."""
        with self.reading() as connection:
            return list(get_meta(connection, "sources") or [])

    def marks(self, format: str, source: str) -> dict[str, Any] | None:
        """Return how far a source was read, as its reader said; None if it never was."""
        with self.reading() as connection:
            kept = (get_meta(connection, "marks") or {}).get(f"{format} {source}")
        return None if kept is None else dict(kept)

    def erase(self, lead_id: str) -> Receipt:
        """Forget a person, or make sure of it again: no row stays, and none is taken in again.

        Raises
        ------
        StoreError : no such lead, a row names it still, or somebody has been writing for longer
            than half a minute; nothing was erased.
        """
        with _told(self.name), self.engine.begin() as connection:
            receipt = erasure.erase(connection, lead_id)
            if not (any(receipt.removed.values()) or erasure.kept_out(connection, [lead_id])):
                raise StoreError(f"{self.name}: there is no lead {lead_id!r} to erase")
        alone = erasure.distinct([lead_id, *receipt.linked])
        return replace(receipt, traces=purge(self.engine, alone))

    def readmit(self, lead_id: str) -> int:
        """Let rows of an erased person in again; return how many linked ids were kept out."""
        with _told(self.name), self.engine.begin() as connection:
            return erasure.readmit(connection, lead_id)

    def _write(
        self,
        connection: Connection,
        name: str,
        extract: Extract,
        each: Conformed,
        now: pd.Timestamp,
    ) -> Counts:
        written = upsert(connection, name, each, now)
        if not extract.partial:  # rows that were not read again are still set aside
            clear_quarantine(connection, name, extract.tables[name].origin)
        quarantine(connection, each.rejects, now, keep=extract.partial)
        return counted(written, each)

    def _remember(self, connection: Connection, extract: Extract) -> None:
        named = set(get_meta(connection, "current_only") or []) | extract.current_only
        set_meta(connection, "current_only", sorted(named))
        formats = set(get_meta(connection, "sources") or []) | {extract.format}
        set_meta(connection, "sources", sorted(formats))
        if extract.marks is not None:
            marks = get_meta(connection, "marks") or {}
            marks[f"{extract.format} {extract.source}"] = dict(extract.marks)
            set_meta(connection, "marks", marks)
        if extract.observed_until is not None:
            told = get_meta(connection, "observed_until") or 0
            set_meta(connection, "observed_until", max(told, micros(extract.observed_until)))


def open_store(url: str, patience_s: float | None = None, personal: Collection[str] = ()) -> Store:
    """Open the store at a SQLAlchemy URL, and make it where there is none.

    Parameters
    ----------
    url : ``sqlite:///folder/file.db`` or ``postgresql+psycopg://user@host/database``.
    patience_s : as in `open_engine`.
    personal : ``table.column`` of attributes that every reader is to treat as personal from now
        on, beside those that were marked before; `history.personal.unmark` takes a mark away.

    Raises
    ------
    StoreError : the URL is of no database that we know, or the database cannot be opened.
    """
    return Store(open_engine(url, patience_s), personal)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what a database says into one clear line."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StoreError(f"{name}: {cause}") from error
