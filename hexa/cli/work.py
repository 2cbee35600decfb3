"""How a command does its work: settings, a server, the work, an exit code."""

import asyncio
from collections.abc import Awaitable, Callable

import typer

from hexa.cli.client import Api
from hexa.settings import load


def perform(work: Callable[[Api], Awaitable[int]]) -> None:
    """Run *work* against the server of the data directory and leave with the code it returns."""
    from hexa.cli.connection import connect

    async def connected() -> int:
        async with connect(load()) as api:
            return await work(api)

    raise typer.Exit(asyncio.run(connected()))
