"""A click on a card: believed only where the card stands, from the person Slack names, under today's policy.

The button carries the id of a run and nothing else. Whatever a click does not achieve is explained to the one who
clicked; what it does achieve everybody sees on the card.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from agents import replies
from bot import answers, places
from bot.door import Door
from bot.identity import Denied
from security.subjects import Person
from workflows import cards, runs
from workflows.approvals import Verdict
from workflows.ports import Dispatcher, InboxItem, Message, Messages, Runs

DECISIONS: Mapping[str, Literal["approved", "rejected"]] = {cards.APPROVE: "approved", cards.REJECT: "rejected"}


#: How often a click waits for its card to be recorded; by then the card has been found or was never there.
WAITS = 5


class CardNotRecorded(Exception):  # noqa: N818 -- a reason to wait, not a failure
    """The card is being posted; where it stands is known in a moment."""


class Decides(Protocol):
    """The part of `workflows.approvals.Decisions` this needs."""

    async def decide(
        self,
        *,
        run_id: str,
        person_id: str,
        decision: Literal["approved", "rejected"],
        surface: str,
        reason: str = "",
    ) -> Verdict: ...


class Clicks:
    """Decides, or says why not."""

    def __init__(
        self,
        *,
        decisions: Decides,
        messages: Messages,
        runs_: Runs,
        door: Door,
        dispatcher: Dispatcher,
        new_id: Callable[[], str],
    ) -> None:
        self._decisions = decisions
        self._messages = messages
        self._runs = runs_
        self._door = door
        self._dispatcher = dispatcher
        self._new_id = new_id

    async def clicked(self, item: InboxItem) -> str:
        """Handle one click; returns how the item ended."""
        payload = item.payload
        person = await self._door.admit(item)
        if isinstance(person, Denied):
            return await self._explain(item, person.reply, "denied")
        card = await self._card(payload)
        if card is None and item.attempts < WAITS and await self._being_posted(payload):
            raise CardNotRecorded
        if card is None:
            return await self._misplaced(item, person, "no_such_card_here")
        if payload["action"] == cards.DETAILS:
            return await self._details(item, card)
        decision = DECISIONS.get(payload["action"])
        if decision is None or card.role != "approver":
            return await self._misplaced(item, person, "no_such_button_here")
        return await self._decide(item, card.run_id, person, decision)

    async def _decide(
        self, item: InboxItem, run_id: str, person: Person, decision: Literal["approved", "rejected"]
    ) -> str:
        if item.attempts > 1 and await self._decided_by_this(run_id, person, decision):
            self._dispatcher.advance(run_id)
            return "done"
        verdict = await self._decisions.decide(
            run_id=run_id, person_id=person.id, decision=decision, surface=places.SURFACE
        )
        if not verdict.accepted:
            return await self._explain(item, verdict.reply, "refused")
        self._dispatcher.advance(run_id)
        return "done"

    async def _decided_by_this(self, run_id: str, person: Person, decision: str) -> bool:
        """The process died after the decision and before the item was finished: it took effect, nothing to explain."""
        run = await self._runs.get(run_id)
        approval = run.approval if run else None
        if approval is None or approval.decided_by != person.id:
            return False
        return (approval.decision is runs.Decision.APPROVED) == (decision == "approved")

    async def _card(self, payload: Mapping[str, Any]) -> Message | None:
        """The card that stands where the click says, if the button is its own."""
        ref = {"team": payload["team"], "channel": payload["channel"], "ts": payload["ts"]}
        found = await self._messages.at(places.SURFACE, ref)
        belongs = found is not None and found.kind == "card" and found.run_id == payload["value"]
        return found if belongs else None

    async def _being_posted(self, payload: Mapping[str, Any]) -> bool:
        """Whether a card of this run may stand in Slack without our knowing where: its posting was cut off."""
        return any(one.sending and one.ref is None for one in await self._messages.cards(payload["value"]))

    async def _misplaced(self, item: InboxItem, person: Person, reason: str) -> str:
        await self._door.turned_away(item.payload, reason, request_id=item.id, person=person)
        return await self._explain(item, not_here(), "refused")

    async def _details(self, item: InboxItem, card: Message) -> str:
        run = await self._runs.get(card.run_id)
        if run is None:
            return await self._explain(item, not_here(), "refused")
        return await self._explain(item, cards.details(run), "done")

    async def _explain(self, item: InboxItem, reply: replies.Reply, outcome: str) -> str:
        place = answers.to_clicker(item.payload)
        await self._messages.add(answers.message(item, "private", reply, place, id_=self._new_id()))
        return outcome


def not_here() -> replies.Reply:
    return replies.error(
        "This button does not belong to a request I posted here, so nothing was done.",
        next_step=replies.text("Requests that wait are listed by ", replies.code("approvals"), "."),
    )
