"""The Slack adapter, put together: what comes in, what is driven, what goes out, and whether it is ready.

The composition root creates one, hands `turn` to the dispatcher, mounts `routes` and calls start and stop. Nothing
here needs Slack to be up in order to start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import aiohttp
from aiohttp import web

from agents.ports import Sessions
from bot import wiring
from bot.delivery import Changed
from bot.ingress import Ingress
from bot.placing import SlackPlacing
from bot.settings import SlackSettings
from bot.socket_mode import SocketMode
from bot.turns import Asks
from security.ports import AuditLog, RoleBindings
from workflows.ports import Dispatcher, Inbox, Messages, Runs

logger = logging.getLogger("aiops.slack")

PATH = "/slack/events"


class SlackService:
    """Slack, for as long as the process runs. *changed* waits for message rows to change, at most the given seconds;
    *seal* and *unseal* encrypt what must not lie readable in the database.
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
        decisions: wiring.Decisions,
        dispatcher: Dispatcher,
        changed: Changed,
        clock: Callable[[], datetime],
        seal: Callable[[str], str],
        unseal: Callable[[str], str],
        audit_log: AuditLog | None = None,
        checkpoint: Callable[[str], None] = wiring.passed,
        counted: Callable[[str, str], None] = wiring.uncounted,
    ) -> None:
        around = wiring.Surroundings(
            inbox=inbox,
            messages=messages,
            runs=runs,
            sessions=sessions,
            bindings=bindings,
            conversation=conversation,
            decisions=decisions,
            dispatcher=dispatcher,
            changed=changed,
            clock=clock,
            seal=seal,
            unseal=unseal,
            audit_log=audit_log,
            checkpoint=checkpoint,
            counted=counted,
        )
        parts = wiring.Parts(settings, around)
        self.placing = SlackPlacing(around.new_id)
        self._settings = settings
        self._parts = parts
        self._turns = wiring.turns(settings, around, parts)
        self._delivery = wiring.delivery(settings, around, parts)
        app = wiring.app(settings, around, parts)
        self._ingress = Ingress(app, settings.signing_secrets, clock)
        self._socket = SocketMode(app, parts.client, settings.app_token) if settings.app_token else None

    async def turn(self, lane: str) -> None:
        """The Drive of lanes that begin with ``slack:``."""
        await self._turns.turn(lane)

    def routes(self) -> Sequence[web.RouteDef]:
        """The HTTP door; none in Socket Mode, where nothing from outside is expected."""
        return [] if self._socket else [web.post(PATH, self._ingress.serve)]

    async def start(self) -> None:
        self._parts.client.session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.call_timeout), trust_env=True
        )
        self._parts.background.start(self._parts.installation.learn(), name="auth.test", endless=True)
        self._parts.background.start(supervised("delivery", self._delivery.run), name="delivery loop", endless=True)
        if self._socket:
            self._parts.background.start(supervised("Socket Mode", self._socket.run), name="socket loop", endless=True)

    async def stop(self, *, grace: float = 3.0) -> None:
        """Calls under way have *grace* seconds; what is cut off is found again at the next start."""
        await self._parts.background.stop(grace=grace)
        if self._parts.client.session is not None:
            await self._parts.client.session.close()

    async def readiness(self) -> Mapping[str, str]:
        """What is wrong right now, by name; empty when all is well."""
        problems = {}
        if not self._parts.installation.known:
            problems["slack"] = self._parts.installation.problem
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
