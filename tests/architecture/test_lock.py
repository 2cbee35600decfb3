"""requirements.lock can be installed with --require-hashes anywhere, and holds what pyproject.toml asks for."""

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture import checkout

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)( ; .+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def lines() -> list[str]:
    return (checkout.ROOT / "requirements.lock").read_text().splitlines()


def pins() -> dict[str, list[str]]:
    matches = [match for line in lines() if (match := PIN.match(line))]
    found: dict[str, list[str]] = {}
    for match in matches:
        found.setdefault(canonicalize_name(match[1]), []).append(match[2])
    return found


def asked_for() -> list[Requirement]:
    project = checkout.pyproject()
    return [Requirement(text) for text in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]]


def test_the_lock_has_nothing_but_pins_and_hashes():
    """No host, no option, no unpinned line."""
    strange = [
        f"requirements.lock:{n} {line}"
        for n, line in enumerate(lines(), 1)
        if not PIN.match(line) and not HASH.match(line)
    ]

    assert not strange, f"run `make lock`: {strange[:5]}"


def test_every_pin_has_a_hash():
    """Pip refuses the whole file for one entry without."""
    following = dict(zip(lines(), [*lines()[1:], ""], strict=True))
    bare = [line for line in lines() if PIN.match(line) and not HASH.match(following[line])]

    assert not bare, f"run `make lock`: {bare}"


def test_the_lock_holds_what_pyproject_asks_for():
    """A dependency added or raised in pyproject.toml is locked in the same commit."""
    locked = pins()
    missing = [str(each) for each in asked_for() if canonicalize_name(each.name) not in locked]
    outdated = [f"{each} but {version}" for each in asked_for() for version in locked.get(canonicalize_name(each.name), [])
                if not each.specifier.contains(version, prereleases=True)]  # fmt: skip

    assert not missing, f"run `make lock`: {missing}"
    assert not outdated, f"run `make lock`: {outdated}"
