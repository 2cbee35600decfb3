"""Drives lanes, runs and timers with asyncio tasks of this process: the dispatcher for SQLite.

It holds no state that matters. At the start it finds in the tables whatever is unfinished; afterwards calls and the
signal of changes tell it where to look. It sleeps until the next timer is due or an approval changes, never polls.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from storage.dispatch.passes import Passes, growing
from storage.signals import TIMERS, Changes
from workflows import runs
from workflows.ports import Approvals, Drive, Inbox, Runs

TURNS: Final = 16
ADVANCES: Final = 64  #: a run mostly waits for its cluster; one slow rollout must not hold up the others
EXPIRIES: Final = 4
OVERDUE: Final = 5.0  #: seconds until a timer that is still due is looked at again

_TIMER: Final = "timers"


class InProcessDispatcher:
    """``workflows.ports.Dispatcher``."""

    def __init__(
        self,
        *,
        turn: Drive,
        advance: Drive,
        expire: Callable[[runs.Approval], Awaitable[None]],
        inbox: Inbox,
        runs: Runs,
        approvals: Approvals,
        changed: Changes,
        clock: Callable[[], datetime],
        interrupt: Callable[[str], None] = lambda _subject: None,
        turns: int = TURNS,
        advances: int = ADVANCES,
        pause: Callable[[int], float] = growing,
    ) -> None:
        """*expire* ends an approval whose timer is due; *interrupt* stops what works on a lane or run."""
        self._expire = expire
        self._inbox = inbox
        self._runs = runs
        self._approvals = approvals
        self._changed = changed
        self._clock = clock
        self._interrupt = interrupt
        self._turns = Passes("turn", turn, limit=turns, pause=pause)
        self._advances = Passes("advance", advance, limit=advances, pause=pause)
        self._expiries = Passes("expiry", self._expire_one, limit=EXPIRIES, pause=pause)
        self._timers = Passes("timer", self._watch_timers, limit=1, pause=pause)

    async def start(self) -> None:
        """Take up what an earlier process left, and begin to watch the timers."""
        for lane in await self._inbox.lanes():
            self.turn(lane)
        for run_id in await self._runs.unfinished():
            self.advance(run_id)
        self._timers.call(_TIMER)

    def turn(self, lane: str) -> None:
        self._turns.call(lane)

    def advance(self, run_id: str) -> None:
        self._advances.call(run_id)

    def interrupt(self, subject: str) -> None:
        self._interrupt(subject)

    async def drain(self, timeout: float) -> bool:
        """Let turns and runs come to their end; False when some still work after *timeout* seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._turns.drain()
                await self._advances.drain()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Cut off whatever runs; its rows say where to go on."""
        for passes in (self._timers, self._turns, self._advances, self._expiries):
            await passes.stop()

    async def _watch_timers(self, subject: str) -> None:
        """One look at the timers, then a wait for the next; asks for the next look itself."""
        seen = self._changed.version(TIMERS)
        due_at = await self._approvals.next_due()
        if due_at is None:
            await self._changed.wait(TIMERS, seen)
        elif (seconds := (due_at - self._clock()).total_seconds()) > 0:
            await self._changed.wait(TIMERS, seen, seconds)
        else:
            for approval in await self._approvals.due(self._clock()):
                self._expiries.call(approval.id)
            await self._changed.wait(TIMERS, seen, OVERDUE)
        self._timers.call(subject)

    async def _expire_one(self, approval_id: str) -> None:
        approval = await self._approvals.get(approval_id)
        if approval is not None:
            await self._expire(approval)
