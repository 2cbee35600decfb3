"""Every contract runs over the in-memory fakes and over SQLite in a file."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from security import permissions
from storage.engine import Database
from storage.stores import Stores, open_stores
from tests.conftest import FixedClock
from tests.fakes.in_memory_audit import KEY
from tests.fakes.stores import in_memory_stores


async def on_sqlite(stack: AsyncExitStack, path: Path, clock: Callable) -> Stores:
    database = await Database.open(path / "hexa.db")
    stack.push_async_callback(database.close)
    return await open_stores(database, audit_key=KEY, roles=permissions.SHIPPED_ROLES, clock=clock)


@pytest.fixture(params=["memory", "sqlite"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stores]:
    async with AsyncExitStack() as stack:
        yield in_memory_stores() if request.param == "memory" else await on_sqlite(stack, tmp_path, clock)
