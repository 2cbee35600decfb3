"""A running house for the tests that need nothing special."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.bot.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path) as house:
        yield house
