from collections.abc import AsyncIterator
from itertools import count

import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from console.api import Services, routes
from hexa.cli.client import Api
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
async def server(house) -> AsyncIterator[TestServer]:
    """The HTTP API over a whole workflow layer in memory."""
    ids = count(1)
    stores = house.stores
    services = Services(
        token=TOKEN, conversation=house.conversation, decisions=house.decisions, runs=stores.runs,
        approvals=stores.approvals, bindings=stores.bindings, audit=stores.audit, changed=stores.changed,
        checks=Checks(), metrics=Metrics(), workspaces=("demo",), roles=SHIPPED_ROLES, clock=house.clock,
        new_id=lambda: f"id{next(ids)}", default_person="alice",
    )  # fmt: skip
    app = web.Application()
    app.add_routes(routes(services))
    async with TestServer(app) as running:
        yield running


@pytest.fixture
async def api(server) -> AsyncIterator[Api]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(base_url=str(server.make_url("/")), headers=headers, trust_env=False) as http:
        yield Api(http)
