"""How soon again: edits of one message, attempts after failures, lanes that tripped.

Slack allows 50 edits a minute for a whole team, so progress is merged; what people wait for is not. All of it is in
memory: after a restart everything may go at once.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable

GAP = 2.0  #: seconds between edits that show nothing but progress
REST = 5.0
SHORTEST = 0.5
LONGEST = 60.0
REMEMBERED = 5_000


class Pacing:
    def __init__(self, *, now: Callable[[], float] | None = None, gap: float = GAP) -> None:
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._gap = gap
        self._edits: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._failures: OrderedDict[str, int] = OrderedDict()
        self._resting: dict[str, float] = {}
        self._held: dict[str, float] = {}

    def too_soon(self, message_id: str, mood: str) -> bool:
        """Whether an edit has to wait; a decision and an end never do."""
        at, last_mood = self._edits.get(message_id, (float("-inf"), mood))
        free_at = at + self._gap
        if mood != last_mood or self._now() >= free_at:
            self._held.pop(message_id, None)
            return False
        self._held[message_id] = free_at
        return True

    def shown(self, message_id: str, mood: str, *, edited: bool) -> None:
        self._failures.pop(message_id, None)
        self._held.pop(message_id, None)
        self._edits[message_id] = (self._now() if edited else float("-inf"), mood)
        while len(self._edits) > REMEMBERED:
            self._edits.popitem(last=False)

    def backoff(self, message_id: str, *, at_least: float = 0.0) -> float:
        """Seconds until the next attempt, longer each time, never exactly the same."""
        failures = self._failures[message_id] = self._failures.get(message_id, 0) + 1
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        wait: float = min(LONGEST, max(SHORTEST, at_least) * 2 ** min(failures - 1, 16))
        return wait * random.uniform(0.8, 1.2)  # noqa: S311 -- jitter

    def failures(self, message_id: str) -> int:
        return self._failures.get(message_id, 0)

    def rest(self, lane: str, seconds: float | None = None) -> None:
        self._resting[lane] = self._now() + (REST if seconds is None else seconds)

    def resting(self, lane: str) -> bool:
        until = self._resting.get(lane)
        if until is None or self._now() >= until:
            self._resting.pop(lane, None)
            return False
        return True

    def next_wake(self) -> float:
        """Seconds until something held back may go; a bound for the next look at the rows."""
        now, waits = self._now(), [LONGEST]
        for held in (self._held, self._resting):
            waits += [until - now for until in held.values()]
            for key in [key for key, until in held.items() if until <= now]:
                del held[key]  # it is looked at again at once
        return max(0.01, min(waits))
