"""A running Hexa: the core with its surfaces around it, until it is told to stop.

One listener carries Slack's events and the HTTP API; the control plane has its own. In the demo the cluster is part
of the process, so one command starts everything and one kill ends it.
"""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from hexa import api, bootstrap, serverfile
from hexa.configuration import Configuration
from hexa.settings import Settings
from observability import logging
from workflows import engine

if TYPE_CHECKING:
    from bot.service import SlackService
    from demo import DemoCluster

MAX_BODY = 1024 * 1024
DRAIN = 20.0
DEMO_PERSON = "alice"

log = logging.logger("aiops.hexa")


@dataclass(frozen=True, slots=True)
class Running:
    """Where a started Hexa can be reached; *kubeconfig* and *cluster* only in the demo."""

    url: str
    controlplane_url: str
    slack: str
    core: bootstrap.Core
    kubeconfig: Path | None = None
    cluster: "DemoCluster | None" = None


@asynccontextmanager
async def server(
    settings: Settings,
    configuration: Configuration,
    *,
    demo: bool = False,
    speed: float = 1.0,
    checkpoint: Callable[[str], None] = engine.no_checkpoint,
    clock: Callable[[], datetime] = bootstrap.utc_now,
) -> AsyncIterator[Running]:
    """Start everything; inside, it serves. What was unfinished when the last process ended is driven on.

    *speed* is that of the demo cluster: how many times faster than usual its pods start and stop.
    """
    async with AsyncExitStack() as stack:
        cluster = await _demo_cluster(stack, settings, speed) if demo else None
        core = await stack.enter_async_context(
            bootstrap.core(settings, configuration, checkpoint=checkpoint, clock=clock)
        )
        slack = _slack(core, checkpoint) if settings.slack_configured else None
        token = secrets.token_urlsafe(32)
        routes = [
            *api.routes(core, token=token, default_person=DEMO_PERSON if demo else ""),
            *(slack.routes() if slack else ()),
        ]
        if slack:
            await slack.start()
            stack.push_async_callback(slack.stop)
        await core.dispatcher.start()
        stack.push_async_callback(core.dispatcher.drain, DRAIN)
        url = await _listen(stack, routes, settings)
        presence = serverfile.Server(url, token, os.getpid())
        serverfile.write(settings.data_dir, presence)
        stack.callback(serverfile.remove, settings.data_dir, presence)
        kubeconfig = _kubeconfig(settings) if demo else None
        yield Running(url, core.controlplane_url, _slack_state(settings), core, kubeconfig, cluster)


async def serve(
    settings: Settings,
    configuration: Configuration,
    *,
    demo: bool = False,
    speed: float = 1.0,
    ready: Callable[[Running], None] = lambda _running: None,
    checkpoint: Callable[[str], None] = engine.no_checkpoint,
) -> None:
    """Serve until SIGINT or SIGTERM; a second signal does not wait for what is under way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server(settings, configuration, demo=demo, speed=speed, checkpoint=checkpoint) as running:
        ready(running)
        await stop.wait()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        log.info("stopping; runs under way are continued at the next start")


async def _demo_cluster(stack: AsyncExitStack, settings: Settings, speed: float) -> "DemoCluster":
    from demo import DemoCluster

    cluster = DemoCluster(settings.data_dir / "demo-cluster", speed=speed)
    await cluster.start()
    stack.push_async_callback(cluster.stop)
    cluster.write_kubeconfig(_kubeconfig(settings))
    return cluster


def _kubeconfig(settings: Settings) -> Path:
    return settings.data_dir / "demo.kubeconfig"


def _slack(core: bootstrap.Core, checkpoint: Callable[[str], None]) -> "SlackService":
    """The Slack surface; its libraries are loaded only by those who use it."""
    from hexa import slack

    return slack.surface(core, checkpoint)


def _slack_state(settings: Settings) -> str:
    if not settings.slack_configured:
        return ""
    return "Socket Mode" if settings.slack_app_token else "HTTP"


async def _listen(stack: AsyncExitStack, routes: list[web.RouteDef], settings: Settings) -> str:
    """Serve the routes; returns the base URL with the port that was taken."""
    application = web.Application(client_max_size=MAX_BODY)
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        raise bootstrap.ListenError.at(settings.host, settings.port, "HEXA_PORT", error) from error
    return f"http://{_reachable(settings.host)}:{runner.addresses[0][1]}"


def _reachable(host: str) -> str:
    """The host as somebody on this machine writes it in a URL."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"[{own}]" if ":" in own else own
