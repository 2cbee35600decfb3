"""One verb of the dispatcher: at most one pass at a time per subject, and none of a call's meaning lost.

A call says "look at this". While a pass over the subject runs, any number of calls ask for exactly one more, because
what they point at may have been written after the pass had read it. A pass that fails is logged and made again after
a growing pause, so a poisoned subject neither spins nor is forgotten.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import Final

from workflows.ports import Drive

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0

logger = logging.getLogger("aiops.storage")


def growing(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (failures - 1))


class Passes:
    def __init__(self, name: str, drive: Drive, *, limit: int, pause: Callable[[int], float] = growing) -> None:
        """At most *limit* passes run at the same time, over all subjects."""
        self._name = name
        self._drive = drive
        self._pause = pause
        self._room = asyncio.Semaphore(limit)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asked_again: set[str] = set()
        self._stopped = False

    def call(self, subject: str) -> None:
        if self._stopped:
            return
        if subject in self._tasks:
            self._asked_again.add(subject)
            return
        # A context of its own: the pass belongs to its subject, not to the request that happened to call.
        self._tasks[subject] = asyncio.create_task(
            self._pursue(subject), name=f"{self._name} {subject}", context=contextvars.Context()
        )

    async def drain(self) -> None:
        """Wait until nothing runs and nothing is asked for."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def stop(self) -> None:
        """Cancel what runs and wait until it has ended; later calls do nothing."""
        self._stopped = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _pursue(self, subject: str) -> None:
        failures = 0
        try:
            while True:
                self._asked_again.discard(subject)
                async with self._room:
                    passed = await self._pass(subject)
                if not passed:
                    failures += 1
                    await asyncio.sleep(self._pause(failures))
                elif subject in self._asked_again:
                    failures = 0
                else:
                    return
        finally:
            self._tasks.pop(subject, None)
            self._asked_again.discard(subject)

    async def _pass(self, subject: str) -> bool:
        try:
            await self._drive(subject)
        except Exception:
            logger.exception("%s of %s failed and is made again", self._name, subject)
            return False
        return True
