"""Decisions are one page each, numbered, dated, and name what enforces them."""

import re
from pathlib import Path

import pytest

from tests.architecture import checkout

PAGE_LINES = 60
SECTIONS = ["Context", "Decision", "Consequences", "Enforced by"]
DECISIONS = [path for path in checkout.files() if path.parts[:2] == ("docs", "decisions")]


def text(path: Path) -> str:
    return (checkout.ROOT / path).read_text()


def test_decisions_are_numbered_without_gaps():
    """A number is never reused, so a gap is a lost page."""
    numbers = [int(path.name[:4]) for path in DECISIONS]

    assert numbers == list(range(1, len(DECISIONS) + 1))
    assert all(re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", path.name) for path in DECISIONS)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_the_form(path):
    """Title with its number, status, date, four sections, one page."""
    lines = text(path).splitlines()

    assert re.fullmatch(rf"# {path.name[:4]}\. \S.*", lines[0]), f"{path}: the first line is '# {path.name[:4]}. Title'"
    assert re.fullmatch(r"Status: (accepted|superseded by \d{4})\. Date: \d{4}-\d{2}-\d{2}\.", lines[2]), (
        f"{path}: {lines[2]}"
    )
    assert [line[3:] for line in lines if line.startswith("## ")] == SECTIONS, f"{path}: sections are {SECTIONS}"
    assert len(lines) <= PAGE_LINES, f"{path}: {len(lines)} lines, the limit is {PAGE_LINES}"


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_what_enforces_a_decision_exists(path):
    """Every path named under 'Enforced by' is in the repository, every contract in pyproject.toml."""
    enforced = text(path).split("## Enforced by")[1]
    names = re.findall(r"`([^`]+)`", enforced)
    contracts = {each["id"] for each in checkout.pyproject()["tool"]["importlinter"]["contracts"]}
    gone = [name for name in names if name not in contracts and not (checkout.ROOT / name).exists()]

    assert names, f"{path} names nothing that enforces it"
    assert not gone, f"{path} is enforced by things that do not exist: {gone}"
