"""What waits and what ran, as replies for the conversation. Everybody in a workspace may see both."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from agents import replies
from security.subjects import SecurityContext
from workflows import ports, runs

MOST = 15

Listing = Callable[[SecurityContext], Awaitable[replies.Reply]]


class Listings:
    def __init__(self, *, store: ports.Runs, approvals: ports.Approvals) -> None:
        self._store = store
        self._approvals = approvals

    def handlers(self) -> Mapping[str, Listing]:
        """By the verb of the command grammar."""
        return {"approvals": self._waiting, "runs": self._recent}

    async def _waiting(self, context: SecurityContext) -> replies.Reply:
        found = await self._approvals.waiting(context.workspace_id)
        if not found:
            return replies.reply("Nothing waits for a decision.")
        mine = sum(1 for run in found if context.user_id in run.plan.approvers)
        head = f"{_count(len(found), 'request')} for a decision, {mine} of them for yours."
        rows = [(run.plan.title, run.plan.requester_id, ", ".join(run.plan.approvers) or "nobody") for run in found]
        return _listed(head, ("What", "Asked by", "May approve"), rows)

    async def _recent(self, context: SecurityContext) -> replies.Reply:
        found = await self._store.recent(context.workspace_id, limit=MOST)
        if not found:
            return replies.reply("Nothing was run yet.")
        rows = [(run.plan.title, _state(run), run.plan.requester_id, run.id) for run in found]
        return _listed("The latest runs, newest first.", ("What", "State", "Asked by", "Run"), rows)


def _count(number: int, noun: str) -> str:
    return f"1 {noun} waits" if number == 1 else f"{number} {noun}s wait"


def _state(run: runs.Run) -> str:
    return run.state.value.replace("_", " ")


def _listed(head: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> replies.Reply:
    table = replies.Table(columns=columns, rows=tuple(rows[:MOST]), more=max(0, len(rows) - MOST))
    return replies.reply(head, elements=(table,))
