"""CONTRIBUTING.md, the hooks and the Makefile speak of the same things."""

import re

import pytest
import yaml

from tests.architecture import checkout

CONTRIBUTING_LINES = 150
TARGETS_OTHERS_RELY_ON = {"setup", "demo", "run", "test", "check", "bench"}


def text(name: str) -> str:
    return (checkout.ROOT / name).read_text()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.MULTILINE))


def test_contributing_is_short_enough_to_be_read():
    """A page, not a manual."""
    count = len(text("CONTRIBUTING.md").splitlines())

    assert count < CONTRIBUTING_LINES, f"CONTRIBUTING.md: {count} lines, the limit is {CONTRIBUTING_LINES}"


@pytest.mark.parametrize("package", checkout.packages())
def test_contributing_says_what_goes_into_every_package(package):
    """The table of folders has a row for each top-level package."""
    assert re.search(rf"^\| `{package}/", text("CONTRIBUTING.md"), re.MULTILINE), f"no row for {package}/"


def test_every_marker_is_explained():
    """A marker that pytest knows is one that CONTRIBUTING.md and .ci/run know."""
    for marker in checkout.pyproject()["tool"]["pytest"]["markers"]:
        name = marker.partition(":")[0]
        assert f"marker `{name}`" in text("CONTRIBUTING.md")
        assert re.search(rf"^TIERS=\(.*\b{name}\b", text(".ci/run"), re.MULTILINE)


def test_the_targets_others_rely_on_exist():
    """These names do not change."""
    assert targets() >= TARGETS_OTHERS_RELY_ON


def test_every_make_target_that_is_mentioned_exists():
    """Hooks and documentation call what the Makefile defines."""
    hooks = [
        hook["entry"] for repo in yaml.safe_load(text(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]
    ]
    documented = re.findall(r"`(make [a-z-]+)", text("CONTRIBUTING.md"))

    assert {entry.removeprefix("make ") for entry in [*hooks, *documented]} <= targets()
