"""The one way out: everything Hexa says in Slack is a row that is shown until what is shown is what is wanted.

Level-triggered: a card is rendered from its run at the moment of the call, so a missed or merged change shows the
latest state. One conversation is served in order, by one task; conversations do not wait for each other. A failed
attempt is put off, for good reasons given up, and where a place is closed the message is told in another way.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from bot import errors, places
from bot.background import Background
from bot.pacing import Pacing
from bot.posting import Poster, Ref, Unreachable
from bot.refusals import Verdict, of_edit, of_post
from bot.resolving import Resolver
from bot.showing import Face, Showing
from workflows.ports import Message, Messages

logger = logging.getLogger("aiops.slack")

IDLE = 30.0
BATCH = 200
AT_ONCE = 8
HOPELESS = 10  #: failures of one message that nobody expected

Changed = Callable[[float], Awaitable[object]]


class Delivery:
    """Shows messages. *changed* returns when rows may have changed, or after the given seconds."""

    def __init__(
        self,
        *,
        messages: Messages,
        showing: Showing,
        poster: Poster,
        resolver: Resolver,
        background: Background,
        changed: Changed,
        clock: Callable[[], datetime],
        pacing: Pacing | None = None,
    ) -> None:
        self._messages = messages
        self._showing = showing
        self._poster = poster
        self._resolver = resolver
        self._background = background
        self._changed = changed
        self._clock = clock
        self._pacing = pacing or Pacing()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._current: dict[str, Message] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._poked = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        waiting: asyncio.Task[object] | None = None
        poked: asyncio.Task[object] | None = None
        try:
            while True:
                # The wait begins before the look, so that a change in between is not missed.
                if waiting is None or waiting.done():
                    if waiting is not None:
                        await waiting
                    waiting = asyncio.create_task(_wait(self._changed))
                self._poked.clear()
                delay = await self._round()
                if poked is None or poked.done():
                    poked = asyncio.create_task(self._poked.wait())
                await asyncio.wait({waiting, poked}, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (waiting, poked):
                if task is not None:
                    task.cancel()

    async def _round(self) -> float:
        """Start what can be started; seconds until something held back is due."""
        now = self._clock()
        # A lane that is served while the rows are read may be read as it was before.
        served = set(self._busy)
        due = await self._messages.due(places.SURFACE, now, limit=BATCH)
        lanes: defaultdict[str, list[Message]] = defaultdict(list)
        for message in due:
            lanes[places.lane(message.place)].append(message)
        for lane, batch in lanes.items():
            if lane not in served and not self._pacing.resting(lane):
                task = self._background.start(self._serve(lane, batch), name="delivery")
                self._busy[lane] = task
                task.add_done_callback(lambda done, lane=lane: self._served(lane, done))  # type: ignore[misc]
        return min(self._pacing.next_wake(), await self._until_next_due(now))

    async def _until_next_due(self, now: datetime) -> float:
        at = await self._messages.next_due(places.SURFACE)
        if at is None:
            return IDLE
        return min(IDLE, max(0.05, (at - now).total_seconds())) if at > now else IDLE

    def _served(self, lane: str, task: asyncio.Task[None]) -> None:
        """A task ended. After a failure nobody expected (Background has logged it) the lane rests, and a message
        that keeps failing is given up for the sake of those behind it.
        """
        self._busy.pop(lane, None)
        message = self._current.pop(lane, None)
        if not task.cancelled() and task.exception() is not None:
            self._pacing.rest(lane)
            if message is not None:
                self._pacing.backoff(message.id)
                if self._pacing.failures(message.id) >= HOPELESS:
                    self._background.start(self._give_up(message, "it cannot be shown"), name="give up")
        self._poked.set()

    async def _serve(self, lane: str, batch: Sequence[Message]) -> None:
        async with self._slots:
            held: datetime | None = None
            for message in batch:
                self._current[lane] = message
                if message.ref is None and held is not None:
                    # Nothing overtakes an earlier message of its conversation.
                    await self._messages.put_off(message.id, until=held, error="waits for an earlier message")
                    continue
                held = await self._deliver(message) or held
            del self._current[lane]
            if held is not None:
                self._pacing.rest(lane, (held - self._clock()).total_seconds())

    async def _deliver(self, message: Message) -> datetime | None:
        """Show one message; the time it was put off to, if nothing may be posted after it before."""
        try:
            if message.place.address["kind"] == "approvers":
                await self._resolve(message)
            elif (face := await self._showing.face(message)) is None:
                await self._messages.give_up(message.id, error="its run is gone")
            elif message.ref is None:
                return await self._post(message, face)
            else:
                await self._edit(message, face)
        except errors.SlackUnavailable as problem:
            return await self._put_off(message, problem)
        except errors.SlackRefused as refusal:
            return await self._refused(message, refusal)
        except (Unreachable, errors.ResponseUrlExpired) as problem:
            await self._give_up(message, type(problem).__doc__ or "")
        return None

    async def _resolve(self, message: Message) -> None:
        run = await self._showing.run_of(message)
        if run is None:
            await self._messages.give_up(message.id, error="its run is gone")
            return
        into = await self._resolver.cards(message, run)
        if into:
            await self._messages.expand(message.id, into)
        else:
            await self._give_up(message, "nobody who may approve can be reached in Slack")

    async def _post(self, message: Message, face: Face) -> datetime | None:
        spot = await self._poster.spot(message)
        ref = await self._poster.find(message, spot) if message.sending else None
        if ref is not None:
            logger.info("message %s was posted before; adopted", message.id)
            # Posted in an unknown version: shown again, as an edit.
            await self._shown(message, ref, version=0 if message.kind == "card" else face.version, mood="")
            return None
        await self._messages.begin(message.id)
        try:
            ref = await self._poster.post(message, spot, face.rendered)
        except errors.SlackRefused as refusal:
            if of_post(refusal.code) is not Verdict.CONTENT:
                raise
            logger.warning("Slack does not take the blocks of message %s: %s", message.id, refusal.code)
            ref = await self._poster.post(message, spot, face.undressed)
        await self._shown(message, ref, version=face.version, mood=face.mood)
        return None

    async def _edit(self, message: Message, face: Face) -> None:
        if self._pacing.too_soon(message.id, face.mood):
            return
        try:
            ref = await self._poster.edit(message, face.rendered)
        except errors.SlackRefused as refusal:
            if of_edit(refusal.code) is not Verdict.CONTENT:
                raise
            logger.warning("Slack does not take the blocks of message %s: %s", message.id, refusal.code)
            ref = await self._poster.edit(message, face.undressed)
        await self._shown(message, ref, version=face.version, mood=face.mood)

    async def _shown(self, message: Message, ref: Ref, *, version: int, mood: str) -> None:
        self._pacing.shown(message.id, mood, edited=message.ref is not None)
        await self._messages.shown(message.id, version=version, ref=ref)

    async def _put_off(self, message: Message, problem: errors.SlackUnavailable) -> datetime | None:
        wait = problem.retry_after if isinstance(problem, errors.SlackRateLimited) else self._pacing.backoff(message.id)
        until = self._clock() + timedelta(seconds=wait)
        logger.warning("message %s is put off for %.1f s: %s", message.id, wait, problem)
        if not (problem.applied and problem.method == "chat.postMessage"):
            await self._messages.put_off(message.id, until=until, error=str(problem))
        # Else it may stand there already, and the row keeps the mark that makes the next attempt look first.
        return until if message.ref is None else None

    async def _refused(self, message: Message, refusal: errors.SlackRefused) -> datetime | None:
        verdict = of_post(refusal.code) if message.ref is None else of_edit(refusal.code)
        if verdict is Verdict.LATER:
            logger.error("Slack refuses to work for us (%s); check the app's token and scopes", refusal.code)
            until = self._clock() + timedelta(seconds=self._pacing.backoff(message.id, at_least=30))
            await self._messages.put_off(message.id, until=until, error=refusal.code)
            return until
        if verdict is Verdict.ELSEWHERE and await self._tell_elsewhere(message):
            return None
        await self._give_up(message, str(refusal))
        return None

    async def _tell_elsewhere(self, message: Message) -> bool:
        """The place is closed to us: through the command's own address, else in person. False: no other way."""
        address = message.place.address
        if message.kind == "reply" and address.get("response_url") and await self._responded(message):
            return True
        if address["kind"] in {"direct", "person"}:
            return False
        into: list[Message] = []
        if address.get("user"):
            place = places.direct(team=address.get("team", ""), user=address["user"])
            into = [self._resolver.to_person(message, place)]
        elif run := await self._showing.run_of(message):
            into = await self._resolver.in_person(message, run)
        if into:
            await self._messages.expand(message.id, into)
        return bool(into)

    async def _responded(self, message: Message) -> bool:
        face = await self._showing.face(message)
        if face is None:
            return False
        try:
            ref = await self._poster.respond(message, face.rendered)
        except errors.ResponseUrlExpired:
            return False
        await self._shown(message, ref, version=face.version, mood=face.mood)
        return True

    async def _give_up(self, message: Message, why: str) -> None:
        logger.error("message %s (%s) is not shown in Slack: %s", message.id, message.key, why)
        await self._messages.give_up(message.id, error=why)


async def _wait(changed: Changed) -> object:
    return await changed(IDLE)
