"""server.json: how a command finds the server of its data directory and proves that it owns it.

The file is 0600 and written atomically; its token is good for the life of one process. A file left behind by a
process that was killed is ignored, because its process is gone or its address refuses.
"""

import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hexa import keys

NAME = "server.json"


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    token: str = field(repr=False)
    pid: int


def write(data_dir: Path, server: Server) -> None:
    content = json.dumps({"url": server.url, "token": server.token, "pid": server.pid}) + "\n"
    keys.write_private(keys.private_directory(data_dir) / NAME, content.encode())


def read(data_dir: Path) -> Server | None:
    """The server that is said to run, or None when there is none, it is dead, or the file is not to be trusted."""
    path = data_dir / NAME
    try:
        found = path.stat()
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            return None  # whoever else can write it could send our requests to a server of theirs
        fields = json.loads(path.read_bytes())
        server = Server(str(fields["url"]), str(fields["token"]), int(fields["pid"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return server if server.token and server.url.startswith("http") and _alive(server.pid) else None


def remove(data_dir: Path, server: Server) -> None:
    """Remove the file at a clean exit, unless another server has written its own since."""
    if read(data_dir) == server:
        with suppress(OSError):
            (data_dir / NAME).unlink()


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return pid < 2**31
    return True
