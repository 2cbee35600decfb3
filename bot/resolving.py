"""Who sees a card: the row ``approvers`` becomes the messages that are posted, with look-ups at that moment.

The requester's thread if somebody who may decide can read it, and then nobody else is disturbed. Else the
workspace's approvals channel, else a direct message to each of them, while the requester keeps a card without
buttons. When nobody can be reached the requester is told what to do.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from agents import replies
from bot import places
from bot.channels import Channels
from bot.identity import SlackDirectory
from bot.installation import Installation
from security.subjects import Person
from workflows import runs
from workflows.ports import Message, Place

logger = logging.getLogger("aiops.slack")

#: More direct messages than this about one request are noise; the rest find it with `hexa approvals`.
AT_MOST = 20


class Approvers(Protocol):
    """The part of `workflows.approvals.Decisions` this needs."""

    async def approvers(self, run: runs.Run) -> Sequence[Person]: ...


class Resolver:
    """Turns one message into those that stand for it."""

    def __init__(
        self,
        *,
        decisions: Approvers,
        directory: SlackDirectory,
        channels: Channels,
        installation: Installation,
        approvals_channels: Mapping[str, str],
        new_id: Callable[[], str],
    ) -> None:
        self._decisions = decisions
        self._directory = directory
        self._channels = channels
        self._installation = installation
        self._approvals_channels = approvals_channels
        self._new_id = new_id

    async def cards(self, message: Message, run: runs.Run) -> list[Message]:
        """The messages of an ``approvers`` row; raises SlackUnavailable when Slack does not say enough."""
        origin = places.origin_of(message.place)
        people = await self._decisions.approvers(run)
        if origin is None:
            return await self._elsewhere(message, run, people, team=self._installation.team_id)
        if await self._readable(origin, run, people):
            return [self._copy(message, "thread", origin, role="approver")]
        own = self._copy(message, "thread", origin, role="requester")
        others = await self._elsewhere(message, run, people, team=origin.address["team"])
        return [own, *(others or [self._unreachable(message, origin)])]

    async def in_person(self, message: Message, run: runs.Run) -> list[Message]:
        """What stands for a message that cannot be posted where it should be."""
        team = message.place.address.get("team") or self._installation.team_id
        people = await self._decisions.approvers(run)
        if message.place.address["kind"] == "channel":
            return await self._each(message, run, people, team)
        requester = places.person(team=team, person_id=run.plan.requester_id)
        may_decide = run.plan.requester_id in {person.id for person in people}
        own = self._copy(message, "requester", requester, role="approver" if may_decide else "requester")
        if message.role != "approver" or may_decide:
            return [own]
        return [own, *await self._elsewhere(message, run, people, team=team)]

    def to_person(self, message: Message, place: Place) -> Message:
        """The same message at another place."""
        return self._copy(message, "direct", place, role=message.role)

    async def _readable(self, origin: Place, run: runs.Run, people: Sequence[Person]) -> bool:
        """Whether somebody who may decide reads the place where the request was made."""
        ids = {person.id for person in people}
        team, channel = origin.address["team"], origin.address["channel"]
        known = await self._channels.info(team, channel)
        if known.direct or not known.member:
            return run.plan.requester_id in ids
        if not known.private:
            return bool(ids)
        members = await self._channels.members(team, channel)
        users = {await self._directory.user_of(team=team, person_id=each) for each in sorted(ids)}
        return bool(members & users)

    async def _elsewhere(
        self, message: Message, run: runs.Run, people: Sequence[Person], *, team: str
    ) -> list[Message]:
        if channel := self._approvals_channels.get(run.plan.workspace_id):
            place = places.channel(team=team, channel=channel)
            return [self._copy(message, "channel", place, role="approver")]
        return await self._each(message, run, people, team)

    async def _each(self, message: Message, run: runs.Run, people: Sequence[Person], team: str) -> list[Message]:
        found = []
        for person in people[:AT_MOST]:
            user = await self._directory.user_of(team=team, person_id=person.id)
            if user:
                place = places.direct(team=team, user=user)
                found.append(self._copy(message, f"person:{person.id}", place, role="approver"))
        if not found:
            logger.warning("run %s: none of %d approvers is reachable in Slack", run.id, len(people))
        return found

    def _copy(self, message: Message, name: str, place: Place, *, role: str) -> Message:
        key = f"{message.key}:{name}"
        return replace(message, id=self._new_id(), key=key, place=place, role=role, attempts=0, sending=False)

    def _unreachable(self, message: Message, origin: Place) -> Message:
        reply = replies.error(
            "Nobody who may approve this can be reached in Slack.",
            next_step=replies.text(
                "They can decide with ", replies.code("hexa approvals"), ". An admin can name an ",
                replies.code("approvals_channel"), " for this workspace.",
            ),
        )  # fmt: skip
        body = reply.model_dump(mode="json")
        return Message(
            id=self._new_id(), key=f"{message.key}:unreachable", kind="reply", place=origin, body=body,
            run_id=message.run_id,
        )  # fmt: skip
