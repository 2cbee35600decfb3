"""Who may come in: the place first, then the person; whoever is turned away is told why, and it is audited.

While Slack does not say who somebody is, the request waits at the door: it was accepted, an outage must not lose it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bot import errors
from bot.channels import Channels
from bot.identity import Denied, SlackDirectory, denied, unchecked
from bot.settings import SlackSettings
from security import audit
from security.ports import AuditLog
from security.subjects import Person
from workflows.ports import InboxItem

#: An outage of Slack is waited out this long; nobody expects an answer any more to what was asked before.
OUTAGE = timedelta(minutes=10)
LONGEST_PAUSE = 5.0

logger = logging.getLogger("aiops.slack")


class Door:
    """Admits the author of an inbox item. Without an audit log refusals are only logged."""

    def __init__(
        self,
        *,
        settings: SlackSettings,
        directory: SlackDirectory,
        channels: Channels,
        audit_log: AuditLog | None,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._channels = channels
        self._audit = audit_log
        self._clock = clock
        self._sleep = sleep

    async def admit(self, item: InboxItem) -> Person | Denied:
        """The person, or the sentence for them alone."""
        answer = await self._waited_for(item)
        if isinstance(answer, Denied):
            await self.turned_away(item.payload, answer.code, request_id=item.id)
        return answer

    async def _waited_for(self, item: InboxItem) -> Person | Denied:
        pause = 0.5
        while True:
            try:
                return await self._looked_up(item.payload)
            except errors.SlackUnavailable as problem:
                if self._clock() - item.received_at >= OUTAGE:
                    return unchecked()
                logger.warning("request %s waits for Slack: %s", item.id, problem)
            await self._sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def turned_away(
        self, payload: Mapping[str, Any], reason: str, *, request_id: str, person: Person | None = None
    ) -> None:
        """Record a refusal, before it is told."""
        logger.info("Slack user %s is refused: %s", payload["user"], reason)
        if self._audit is not None:
            actor = person.id if person else f"slack:{payload['team']}:{payload['user']}"
            await self._audit.append(self._event(payload, reason, actor=actor, request_id=request_id))

    async def _looked_up(self, payload: Mapping[str, Any]) -> Person | Denied:
        if payload.get("shared") or await self._shared(payload):
            return denied(
                "This channel is shared with another organisation, so I do not work here.",
                "Ask me in a direct message or in a channel of your own workspace.",
                code="shared_channel",
            )
        return await self._directory.who(team=payload["team"], user=payload["user"], user_team=payload["user_team"])

    async def _shared(self, payload: Mapping[str, Any]) -> bool:
        """A refused look-up counts as shared, which refuses; one that Slack cannot answer now is tried again."""
        if payload["direct"]:
            return False
        try:
            return (await self._channels.info(payload["team"], payload["channel"])).shared
        except errors.SlackRefused as refusal:
            logger.warning("cannot look at channel %s: %s", payload["channel"], refusal.code)
            return True

    def _event(self, payload: Mapping[str, Any], reason: str, *, actor: str, request_id: str) -> audit.Event:
        team, channel = payload["team"], payload["channel"]
        return audit.Event(
            type="authorization_denied",
            workspace_id=self._settings.workspace(team=team, channel=channel),
            actor=actor,
            action=payload.get("action", "ask"),
            outcome="denied",
            at=self._clock(),
            reason=reason,
            request_id=request_id,
            details={"surface": "slack", "channel": channel},
        )
