"""Errors of storage.

StorageError
├── StorageUnavailableError      the disk or the database refuses; nothing was written
│   └── StorageBusyError         writes have waited too long for room in the queue
├── DatabaseInUseError           another process writes to this database
└── SchemaError                  the database was made by another version of Hexa

Audit writes raise ``security.errors.AuditUnavailableError`` instead, so that callers below storage can fail closed.
"""


class StorageError(Exception):
    """The database cannot be used."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class StorageUnavailableError(StorageError):
    """The database cannot be read or written, so nothing was done. Check the disk (full, read-only?) and try again."""


class StorageBusyError(StorageUnavailableError):
    """The database has not kept up with the writes for a while, so this one was not made. Try again in a moment."""


class DatabaseInUseError(StorageError):
    """Another process writes to this database. Stop it, or give this one its own HEXA_DATA_DIR."""


class SchemaError(StorageError):
    """The database was made by a newer version of Hexa. Start that version, or restore a backup."""
