"""Which server a command speaks to: the one of the data directory, or one of its own for as long as it runs.

Both are spoken to over the same API, so a command is written once. The name given with ``--as`` is believed by
either, which is right only for the owner of the data directory; that is checked here, before anything is sent.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2

from hexa import serverfile
from hexa.cli.client import WAIT, Api
from hexa.cli.errors import CONFIGURATION, UNREACHABLE, CommandError
from hexa.settings import Settings

TIMEOUT = WAIT + 10.0


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Api]:
    """The running server's API, or that of a core started here."""
    owned_by_caller(settings)
    async with AsyncExitStack() as stack:
        server = serverfile.read(settings.data_dir)
        if server is not None:
            http = await stack.enter_async_context(_client(server.url, server.token))
            if await _answers(http):
                yield Api(http)
                return
        url, token = await stack.enter_async_context(_own_server(settings))
        yield Api(await stack.enter_async_context(_client(url, token)), local=True)


def owned_by_caller(settings: Settings) -> None:
    """Refuse whoever does not own the data directory: they could speak in anybody's name."""
    path = settings.data_dir
    if path.exists() and path.stat().st_uid != os.geteuid():
        raise CommandError(
            f"The data directory {path} belongs to somebody else.",
            next_step="Set HEXA_DATA_DIR to yours, or run the command as its owner.",
            code=CONFIGURATION,
        )


def _client(url: str, token: str) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False)


async def _answers(http: httpx2.AsyncClient) -> bool:
    """Whether a server is there; a refused connection means that server.json was left behind."""
    try:
        await http.get("/healthz")
    except httpx2.ConnectError:
        return False
    except httpx2.HTTPError:
        return True  # it is there, and the command will tell what is wrong with it
    return True


@asynccontextmanager
async def _own_server(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """A core with nothing but the API around it, on a loopback port of the system's choice."""
    from aiohttp import web

    from hexa import api, bootstrap, loading
    from hexa.cli import quiet

    try:
        configuration = loading.load(settings)
    except loading.MissingConfigurationError as error:
        raise CommandError(
            f"No server runs for {settings.data_dir}, and there is no hexa.yaml here to work without one.",
            next_step="Start one: hexa demo, or hexa run",
            code=UNREACHABLE,
        ) from error
    quiet.configure()
    token = secrets.token_urlsafe(32)
    async with bootstrap.core(settings, configuration, own_listener=False) as core:
        application = web.Application()
        application.add_routes(api.routes(core, token=token))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            await core.dispatcher.start()
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}", token
        finally:
            await runner.cleanup()
