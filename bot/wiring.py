"""How the parts of the Slack adapter are put together. Plain constructors; the life of the parts is in bot.service."""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from agents.ports import Sessions
from bot.app import Intake, KnownAuthorize, build_app
from bot.background import Background
from bot.calls import SlackCalls
from bot.channels import Channels
from bot.clicks import Clicks, Decides
from bot.delivery import Changed, Delivery
from bot.door import Door
from bot.identity import SlackDirectory
from bot.incoming import Normaliser
from bot.installation import Installation
from bot.posting import Poster
from bot.resolving import Approvers, Resolver
from bot.settings import SlackSettings
from bot.showing import Showing
from bot.turns import Asks, Turns
from security.ports import AuditLog, RoleBindings
from workflows.ports import Dispatcher, Inbox, Messages, Runs


class Decisions(Decides, Approvers, Protocol):
    """`workflows.approvals.Decisions` as Slack needs it."""


def new_id() -> str:
    return uuid.uuid4().hex


def passed(_point: str) -> None:
    """Nobody watches the checkpoints, except a test that ends the process at one."""


def uncounted(_method: str, _outcome: str) -> None:
    """Nobody counts the calls of Slack's Web API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What Slack needs from the rest of Hexa."""

    inbox: Inbox
    messages: Messages
    runs: Runs
    sessions: Sessions
    bindings: RoleBindings
    conversation: Asks
    decisions: Decisions
    dispatcher: Dispatcher
    changed: Changed
    clock: Callable[[], datetime]
    seal: Callable[[str], str]
    unseal: Callable[[str], str]
    audit_log: AuditLog | None = None
    new_id: Callable[[], str] = new_id
    checkpoint: Callable[[str], None] = passed
    counted: Callable[[str, str], None] = uncounted


class Parts:
    """Slack itself, as far as several parts look at it."""

    def __init__(self, settings: SlackSettings, around: Surroundings) -> None:
        self.background = Background()
        self.client = AsyncWebClient(
            token=settings.bot_token,
            base_url=settings.base_url,
            retry_handlers=[],  # who calls knows what may be repeated
            logger=logging.getLogger("aiops.slack.sdk"),
        )
        self.calls = SlackCalls(self.client, counted=around.counted)
        self.installation = Installation(self.calls)
        self.directory = SlackDirectory(
            self.calls, around.bindings, self.installation, teams=settings.teams, clock=around.clock
        )
        self.channels = Channels(self.calls, around.clock)
        self.door = Door(
            settings=settings,
            directory=self.directory,
            channels=self.channels,
            audit_log=around.audit_log,
            clock=around.clock,
        )


def app(settings: SlackSettings, around: Surroundings, parts: Parts) -> AsyncApp:
    normalise = Normaliser(
        clock=around.clock,
        new_id=around.new_id,
        seal=around.seal,
        bot_user=parts.installation.bot_user,
        teams=settings.teams,
    )
    intake = Intake(normalise, around.inbox, around.dispatcher, around.checkpoint)
    return build_app(parts.client, intake, KnownAuthorize(parts.installation, settings.bot_token))


def turns(settings: SlackSettings, around: Surroundings, parts: Parts) -> Turns:
    return Turns(
        settings=settings,
        inbox=around.inbox,
        messages=around.messages,
        sessions=around.sessions,
        conversation=around.conversation,
        clicks=_clicks(around, parts),
        door=parts.door,
        calls=parts.calls,
        background=parts.background,
        new_id=around.new_id,
    )


def _clicks(around: Surroundings, parts: Parts) -> Clicks:
    return Clicks(
        decisions=around.decisions,
        messages=around.messages,
        runs_=around.runs,
        door=parts.door,
        dispatcher=around.dispatcher,
        new_id=around.new_id,
    )


def delivery(settings: SlackSettings, around: Surroundings, parts: Parts) -> Delivery:
    return Delivery(
        messages=around.messages,
        showing=Showing(around.runs, parts.directory, parts.installation, around.clock),
        poster=Poster(
            parts.calls,
            sessions=around.sessions,
            directory=parts.directory,
            installation=parts.installation,
            unseal=around.unseal,
        ),
        resolver=Resolver(
            decisions=around.decisions,
            directory=parts.directory,
            channels=parts.channels,
            installation=parts.installation,
            approvals_channels=settings.approvals_channels,
            new_id=around.new_id,
        ),
        background=parts.background,
        changed=around.changed,
        clock=around.clock,
    )
