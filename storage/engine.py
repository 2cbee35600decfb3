"""A database, opened: one writer, several readers, and the signal that something changed.

Everything above speaks to it in units of work, functions over a connection: ``await db.write(work, *topics)`` is one
transaction, durable when it returns; ``await db.read(work)`` is one consistent snapshot. Adapters know no more than
that, so a PostgreSQL database needs another class here and nothing else.

SQLite: WAL, synchronous=FULL (NORMAL can lose an acknowledged commit on power loss), BEGIN IMMEDIATE (deferred
transactions lose updates or fail when they upgrade), one writing process.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage import migrating
from storage.errors import StorageBusyError, StorageError, StorageUnavailableError
from storage.locking import ProcessLock
from storage.signals import Changes
from storage.writing import Work, Writer, translated

T = TypeVar("T")

READERS: Final = 4
CAPACITY: Final = 2_000
PATIENCE: Final = 10.0
WRITER_PRAGMAS: Final = ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
READER_PRAGMAS: Final = ("busy_timeout=5000", "query_only=ON")


class Database:
    """Opened by :meth:`open` or :meth:`open_reading`; belongs to the event loop that opened it."""

    def __init__(
        self, readers: AsyncEngine, *, writer: Writer | None, changed: Changes, lock: ProcessLock | None
    ) -> None:
        self.changed = changed
        self._readers = readers
        self._writer = writer
        self._lock = lock
        self._before_close: list[Callable[[], Awaitable[None]]] = []

    @classmethod
    async def open(cls, location: str | Path, *, capacity: int = CAPACITY, patience: float = PATIENCE) -> Self:
        """Open for reading and writing: take the lock, bring the schema up to date, start the writer. *location* is
        a path or a ``sqlite:///`` URL.
        """
        path = path_of(location)
        lock = ProcessLock(path)
        connection = await asyncio.to_thread(_prepare, path, lock)
        changed = Changes()
        writer = Writer(
            connection, committed=lambda topics: changed.notify(*topics), capacity=capacity, patience=patience
        )
        return cls(_reading_engine(path), writer=writer, changed=changed, lock=lock)

    @classmethod
    async def open_reading(cls, location: str | Path) -> Self:
        """Open for reading beside a process that writes, or when none runs; takes no lock and changes nothing."""
        path = path_of(location)
        if not path.is_file():
            raise StorageError(f"There is no database at {path}. Check HEXA_DATA_DIR or HEXA_DATABASE_URL.")
        return cls(_reading_engine(path), writer=None, changed=Changes(), lock=None)

    async def write(self, work: Work[T], *topics: str) -> T:
        """Run *work* in a transaction of its own; returns when it is on disk, then wakes waiters of *topics*."""
        if self._writer is None:
            raise StorageError("This database was opened for reading only.")
        return await self._writer.write(work, topics)

    async def read(self, work: Work[T]) -> T:
        """Run *work* over one snapshot."""
        try:
            async with self._readers.connect() as connection:
                return await connection.run_sync(work)
        except PoolTimeoutError as error:
            raise StorageBusyError("All readers of the database are busy. Try again in a moment.") from error
        except DBAPIError as error:
            raise translated(error) from error

    def trouble(self) -> str:
        """Why writes fail at this time; nothing when the latest did not."""
        return self._writer.trouble() if self._writer else ""

    def before_close(self, finish: Callable[[], Awaitable[None]]) -> None:
        """Have *finish* awaited when the database is closed, while it can still be used."""
        self._before_close.append(finish)

    async def close(self) -> None:
        while self._before_close:
            await self._before_close.pop()()
        await self._readers.dispose()
        if self._writer is not None:
            await self._writer.close()  # the last connection folds the log into the database
        if self._lock is not None:
            self._lock.release()


def path_of(location: str | Path) -> Path:
    """The file of a ``sqlite:///`` URL or a path, absolute."""
    if isinstance(location, str) and "://" in location:
        try:
            url = make_url(location)
        except ArgumentError as error:
            raise StorageError("HEXA_DATABASE_URL is not a database URL; write sqlite:////path/to/file.") from error
        if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
            raise StorageError(f"{url.render_as_string()} is not a SQLite file; write sqlite:////path/to/file.")
        location = url.database
    return Path(location).absolute()


def _prepare(path: Path, lock: ProcessLock) -> Connection:
    """Everything that blocks, in the order that is safe: lock, schema, connection."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        lock.release()
        raise StorageUnavailableError(f"{path} cannot be opened for writing: {error.strerror}.") from error
    engine = _writing_engine(path)
    try:
        migrating.upgrade(engine)
        return engine.connect()
    except (DBAPIError, StorageError) as error:
        engine.dispose()
        lock.release()
        raise translated(error) from error.__cause__


def _writing_engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), pool_size=1, max_overflow=0)
    _configure(engine, WRITER_PRAGMAS, begin=None)
    return engine


def _reading_engine(path: Path) -> AsyncEngine:
    url = URL.create("sqlite+aiosqlite", database=str(path))
    engine = create_async_engine(url, pool_size=READERS, max_overflow=0)
    _configure(engine.sync_engine, READER_PRAGMAS, begin="BEGIN")
    return engine


def _configure(engine: Engine, pragmas: tuple[str, ...], *, begin: str | None) -> None:
    """Transactions are begun by us, never by the driver, which would begin them too late and of the wrong kind."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if begin is not None:

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            connection.exec_driver_sql(begin)
