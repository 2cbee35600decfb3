import json
import os
import stat
import subprocess
import sys

import pytest

from hexa import serverfile
from hexa.serverfile import Server


@pytest.fixture
def here():
    return Server("http://127.0.0.1:1", "token", os.getpid())


def test_a_server_is_found_by_its_data_directory(data_dir, here):
    """The token lies where only the owner can read it."""
    serverfile.write(data_dir, here)

    assert serverfile.read(data_dir) == here
    assert stat.S_IMODE((data_dir / "server.json").stat().st_mode) == 0o600
    assert "token" not in repr(here).replace("token=", "")


def test_the_file_of_a_dead_process_is_ignored(data_dir):
    """kill -9 leaves it behind."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    serverfile.write(data_dir, Server("http://127.0.0.1:1", "token", gone.pid))

    assert serverfile.read(data_dir) is None


def test_a_file_others_could_have_written_is_ignored(data_dir, here):
    """It could send our requests elsewhere."""
    serverfile.write(data_dir, here)
    (data_dir / "server.json").chmod(0o644)

    assert serverfile.read(data_dir) is None


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"url": "http://x", "token": "", "pid": 1}', '{"url": "file:///x", "token": "t", "pid": 1}',
     '{"url": "http://x", "token": "t", "pid": "many"}', json.dumps({"url": "http://x", "token": "t", "pid": 2**70}),
     '{"url": "http://x", "token": "t", "pid": -1}'],
)  # fmt: skip
def test_a_file_of_any_content_is_read_or_ignored(data_dir, content):
    """Never an error in a command."""
    path = data_dir / "server.json"
    path.write_text(content)
    path.chmod(0o600)

    assert serverfile.read(data_dir) is None


def test_a_clean_exit_removes_its_own_file_alone(data_dir, here):
    """Another server may have taken over."""
    other = Server("http://127.0.0.1:2", "other", os.getpid())
    serverfile.write(data_dir, other)

    serverfile.remove(data_dir, here)
    assert serverfile.read(data_dir) == other
    serverfile.remove(data_dir, other)
    assert not (data_dir / "server.json").exists()
