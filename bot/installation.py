"""Who we are in Slack: asked once in the background, because starting must not depend on Slack being up."""

import asyncio
import logging

from bot import errors
from bot.calls import SlackCalls

logger = logging.getLogger("aiops.slack")

#: Answers of auth.test that only a human can change.
UNUSABLE_TOKEN = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope"}
)


class Installation:
    """The bot's own identity; empty until Slack has told it."""

    def __init__(self, calls: SlackCalls) -> None:
        self._calls = calls
        self.team_id = ""
        self.user_id = ""
        self.bot_id = ""
        self.problem = "Slack has not answered yet"

    @property
    def known(self) -> bool:
        return bool(self.user_id)

    def bot_user(self, team: str) -> str:
        return self.user_id if not team or team == self.team_id or not self.team_id else ""

    async def learn(self, *, first_delay: float = 1.0, longest_delay: float = 60.0) -> None:
        """Ask until answered."""
        delay = first_delay
        while not await self._asked():
            await asyncio.sleep(delay)
            delay = min(longest_delay, delay * 2)

    async def _asked(self) -> bool:
        try:
            answer = await self._calls.call("auth.test")
        except errors.SlackRefused as refusal:
            self.problem = f"Slack refuses the bot token ({refusal.code}); set SLACK_BOT_TOKEN to the app's xoxb- token"
            level = logging.ERROR if refusal.code in UNUSABLE_TOKEN else logging.WARNING
            logger.log(level, "%s", self.problem)
            return False
        except errors.SlackUnavailable as problem:
            self.problem = f"Slack cannot be reached ({problem.code}); trying again"
            logger.warning("%s", self.problem)
            return False
        self.team_id, self.user_id = str(answer.get("team_id", "")), str(answer.get("user_id", ""))
        self.bot_id, self.problem = str(answer.get("bot_id", "")), ""
        logger.info("connected to Slack team %s as %s", self.team_id, self.user_id)
        return True
