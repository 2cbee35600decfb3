"""One lane of the inbox, item after item: who asked, what they asked, and the answer as a stored message.

An item is finished after its answer is stored, under a key made of the item's id: after a crash it is taken again
and nothing is said twice. Nothing is posted from here but the reaction that says "seen".
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from agents import replies
from agents.chat.conversation import Answer, Question
from agents.ports import Sessions
from bot import answers, errors, places
from bot.background import Background
from bot.calls import SlackCalls
from bot.clicks import CardNotRecorded, Clicks
from bot.door import Door
from bot.identity import Denied
from bot.settings import SlackSettings
from security.subjects import Person
from workflows.ports import Inbox, InboxItem, Messages, Place

logger = logging.getLogger("aiops.slack")

ATTEMPTS = 5
SEEN = "eyes"
Payload = Mapping[str, Any]


class Asks(Protocol):
    """`agents.chat.conversation.Conversation`."""

    async def ask(self, question: Question) -> Answer: ...


class Turns:
    """The Drive of Slack lanes."""

    def __init__(
        self,
        *,
        settings: SlackSettings,
        inbox: Inbox,
        messages: Messages,
        sessions: Sessions,
        conversation: Asks,
        clicks: Clicks,
        door: Door,
        calls: SlackCalls,
        background: Background,
        new_id: Callable[[], str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._messages = messages
        self._sessions = sessions
        self._conversation = conversation
        self._clicks = clicks
        self._door = door
        self._calls = calls
        self._background = background
        self._new_id = new_id
        self._sleep = sleep

    async def turn(self, lane: str) -> None:
        """Everything that waits in a lane, in order."""
        while (item := await self._inbox.take(lane)) is not None:
            outcome = await self._attempt(item)
            if outcome:
                await self._inbox.finish(item.id, outcome=outcome)

    async def _attempt(self, item: InboxItem) -> str:
        """How an item ended, empty when it is to be taken again."""
        if item.attempts > ATTEMPTS:
            return await self._bury(item)
        try:
            return await self._handled(item)
        except CardNotRecorded:
            logger.info("request %s waits for its card to be recorded", item.id)
            await self._sleep(0.5 * 2**item.attempts)
            return ""
        except Exception:
            # An edge: without it one message that trips over a fault would silence its thread for ever.
            logger.exception("request %s failed, attempt %d", item.id, item.attempts)
            if item.attempts >= ATTEMPTS:
                return await self._bury(item)
            await self._sleep(min(30.0, 0.5 * 2**item.attempts))
            return ""

    async def _bury(self, item: InboxItem) -> str:
        reply = replies.error(
            "Something went wrong on my side and I gave up on this request.",
            next_step=replies.text(
                "Whether something was changed stands on its card, if it has one. Please ask again; if it keeps "
                "failing, show an admin this request id: ",
                replies.code(item.id),
                ".",
            ),
        )
        await self._say(item, "dead", reply, answers.privately(item.payload))
        return "dead"

    async def _handled(self, item: InboxItem) -> str:
        match item.kind:
            case "message" | "command":
                return await self._asked(item)
            case "action":
                return await self._clicks.clicked(item)
            case "shortcut":
                await self._say(item, "answer", how_to_ask(), answers.privately(item.payload))
                return "done"
        logger.warning("inbox item %s is of unknown kind %s", item.id, item.kind)
        return "ignored"

    async def _asked(self, item: InboxItem) -> str:
        payload = item.payload
        if not await self._meant_for_us(payload):
            return "ignored"
        self._seen(payload)
        person = await self._door.admit(item)
        if isinstance(person, Denied):
            await self._say(item, "denied", person.reply, answers.privately(payload))
            return "denied"
        answer = await self._conversation.ask(self._question(item, person))
        if answer.reply is not None:
            await self._say(item, "answer", answer.reply, answers.openly(payload, session=answer.session_id))
        elif not answer.run_id:
            raise RuntimeError("the conversation ended without an answer and without a run")
        return "done"

    async def _meant_for_us(self, payload: Payload) -> bool:
        """A message in a thread, without a mention, is for us when the thread is one of our conversations."""
        if "root" not in payload or payload["direct"] or payload["mentioned"]:
            return True
        return await self._sessions.find(surface=places.SURFACE, key=session_key(payload)) is not None

    def _question(self, item: InboxItem, person: Person) -> Question:
        payload = item.payload
        return Question(
            surface=places.SURFACE,
            key=session_key(payload),
            workspace_id=self._settings.workspace(team=payload["team"], channel=payload["channel"]),
            person_id=person.id,
            text=payload["text"] or "help",
            trigger=trigger(payload),
        )

    def _seen(self, payload: Payload) -> None:
        if "ts" in payload:
            self._background.start(self._react(payload), name="reaction")

    async def _react(self, payload: Payload) -> None:
        """Decoration: it may fail."""
        try:
            await self._calls.call(
                "reactions.add", team=payload["team"], channel=payload["channel"], timestamp=payload["ts"], name=SEEN
            )
        except errors.SlackError as problem:
            logger.debug("no reaction: %s", problem)

    async def _say(self, item: InboxItem, name: str, reply: replies.Reply, place: Place) -> None:
        await self._messages.add(answers.message(item, name, reply, place, id_=self._new_id()))


def how_to_ask() -> replies.Reply:
    """What somebody else wrote is not a request; the one who used the shortcut has to put it into words."""
    return replies.reply(
        "To have me look into this message, reply in its thread and mention me with your question.",
        elements=(replies.Paragraph(text=replies.text("For example: ", replies.code("debug checkout in shop"))),),
    )


def session_key(payload: Payload) -> str:
    team, channel = payload["team"], payload["channel"]
    if "root" in payload:
        return places.thread_key(team=team, channel=channel, root=payload["root"])
    return places.command_key(team=team, channel=channel, trigger=payload["trigger"])


def trigger(payload: Payload) -> str:
    """The same for every delivery of the same message, whatever its event id."""
    if "root" in payload:
        return f"slack:{payload['team']}:{payload['channel']}:{payload['ts']}"
    return f"slack:{payload['team']}:command:{payload['trigger']}"
