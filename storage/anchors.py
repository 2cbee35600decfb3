"""Anchors: signed heads of the audit chains, appended to a file outside the database.

Who can edit the database cannot shorten a chain below its last anchor without being found out, so the file belongs
where the database's writers cannot change it (another owner, append-only, copied away). Anchors are written after
commits, when enough records or enough time have passed, and at close; records after the last anchor are the stated
residual risk. A failure to write them is logged and tried again: the records themselves are already durable.
"""

import asyncio
import dataclasses
import errno
import json
import logging
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from security import audit
from storage.audit import heads
from storage.engine import Database
from storage.errors import StorageError

RECORDS: Final = 100
SECONDS: Final = 5.0

logger = logging.getLogger("aiops.storage")


class AnchorsDamagedError(StorageError):
    """The file of audit anchors cannot be read. Compare it with its copy."""


class AnchorWriter:
    """Belongs to the event loop it is made on."""

    def __init__(
        self,
        database: Database,
        path: Path,
        *,
        key: bytes,
        clock: Callable[[], datetime],
        records: int = RECORDS,
        seconds: float = SECONDS,
    ) -> None:
        """Anchor after *records* new records, and no later than *seconds* after the first of them."""
        self._database = database
        self._path = path
        self._key = key
        self._clock = clock
        self._records = records
        self._seconds = seconds
        self._pending = 0
        self._anchored: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    def noticed(self, records: int) -> None:
        """So many records were committed."""
        self._pending += records
        if self._pending >= self._records:
            self._start()
        elif self._pending:
            self._start_later()

    async def flush(self) -> None:
        """Anchor every chain that has grown since its last anchor."""
        async with self._one_at_a_time:
            self._pending = 0
            self._stop_timer()
            found = await self._database.read(heads)
            grown = [(name, number, mac) for name, number, mac in found if self._anchored.get(name) != number]
            if not grown:
                return
            now = self._clock()
            fresh = [
                audit.sign_anchor(self._key, workspace_id=name, sequence=number, head=mac, at=now)
                for name, number, mac in grown
            ]
            await asyncio.to_thread(append, self._path, fresh)
            self._anchored.update({anchor.workspace_id: anchor.sequence for anchor in fresh})

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})
        await self._try_to_flush()
        self._stop_timer()

    def _start(self) -> None:
        self._stop_timer()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._try_to_flush(), name="audit anchors")

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
        except (OSError, StorageError):
            logger.exception("the audit anchors in %s could not be written; they are written again later", self._path)
            self._start_later()

    def _start_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._start)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def append(path: Path, anchors: Sequence[audit.Anchor]) -> None:
    """Add lines and wait until they are on disk; a line that a crash left incomplete is cut off first."""
    lines = "".join(json.dumps(dataclasses.asdict(anchor)) + "\n" for anchor in anchors)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        _cut_incomplete_line(descriptor)
        if os.write(descriptor, lines.encode()) < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cut_incomplete_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.ftruncate(descriptor, os.pread(descriptor, size, 0).rfind(b"\n") + 1)


def read(path: Path, workspace_id: str | None = None) -> list[audit.Anchor]:
    """The anchors of a file, oldest first, of one workspace or all; none when there is no file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    complete = content[: content.rfind(b"\n") + 1].splitlines()
    every = [_parsed(path, number, line) for number, line in enumerate(complete, 1)]
    return [anchor for anchor in every if workspace_id in (None, anchor.workspace_id)]


def _parsed(path: Path, number: int, line: bytes) -> audit.Anchor:
    try:
        return audit.Anchor(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise AnchorsDamagedError(f"{AnchorsDamagedError.__doc__} {path}, line {number} is no anchor.") from error
