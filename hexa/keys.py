"""The keys of an installation: given by the environment, or generated once in the data directory.

A generated key is written 0600 in a directory of 0700, under a temporary name that is linked into place, so two
processes that start together agree on one key and a crash leaves no half key. With PostgreSQL nothing is generated:
each replica would invent its own, and the audit chain of one would be a forgery to the other.
"""

import base64
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from hexa.settings import Settings

KEY_BYTES = 32
SHORTEST = 16
AUDIT_KEY = "audit.key"


class KeyProblemError(Exception):
    """A key cannot be read or made. Check HEXA_DATA_DIR and its permissions."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


@dataclass(frozen=True, slots=True)
class Keys:
    """*audit* seals the audit chain, *secret* encrypts at rest, *controlplane* is the bot's credential there."""

    audit: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    controlplane: str = field(repr=False)


def load(settings: Settings) -> Keys:
    """All keys; missing ones are generated on SQLite and refused on PostgreSQL."""
    if settings.on_postgresql:
        _refuse_missing(settings)
    return Keys(
        audit=_key(settings, settings.audit_key, "HEXA_AUDIT_KEY", AUDIT_KEY),
        secret=_key(settings, settings.secret_key, "HEXA_SECRET_KEY", "secret.key"),
        controlplane=_key(settings, settings.controlplane_key, "HEXA_CONTROLPLANE_KEY", "controlplane.key").decode(),
    )


def audit_key(settings: Settings) -> bytes:
    """The audit key for reading: never generated, because a new key would call every record a forgery."""
    if settings.audit_key is None and not (settings.data_dir / AUDIT_KEY).exists():
        raise KeyProblemError(
            f"There is no audit key in {settings.data_dir}, so nothing can be verified. Check HEXA_DATA_DIR or set "
            "HEXA_AUDIT_KEY."
        )
    return _key(settings, settings.audit_key, "HEXA_AUDIT_KEY", AUDIT_KEY)


def private_directory(path: Path) -> Path:
    """The data directory, made and kept 0700. One that belongs to somebody else, as a mounted volume does, is taken
    as it is: what lies in it is 0600 anyway.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid == os.geteuid() and found.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise KeyProblemError(f"HEXA_DATA_DIR cannot be used: {error.strerror or error} ({path}).") from error
    return path


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically; it is never readable by others, not even for a moment."""
    temporary = _temporary(path, content)
    temporary.replace(path)


def _key(settings: Settings, given: SecretStr | None, variable: str, name: str) -> bytes:
    if given is not None:
        value = given.get_secret_value().encode()
        if len(value) < SHORTEST:
            raise KeyProblemError(
                f"{variable} is too short: use at least {SHORTEST} characters, `openssl rand -hex 32`."
            )
        return value
    path = private_directory(settings.data_dir) / name
    return _read(path) if path.exists() else _generated(path)


def _generated(path: Path) -> bytes:
    temporary = _temporary(path, base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)))
    try:
        os.link(temporary, path)  # fails when another process was first; its key is the one
    except FileExistsError:
        pass
    except OSError as error:
        raise KeyProblemError(f"The key {path} cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        value = path.read_bytes().strip()
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise KeyProblemError(f"The key {path} cannot be read: {error.strerror or error}.") from error
    if mode & 0o077:
        raise KeyProblemError(f"The key {path} is open to others ({mode:04o}). Run: chmod 600 {path}")
    if len(value) < SHORTEST:
        raise KeyProblemError(
            f"The key {path} is damaged. Restore it from a backup; without it the audit cannot be read."
        )
    return value


def _temporary(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyProblemError(f"{path} cannot be written: {error.strerror or error}.") from error
    return temporary


def _refuse_missing(settings: Settings) -> None:
    wanted = {"HEXA_AUDIT_KEY": settings.audit_key, "HEXA_SECRET_KEY": settings.secret_key,
              "HEXA_CONTROLPLANE_KEY": settings.controlplane_key}  # fmt: skip
    missing = [name for name, value in wanted.items() if value is None]
    if missing:
        raise KeyProblemError(
            f"On PostgreSQL the keys are not generated, because each replica would invent its own. Set "
            f"{', '.join(missing)} to the same values everywhere (`openssl rand -hex 32`)."
        )
