"""What Slack says about a channel, remembered for five minutes: who can read it decides what is shown there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot import errors
from bot.caching import AgingCache
from bot.calls import SlackCalls

KNOWN_FOR = 300.0
UNKNOWN_FOR = 30.0
MEMBERS_AT_MOST = 1000

#: We are not in there, so it cannot be looked at.
UNSEEN = frozenset({"channel_not_found", "not_in_channel", "method_not_supported_for_channel_type", "missing_scope"})


@dataclass(frozen=True, slots=True)
class Channel:
    """*seen* is False when Slack does not show it to us: a private channel without the bot."""

    seen: bool
    direct: bool = False
    private: bool = True
    shared: bool = False
    member: bool = False


def by_id(channel: str) -> Channel:
    """What the id alone says, for a Slack-compatible server that knows no conversations.info. Slack itself always
    does; there an id says nothing about privacy.
    """
    return Channel(seen=True, direct=channel.startswith("D"), private=not channel.startswith("C"), member=True)


def _read(found: Mapping[str, Any]) -> Channel:
    direct = bool(found.get("is_im"))
    return Channel(
        seen=True,
        direct=direct,
        private=bool(direct or found.get("is_private") or found.get("is_mpim")),
        shared=bool(found.get("is_ext_shared") or found.get("is_pending_ext_shared")),
        member=direct or bool(found.get("is_member", True)),
    )


class Channels:
    """conversations.info and conversations.members."""

    def __init__(self, calls: SlackCalls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._known: AgingCache[tuple[str, str], Channel] = AgingCache(clock)
        self._members: AgingCache[tuple[str, str], frozenset[str]] = AgingCache(clock, limit=200)

    async def info(self, team: str, channel: str) -> Channel:
        """Raises SlackUnavailable when Slack does not say."""
        if (cached := self._known.get((team, channel))) is not None:
            return cached
        try:
            answer = await self._calls.call("conversations.info", team=team, channel=channel)
        except errors.SlackRefused as refusal:
            if refusal.code == errors.UNKNOWN_METHOD:
                return self._known.put((team, channel), by_id(channel), seconds=KNOWN_FOR)
            if refusal.code not in UNSEEN:
                raise
            return self._known.put((team, channel), Channel(seen=False), seconds=UNKNOWN_FOR)
        found = answer.get("channel")
        known = _read(found) if found else by_id(channel)
        return self._known.put((team, channel), known, seconds=KNOWN_FOR if known.member else UNKNOWN_FOR)

    async def members(self, team: str, channel: str) -> frozenset[str]:
        """User ids of the first thousand members; empty when Slack does not show them to us."""
        if (cached := self._members.get((team, channel))) is not None:
            return cached
        try:
            answer = await self._calls.call("conversations.members", team=team, channel=channel, limit=MEMBERS_AT_MOST)
        except errors.SlackRefused:
            return frozenset()
        found = frozenset(str(each) for each in answer.get("members") or ())
        return self._members.put((team, channel), found, seconds=UNKNOWN_FOR)
