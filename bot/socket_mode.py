"""Socket Mode: the same app over a websocket, for installs without a public address.

The SDK reconnects by itself, except that it tries a refused ticket for ever and never asks for a new one; the
watchdog drops the ticket when the connection stays away. An envelope is acknowledged when the app answers 200,
which it does after the inbox row is committed.
"""

import asyncio
import logging

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

logger = logging.getLogger("aiops.slack")

PING = 10.0


class SocketMode:
    """One websocket connection to Slack, kept up until closed."""

    def __init__(self, app: AsyncApp, client: AsyncWebClient, app_token: str, *, ping: float | None = None) -> None:
        self._app = app
        self._client = client
        self._token = app_token
        self._ping = PING if ping is None else ping
        self._handler: AsyncSocketModeHandler | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Connect and watch, until cancelled."""
        self._handler = AsyncSocketModeHandler(
            self._app, self._token, web_client=self._client, ping_interval=self._ping
        )
        try:
            while True:
                self._keep_connecting()
                await asyncio.sleep(self._ping)
                if not await self.connected():
                    await asyncio.sleep(self._ping)
                    await self._unstick()
        finally:
            await self._close()

    async def connected(self) -> bool:
        return self._handler is not None and await self._handler.client.is_connected()

    def _keep_connecting(self) -> None:
        """connect() returns once connected and retries by itself; it is begun once and again should it have died."""
        handler = self._handler
        if handler is None or handler.client.current_session is not None:
            return
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect(handler), name="slack socket mode")

    async def _connect(self, handler: AsyncSocketModeHandler) -> None:
        try:
            await handler.connect_async()  # type: ignore[no-untyped-call]
        except (SlackApiError, OSError, TimeoutError) as problem:
            logger.warning("Socket Mode cannot connect: %s", type(problem).__name__)

    async def _unstick(self) -> None:
        handler = self._handler
        if handler is not None and not await self.connected():
            logger.warning("Socket Mode has been disconnected for a while; asking Slack for a new address")
            handler.client.wss_uri = None

    async def _close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        if self._handler is not None:
            await self._handler.close_async()  # type: ignore[no-untyped-call]
            self._handler = None
