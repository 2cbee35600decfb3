from collections.abc import AsyncIterator
from itertools import count

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from console.api import Services, routes
from observability.health import Checks
from observability.metrics import Metrics
from security.permissions import SHIPPED_ROLES
from tests.fakes.stores import in_memory_stores
from tests.fixtures import house as houses

TOKEN = "the-token-of-the-owner"


@pytest.fixture
async def house():
    return await houses.build(in_memory_stores(), clock=houses.Clock())


@pytest.fixture
def services(house):
    ids = count(1)
    stores = house.stores
    return Services(
        token=TOKEN,
        conversation=house.conversation,
        decisions=house.decisions,
        runs=stores.runs,
        approvals=stores.approvals,
        bindings=stores.bindings,
        audit=stores.audit,
        changed=stores.changed,
        checks=Checks(),
        metrics=Metrics(),
        workspaces=("demo",),
        roles=SHIPPED_ROLES,
        clock=house.clock,
        new_id=lambda: f"id{next(ids)}",
    )


@pytest.fixture
async def stranger(services) -> AsyncIterator[TestClient]:
    """A client without the token."""
    app = web.Application()
    app.add_routes(routes(services))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def owner(stranger) -> TestClient:
    """A client that holds the token of server.json."""
    stranger.session.headers["Authorization"] = f"Bearer {TOKEN}"
    return stranger
