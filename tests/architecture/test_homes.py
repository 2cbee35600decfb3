"""What no import contract can say: `aiohttp.web` has homes although aiohttp itself may be used as a client elsewhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import checkout

HOMES_OF_WEB_SERVERS = ("controlplane/server/", "console/", "hexa/", "bot/", "demo/")


def lines_that_name_aiohttp_web(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name.startswith("aiohttp.web") for alias in node.names):
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aiohttp.web"):
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "aiohttp" and any(a.name == "web" for a in node.names):
            yield node.lineno
        if isinstance(node, ast.Attribute) and node.attr == "web" and ast.unparse(node.value) == "aiohttp":
            yield node.lineno


def outside_of_homes(path: Path) -> bool:
    return not str(path).startswith(HOMES_OF_WEB_SERVERS)


def test_web_servers_live_in_the_adapters():
    """Workflows, agents and security neither answer requests nor know that somebody does."""
    strays = [f"{path}:{line}" for path in checkout.product_modules() if outside_of_homes(path)
              for line in lines_that_name_aiohttp_web(checkout.parsed(path))]  # fmt: skip

    assert not strays, f"aiohttp.web outside of {HOMES_OF_WEB_SERVERS}: {strays}"


@pytest.mark.parametrize("source", ["from aiohttp import web", "import aiohttp.web as w", "from aiohttp.web import Request",
                                    "import aiohttp\naiohttp.web.json_response()"])  # fmt: skip
def test_every_way_to_import_a_web_server_is_seen(source):
    """The rule above cannot be passed by another spelling."""
    assert list(lines_that_name_aiohttp_web(ast.parse(source)))
