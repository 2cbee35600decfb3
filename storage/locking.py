"""One writing process per SQLite database, by an OS lock on a file beside it.

The kernel drops the lock when its holder dies, however it dies, so a stale lock file means nothing. The pid in the
file is for people. The file is never deleted: a process waiting on a deleted file would lock a ghost.
"""

import fcntl
import os
from pathlib import Path

from storage.errors import DatabaseInUseError


class ProcessLock:
    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DatabaseInUseError(
                f"Another Hexa (process {holder}) writes to this database and holds {self.path}. Stop it, talk to it "
                "over its API, or give this one its own HEXA_DATA_DIR. Reading commands (hexa audit) work beside it."
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
