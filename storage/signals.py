"""Wakes whoever waits for rows of a kind to change, within this process, so that nobody polls.

A signal is a version per topic, raised after commit. It carries no data and may be raised for nothing: whoever
wakes reads the rows. Belongs to one event loop.
"""

import asyncio
from collections import defaultdict

INBOX, MESSAGES, RUNS = "inbox", "messages", "runs"
TIMERS = "timers"  #: an approval was created or ended, so another timer may be the next


class Changes:
    """``seen = changed.version(topic)``, look at the rows, then ``await changed.wait(topic, seen)``: a change
    between the two is not missed.
    """

    def __init__(self) -> None:
        self._versions: defaultdict[str, int] = defaultdict(int)
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def version(self, topic: str) -> int:
        return self._versions[topic]

    def notify(self, *topics: str) -> None:
        for topic in topics:
            self._versions[topic] += 1
            self._events.pop(topic, asyncio.Event()).set()

    async def wait(self, topic: str, seen: int, timeout: float | None = None) -> int:
        """The version, as soon as it differs from *seen*, or after *timeout* seconds whatever it is."""
        try:
            async with asyncio.timeout(timeout):
                while self._versions[topic] == seen:
                    await self._events[topic].wait()
        except TimeoutError:
            pass
        return self._versions[topic]
