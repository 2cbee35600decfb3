"""The writer: one thread, one connection, units of work that share commits.

A unit is a plain function over a connection. Units that wait at the same time run in one transaction, each in its
savepoint, so a failing unit raises to its caller and leaves its neighbours alone; a failing commit fails them all.
Nobody is told of success before the commit is on disk. A caller that is cancelled takes its unit along as long as
the thread has not begun it; later the unit is committed although nobody waits for it.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage.errors import StorageBusyError, StorageUnavailableError

T = TypeVar("T")
Work = Callable[[Connection], T]

LARGEST_BATCH: Final = 256
REMEMBERED: Final = 60.0


@dataclass(slots=True, eq=False)
class Unit:
    """Work that waits for the thread, then its outcome that waits for the commit."""

    work: Work[Any]
    future: asyncio.Future[Any]
    topics: tuple[str, ...]
    result: Any = None
    error: Exception | None = None


class Writer:
    def __init__(
        self,
        connection: Connection,
        *,
        committed: Callable[[Iterable[str]], None],
        capacity: int,
        patience: float,
    ) -> None:
        """*committed* is called on the event loop with the topics of each commit. More than *capacity* waiting units
        make callers wait, longer than *patience* seconds makes them fail.
        """
        self._connection = connection
        self._raw: sqlite3.Connection = _driver_connection(connection)
        self._committed = committed
        self._patience = patience
        self._room = asyncio.Semaphore(capacity)
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._closing = False
        self._failed: tuple[float, str] | None = None
        self._thread = threading.Thread(target=self._serve, name="hexa-storage-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T], topics: tuple[str, ...]) -> T:
        await self._enter()
        try:
            if self._closing:
                raise StorageUnavailableError("The database is being closed, so nothing was done. Start Hexa again.")
            unit = Unit(work, self._loop.create_future(), topics)
            self._queue.put(unit)
            result: T = await unit.future
            return result
        finally:
            self._room.release()

    def trouble(self) -> str:
        """Why the latest writes failed, for a minute: then nobody knows, and only another write can tell."""
        at, reason = self._failed or (0.0, "")
        return reason if reason and self._loop.time() - at < REMEMBERED else ""

    async def close(self) -> None:
        """Finish what waits, then end the thread and the connection."""
        self._closing = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _enter(self) -> None:
        try:
            async with asyncio.timeout(self._patience if self._room.locked() else None):
                await self._room.acquire()
        except TimeoutError as error:
            raise StorageBusyError from error

    # --- in the thread -----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        last = False
        while not last:
            batch, last = self._next_batch()
            if batch:
                self._perform(batch)
                self._tell(batch)
        self._connection.close()
        self._connection.engine.dispose()

    def _next_batch(self) -> tuple[list[Unit], bool]:
        batch: list[Unit] = []
        waiting = self._queue.get()
        while waiting is not None:
            if not waiting.future.cancelled():
                batch.append(waiting)
            if len(batch) == LARGEST_BATCH:
                return batch, False
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _perform(self, batch: list[Unit]) -> None:
        try:
            self._raw.execute("BEGIN IMMEDIATE")
            for unit in batch:
                self._attempt(unit)
            self._raw.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            for unit in batch:
                unit.error = unit.error or _unavailable(error)

    def _attempt(self, unit: Unit) -> None:
        """Raises sqlite3.Error when SQLite has given up the whole transaction, as it does on a full disk."""
        self._raw.execute("SAVEPOINT unit")
        try:
            unit.result = unit.work(self._connection)
        except Exception as error:  # noqa: BLE001 -- it belongs to the caller, who waits in another thread
            unit.error = translated(error)
            self._raw.execute("ROLLBACK TO unit")
        self._raw.execute("RELEASE unit")

    def _undo(self) -> None:
        """When even this fails, the next BEGIN fails too and tells its callers why."""
        with contextlib.suppress(sqlite3.Error):
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")

    def _tell(self, batch: list[Unit]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, batch)
        except RuntimeError:
            return  # the event loop is gone, and with it everybody who waited

    # --- on the event loop -------------------------------------------------------------------------------------

    def _deliver(self, batch: list[Unit]) -> None:
        refused = next((unit.error for unit in batch if isinstance(unit.error, StorageUnavailableError)), None)
        self._failed = (self._loop.time(), str(refused)) if refused else None
        self._committed({topic for unit in batch if unit.error is None for topic in unit.topics})
        for unit in batch:
            if unit.future.done():
                continue
            if unit.error is None:
                unit.future.set_result(unit.result)
            else:
                unit.future.set_exception(unit.error)


def translated(error: Exception) -> Exception:
    """What a caller sees: rules of the schema that were broken stay what they are, the rest is unavailability."""
    if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError):
        return _unavailable(error)
    return error


def _unavailable(cause: Exception) -> StorageUnavailableError:
    reason = cause.orig if isinstance(cause, DBAPIError) and cause.orig is not None else cause
    error = StorageUnavailableError(f"{StorageUnavailableError.__doc__} The database says: {reason}")
    error.__cause__ = cause
    return error


def _driver_connection(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        raise TypeError("The writer thread is for SQLite.")
    return raw
