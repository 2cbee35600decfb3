"""Scenarios: everything Hexa is, started for each test, spoken to through Slack alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.running import RunningHexa


@pytest.fixture(params=["http", "socket"])
async def hexa(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningHexa]:
    """Hexa with the demo cluster, over either transport. A scenario fails when Slack saw anything it would refuse."""
    async with RunningHexa(tmp_path, transport=request.param) as running:
        yield running
        refused = [call for call in running.slack.refusals if call.status == 200]
        assert not refused, [(call.method, call.answer) for call in refused]
        assert not await running.findings()


@pytest.fixture
async def over_http(tmp_path: Path) -> AsyncIterator[RunningHexa]:
    """The same over HTTP only, for what does not depend on the transport."""
    async with RunningHexa(tmp_path) as running:
        yield running
        assert not await running.findings()
