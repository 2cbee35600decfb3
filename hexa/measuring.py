"""The inbox, counted: what arrives, how long it waits, how it ends. Everything else is passed through."""

from collections.abc import Callable, Sequence
from datetime import datetime

from observability.metrics import Metrics
from workflows.ports import Inbox, InboxItem


class CountedInbox:
    """``workflows.ports.Inbox`` around another one."""

    def __init__(self, inbox: Inbox, metrics: Metrics, *, clock: Callable[[], datetime]) -> None:
        self._inbox = inbox
        self._metrics = metrics
        self._clock = clock
        self._taken: dict[str, str] = {}  # id to kind, of items that are worked on

    async def accept(self, item: InboxItem) -> bool:
        began = self._clock()
        accepted = await self._inbox.accept(item)
        self._metrics.inbox_accepted(kind=item.kind, outcome="new" if accepted else "duplicate")
        self._metrics.acknowledged(duration=(self._clock() - began).total_seconds())
        return accepted

    async def lanes(self) -> Sequence[str]:
        return await self._inbox.lanes()

    async def take(self, lane: str) -> InboxItem | None:
        item = await self._inbox.take(lane)
        if item is not None:
            self._taken[item.id] = item.kind
            if item.attempts <= 1:
                lag = (self._clock() - item.received_at).total_seconds()
                self._metrics.inbox_started(kind=item.kind, lag=lag)
        return item

    async def finish(self, item_id: str, *, outcome: str) -> None:
        await self._inbox.finish(item_id, outcome=outcome)
        self._metrics.inbox_finished(kind=self._taken.pop(item_id, "unknown"), outcome=outcome)
