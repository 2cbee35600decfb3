"""A database in a file, opened and closed by each test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from security import permissions
from storage.engine import Database
from storage.stores import Stores, open_stores
from tests.conftest import FixedClock
from tests.fakes.in_memory_audit import KEY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hexa.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(path)
    yield opened
    await opened.close()


@pytest.fixture
async def stores(database: Database, clock: FixedClock) -> Stores:
    return await open_stores(database, audit_key=KEY, roles=permissions.SHIPPED_ROLES, clock=clock)
