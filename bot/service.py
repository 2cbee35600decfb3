"""The Slack adapter, put together: what comes in, what is driven, what goes out, and whether it is ready.

The composition root creates one, hands `turn` to the dispatcher, mounts `routes` and calls start and stop. Nothing
here needs Slack to be up in order to start.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import aiohttp
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from agents.ports import Sessions
from bot.app import Intake, KnownAuthorize, build_app
from bot.background import Background
from bot.calls import SlackCalls
from bot.channels import Channels
from bot.clicks import Clicks, Decides
from bot.delivery import Changed, Delivery
from bot.identity import SlackDirectory
from bot.incoming import Normaliser
from bot.ingress import Ingress
from bot.installation import Installation
from bot.placing import SlackPlacing
from bot.posting import Poster
from bot.resolving import Approvers, Resolver
from bot.settings import SlackSettings
from bot.showing import Showing
from bot.socket_mode import SocketMode
from bot.turns import Asks, Turns
from security.ports import RoleBindings
from workflows.ports import Dispatcher, Inbox, Messages, Runs

logger = logging.getLogger("aiops.slack")

PATH = "/slack/events"


class DecidesAndNames(Decides, Approvers, Protocol):
    """`workflows.approvals.Decisions` as Slack needs it."""


def new_id() -> str:
    return uuid.uuid4().hex


class SlackService:
    """*changed* waits for message rows to change, at most the given seconds. *seal* and *unseal* encrypt what must
    not lie readable in the database.
    """

    def __init__(
        self,
        settings: SlackSettings,
        *,
        inbox: Inbox,
        messages: Messages,
        runs: Runs,
        sessions: Sessions,
        bindings: RoleBindings,
        conversation: Asks,
        decisions: DecidesAndNames,
        dispatcher: Dispatcher,
        changed: Changed,
        clock: Callable[[], datetime],
        seal: Callable[[str], str],
        unseal: Callable[[str], str],
        identify: Callable[[], str] = new_id,
    ) -> None:
        self._settings = settings
        self._background = Background()
        self._client = AsyncWebClient(
            token=settings.bot_token,
            base_url=settings.base_url,
            retry_handlers=[],  # who calls knows what may be repeated
            logger=logging.getLogger("aiops.slack.sdk"),
        )
        calls = SlackCalls(self._client)
        self._installation = Installation(calls)
        directory = SlackDirectory(calls, bindings, self._installation, teams=settings.teams, clock=clock)
        channels = Channels(calls, clock)
        self.placing = SlackPlacing(identify)
        self._turns = Turns(
            settings=settings,
            inbox=inbox,
            messages=messages,
            sessions=sessions,
            conversation=conversation,
            clicks=Clicks(
                decisions=decisions,
                messages=messages,
                runs_=runs,
                directory=directory,
                channels=channels,
                dispatcher=dispatcher,
                new_id=identify,
            ),
            directory=directory,
            channels=channels,
            calls=calls,
            background=self._background,
            new_id=identify,
        )
        self._delivery = Delivery(
            messages=messages,
            showing=Showing(runs, directory, self._installation, clock),
            poster=Poster(
                calls, sessions=sessions, directory=directory, installation=self._installation, unseal=unseal
            ),
            resolver=Resolver(
                decisions=decisions,
                directory=directory,
                channels=channels,
                installation=self._installation,
                approvals_channels=settings.approvals_channels,
                new_id=identify,
            ),
            background=self._background,
            changed=changed,
            clock=clock,
        )
        normalise = Normaliser(
            clock=clock, new_id=identify, seal=seal, bot_user=self._installation.bot_user, teams=settings.teams
        )
        intake = Intake(normalise, inbox, dispatcher)
        authorize = KnownAuthorize(self._installation, settings.bot_token)
        self._app = build_app(self._client, intake, authorize)
        self._ingress = Ingress(self._app, settings.signing_secrets, clock)
        self._socket = SocketMode(self._app, self._client, settings.app_token) if settings.app_token else None

    async def turn(self, lane: str) -> None:
        """The Drive of lanes that begin with ``slack:``."""
        await self._turns.turn(lane)

    def routes(self) -> Sequence[web.RouteDef]:
        """The HTTP door; none in Socket Mode, where nothing from outside is expected."""
        return [] if self._socket else [web.post(PATH, self._ingress.serve)]

    async def start(self) -> None:
        self._client.session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.call_timeout), trust_env=True
        )
        self._background.start(self._installation.learn(), name="auth.test")
        self._background.start(supervised("delivery", self._delivery.run), name="delivery loop")
        if self._socket:
            self._background.start(supervised("Socket Mode", self._socket.run), name="socket loop")

    async def stop(self) -> None:
        await self._background.stop()
        if self._client.session is not None:
            await self._client.session.close()

    async def readiness(self) -> Mapping[str, str]:
        """What is wrong right now, by name; empty when all is well."""
        problems = {}
        if not self._installation.known:
            problems["slack"] = self._installation.problem
        if self._socket and not await self._socket.connected():
            problems["slack_socket_mode"] = "the websocket to Slack is down; connecting again"
        return problems


async def supervised(name: str, work: Callable[[], Awaitable[None]], *, pause: float = 2.0) -> None:
    """Run *work* again whenever it fails: the database may be away for a while, the loop must not be."""
    while True:
        task = asyncio.ensure_future(work())
        try:
            await asyncio.wait({task})
        finally:
            if task.cancel():
                await asyncio.wait({task})
        if (problem := task.exception()) is None:
            return
        logger.error("%s failed and starts again", name, exc_info=problem)
        await asyncio.sleep(pause)
