"""The checkout as the architecture tests see it: its files, its product modules and the functions in them.

Files that git does not know yet count too, so that a budget is felt before the commit and not after it.
"""

import ast
import functools
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages() -> list[str]:
    return pyproject()["tool"]["setuptools"]["packages"]


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file that is, or is about to be, in the repository, relative to its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(path for line in set(listing.splitlines()) if (ROOT / (path := Path(line))).is_file()))


def product_modules() -> list[Path]:
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in packages()]


def test_modules() -> list[Path]:
    return [path for path in files() if path.suffix == ".py" and path.parts[0] == "tests"]


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def line_count(path: Path) -> int:
    return len((ROOT / path).read_text().splitlines())


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A function or class, with the dotted name it has inside its module."""

    path: Path
    name: str
    node: ast.AST

    @property
    def lines(self) -> int:
        return self.node.end_lineno - self.node.lineno + 1

    def __str__(self) -> str:
        return f"{self.path}:{self.node.lineno} {self.name}"


def definitions(path: Path) -> Iterator[Definition]:
    yield from _definitions(path, parsed(path), prefix="")


def functions(path: Path) -> Iterator[Definition]:
    return (each for each in definitions(path) if isinstance(each.node, ast.FunctionDef | ast.AsyncFunctionDef))


def _definitions(path: Path, parent: ast.AST, *, prefix: str) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(parent):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield Definition(path=path, name=prefix + child.name, node=child)
            yield from _definitions(path, child, prefix=f"{prefix}{child.name}.")
        else:
            yield from _definitions(path, child, prefix=prefix)
