"""Where the cards of a run go in Slack. Pure: what needs a look-up becomes one row, resolved when it is delivered.

A run that waits gets a single row ``approvers``; see `bot.resolving` for what becomes of it.
"""

from collections.abc import Callable, Sequence

from agents import replies
from agents.ports import Session
from bot import places
from workflows import runs
from workflows.ports import Message, Place


class SlackPlacing:
    """`workflows.ports.Placing` for Slack; asked for every run, whatever surface it came from."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id

    def cards(self, run: runs.Run, session: Session) -> Sequence[Message]:
        origin = places.of_session(session)
        if _waits(run):
            return (self._card(run, places.approvers(origin), name="card", role="approver"),)
        if origin is None:
            return ()
        return (self._card(run, origin, name="card", role="requester"),)

    def outcome(self, run: runs.Run, session: Session, reply: replies.Reply) -> Sequence[Message]:
        origin = places.of_session(session)
        if origin is None:
            return ()
        body = reply.model_dump(mode="json")
        key = f"slack:run:{run.id}:outcome"
        return (Message(id=self._new_id(), key=key, kind="reply", place=origin, body=body, run_id=run.id),)

    def _card(self, run: runs.Run, place: Place, *, name: str, role: str) -> Message:
        key = f"slack:run:{run.id}:{name}"
        return Message(
            id=self._new_id(), key=key, kind="card", place=place, run_id=run.id, role=role, wanted=run.version
        )


def _waits(run: runs.Run) -> bool:
    return run.approval is not None and run.approval.decision is runs.Decision.PENDING
