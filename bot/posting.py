"""Putting one rendered message where it belongs, and finding it again when its posting was cut off.

Every post carries the message's id as metadata. Slack has no idempotency key, so after an attempt whose end is not
known the thread is searched for that id first: a message is rather late than twice.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.ports import Sessions
from bot import errors, places
from bot.calls import SlackCalls
from bot.identity import SlackDirectory
from bot.installation import Installation
from bot.views.message import Rendered
from workflows.ports import Message

logger = logging.getLogger("aiops.slack")

EVENT = "hexa_message"
PAGES = 3
PAGE = 100
Ref = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Spot:
    """A resolved place. *user* set means: for them alone. *session* waits for its first message."""

    team: str
    channel: str
    root: str = ""
    user: str = ""
    session: str = ""


class Unreachable(Exception):  # noqa: N818 -- an answer, not a failure
    """There is no Slack user for this person."""


class Poster:
    """Posts, edits and finds messages."""

    def __init__(
        self,
        calls: SlackCalls,
        *,
        sessions: Sessions,
        directory: SlackDirectory,
        installation: Installation,
        unseal: Callable[[str], str],
    ) -> None:
        self._calls = calls
        self._sessions = sessions
        self._directory = directory
        self._installation = installation
        self._unseal = unseal

    async def spot(self, message: Message) -> Spot:
        """Where exactly; opens a direct message where needed."""
        address = message.place.address
        team = address.get("team") or self._installation.team_id
        match address["kind"]:
            case "direct" | "person":
                return Spot(team, await self._opened(team, await self._user(team, address)))
            case "session":
                return await self._session_spot(team, address)
            case "private":
                return Spot(team, address["channel"], address.get("thread_ts", ""), user=address["user"])
        return Spot(team, address["channel"], address.get("thread_ts", ""))

    async def post(self, message: Message, spot: Spot, rendered: Rendered) -> Ref:
        if spot.user:
            return await self._whisper(spot, rendered)
        where = {"thread_ts": spot.root} if spot.root else {}
        answer = await self._calls.call(
            "chat.postMessage",
            team=spot.team,
            channel=spot.channel,
            metadata={"event_type": EVENT, "event_payload": {"id": message.id}},
            unfurl_links=False,
            unfurl_media=False,
            **where,
            **_content(rendered),
        )
        return await self.settled(spot, str(answer.get("channel") or spot.channel), str(answer["ts"]))

    async def edit(self, message: Message, rendered: Rendered) -> Ref:
        ref = message.ref or {}
        await self._calls.call(
            "chat.update", team=ref["team"], channel=ref["channel"], ts=ref["ts"], **_content(rendered)
        )
        return ref

    async def respond(self, message: Message, rendered: Rendered) -> Ref:
        """To the one who sent a command or clicked, where the bot itself cannot write."""
        url = self._unseal(message.place.address["response_url"])
        await self._calls.respond(url, response_type="ephemeral", replace_original=False, **_content(rendered))
        return {"kind": "response_url"}

    async def find(self, message: Message, spot: Spot) -> Ref | None:
        """The message if an earlier attempt did post it; None also where Slack does not let us look."""
        if spot.user:
            return None  # ephemeral messages cannot be read back
        try:
            ts = await self._searched(message.id, spot)
        except errors.SlackRefused as refusal:
            logger.info("cannot look for message %s (%s), posting", message.id, refusal.code)
            return None
        return await self.settled(spot, spot.channel, ts) if ts else None

    async def settled(self, spot: Spot, channel: str, ts: str) -> Ref:
        """Note a posted message: the first of a command's session is the root of its thread."""
        if spot.session:
            key = places.thread_key(team=spot.team, channel=channel, root=ts)
            await self._sessions.alias(spot.session, surface=places.SURFACE, key=key)
        return {"team": spot.team, "channel": channel, "ts": ts}

    async def _searched(self, message_id: str, spot: Spot) -> str:
        method, where = ("conversations.replies", {"ts": spot.root}) if spot.root else ("conversations.history", {})
        cursor = ""
        for _ in range(PAGES):
            paging = {"cursor": cursor} if cursor else {}
            answer = await self._calls.call(
                method, team=spot.team, channel=spot.channel, include_all_metadata=True, limit=PAGE, **where, **paging
            )
            for each in answer.get("messages") or []:
                if _id_of(each) == message_id:
                    return str(each["ts"])
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        return ""

    async def _session_spot(self, team: str, address: Mapping[str, str]) -> Spot:
        """Below the root if there is one by now, else this message becomes it."""
        session = await self._sessions.get(address["session"]) if address.get("session") else None
        known = places.of_session(session) if session else None
        if known is not None and known.address["kind"] == "thread":
            return Spot(team, known.address["channel"], known.address["thread_ts"])
        return Spot(team, address["channel"], session=address.get("session", ""))

    async def _user(self, team: str, address: Mapping[str, str]) -> str:
        user = address.get("user") or await self._directory.user_of(team=team, person_id=address["person"])
        if not user:
            raise Unreachable
        return user

    async def _opened(self, team: str, user: str) -> str:
        try:
            answer = await self._calls.call("conversations.open", team=team, users=user)
        except errors.SlackRefused as refusal:
            if refusal.code != errors.UNKNOWN_METHOD:
                raise
            return user  # posting to a user opens the direct message by itself
        return str((answer.get("channel") or {}).get("id") or user)

    async def _whisper(self, spot: Spot, rendered: Rendered) -> Ref:
        where = {"thread_ts": spot.root} if spot.root else {}
        await self._calls.call(
            "chat.postEphemeral", team=spot.team, channel=spot.channel, user=spot.user, **where, **_content(rendered)
        )
        return {"kind": "ephemeral"}


def _content(rendered: Rendered) -> dict[str, Any]:
    # An edit without blocks would keep the old ones, so an empty list is sent too.
    return {"text": rendered.text, "blocks": list(rendered.blocks)}


def _id_of(posted: Mapping[str, Any]) -> str:
    metadata = posted.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return str(payload.get("id", "")) if metadata.get("event_type") == EVENT else ""
