from pathlib import Path

import pytest

from security.permissions import SHIPPED_ROLES
from storage.engine import Database
from storage.stores import open_stores
from tests.fixtures import house as houses


@pytest.fixture
async def house(tmp_path: Path):
    clock = houses.Clock()
    database = await Database.open(tmp_path / "hexa.db")
    stores = await open_stores(database, audit_key=b"k" * 32, roles=SHIPPED_ROLES, clock=clock)
    yield await houses.build(stores, clock=clock)
    await database.close()
