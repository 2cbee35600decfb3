"""Tasks nobody awaits: kept, so that they are not collected, and their failures are seen."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger("aiops.slack")


class Background:
    """A set of running tasks."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._endless: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], *, name: str, endless: bool = False) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=f"slack {name}")
        self._tasks.add(task)
        if endless:
            self._endless.add(task)
        task.add_done_callback(self._ended)
        return task

    async def stop(self, *, grace: float) -> None:
        """End what is endless, give the rest a moment, then cut it off."""
        await _cancelled(set(self._endless))
        if self._tasks and grace > 0:
            await asyncio.wait(set(self._tasks), timeout=grace)
        await _cancelled(set(self._tasks))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._endless.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            logger.error("%s failed", task.get_name(), exc_info=problem)


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
