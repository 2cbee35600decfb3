"""The engine under all controllers: changed keys are queued, worked off one by one, and may ask to be called again.

A reconciliation is a synchronous function of the present state, so it is atomic on the event loop and needs no
memory: after a restart every key is queued once. With nothing queued and no timer due nothing runs.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from demo.objects import name_of, namespace_of
from demo.resources import Resource
from demo.store import Change, Store

Key = tuple[str, str]
Reconcile = Callable[[str, str], float | None]
"""Called with namespace and name; returns seconds after which to be called again, or None."""

_BACKOFF = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Controller:
    resource: Resource
    reconcile: Reconcile
    also_on: Callable[[Change], list[Key]] = lambda _: []
    """Keys of this controller that a change of another resource concerns."""


class Reconciler:
    def __init__(self, store: Store, controllers: list[Controller]) -> None:
        self._store = store
        self._controllers = controllers
        self._dirty: dict[tuple[int, Key], None] = {}
        self._timers: dict[tuple[int, Key], asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Bring everything up to date at once, then go on in the background."""
        self._unsubscribe = self._store.subscribe(self._notice)
        for index, controller in enumerate(self._controllers):
            for obj in self._store.listed(controller.resource):
                self._enqueue(index, (namespace_of(obj), name_of(obj)))
        self._drain()
        self._task = asyncio.create_task(self._run(), name="demo-controllers")

    async def stop(self) -> None:
        self._unsubscribe()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _notice(self, change: Change) -> None:
        for index, controller in enumerate(self._controllers):
            if change.resource == controller.resource.key:
                self._enqueue(index, (namespace_of(change.object), name_of(change.object)))
            for key in controller.also_on(change):
                self._enqueue(index, key)

    def _enqueue(self, index: int, key: Key) -> None:
        self._dirty[index, key] = None
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._drain()

    def _drain(self) -> None:
        self._wake.clear()
        while self._dirty:
            index, key = entry = next(iter(self._dirty))
            del self._dirty[entry]
            self._arm(index, key, self._reconcile(self._controllers[index], key))

    def _reconcile(self, controller: Controller, key: Key) -> float | None:
        try:
            return controller.reconcile(*key)
        except Exception:  # noqa: BLE001 - the process edge of a controller: one bad object must not stop the others
            _log.exception("demo cluster: reconciling %s %s failed", controller.resource.qualified, "/".join(key))
            return _BACKOFF

    def _arm(self, index: int, key: Key, delay: float | None) -> None:
        if (old := self._timers.pop((index, key), None)) is not None:
            old.cancel()
        if delay is not None:
            loop = asyncio.get_running_loop()
            self._timers[index, key] = loop.call_later(max(delay, 0.0), self._ring, index, key)

    def _ring(self, index: int, key: Key) -> None:
        self._timers.pop((index, key), None)
        self._enqueue(index, key)
