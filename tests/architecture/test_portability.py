"""The repository works on any machine and with any package mirror: it names neither.

What to look for is taken from this machine at run time, so that the test itself names nothing.
"""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from pip._internal.models.index import PyPI, TestPyPI

from tests.architecture import checkout

# Below these, a path says nothing about a machine: the checkout itself is looked for instead.
ORDINARY_PLACES = {Path("/"), Path("/app"), Path("/home"), Path("/opt"), Path("/root"), Path("/srv"), Path("/usr/src"),
                   Path(tempfile.gettempdir()), Path.home()}  # fmt: skip


def package_hosts() -> set[str]:
    hosts = {urlsplit(index.url).hostname for index in (PyPI, TestPyPI)}
    return {host for host in hosts | {PyPI.file_storage_domain, TestPyPI.file_storage_domain} if host}


def machine_path(root: Path) -> str:
    return f"{root if root.parent in ORDINARY_PLACES else root.parent}/"


def mentions(needles: set[str]) -> list[str]:
    found = []
    for path in checkout.files():
        try:
            text = (checkout.ROOT / path).read_text()
        except UnicodeDecodeError:
            continue  # an image: nothing reads a path from it
        found += [f"{path}:{number}" for number, line in enumerate(text.splitlines(), 1)
                  if any(needle in line for needle in needles)]  # fmt: skip
    return found


def test_no_file_names_a_package_host():
    """Mirrors and offline installs work, because pip's own configuration is the only place that names a host."""
    assert len(package_hosts()) >= 2
    assert not mentions(package_hosts()), f"lines that name a package host: {mentions(package_hosts())}"


def test_no_file_names_a_path_of_this_machine():
    """A checkout elsewhere finds everything relative to itself."""
    needles = {machine_path(checkout.ROOT)}

    assert not mentions(needles), f"lines with an absolute path of one machine: {mentions(needles)}"


def test_a_checkout_in_an_ordinary_place_is_looked_for_by_its_own_path():
    """A clone in the temporary directory must not forbid every mention of that directory."""
    parent = Path(tempfile.gettempdir())

    assert machine_path(parent / "clone") == f"{parent / 'clone'}/"
    assert machine_path(Path("/builds/somewhere/clone")) == "/builds/somewhere/"
