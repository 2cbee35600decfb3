"""Trouble on demand for tests, and the journal in which they count requests.

A fault applies to requests its predicate matches: it may wait, then answer with a status, or cut the connection,
either before the request took effect or after it (so that the client cannot know).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from demo import errors

JOURNAL = 2_000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class RequestRecord:
    method: str
    path: str
    query: dict[str, str]
    status: int
    """0 when the connection was cut without an answer."""


@dataclass(slots=True, kw_only=True)
class Fault:
    matches: Callable[[web.Request], bool] = lambda _: True
    delay: float = 0.0
    """Seconds to wait before going on."""
    status: int | None = None
    """Answer with this code instead of the real answer."""
    drop: bool = False
    """Cut the connection instead of answering."""
    after_effect: bool = False
    """Strike after the request was carried out rather than before."""
    times: int | None = None
    """How often it strikes; None: until removed."""


class Faults:
    def __init__(self) -> None:
        self._active: list[Fault] = []
        self.journal: deque[RequestRecord] = deque(maxlen=JOURNAL)

    def add(self, fault: Fault) -> Fault:
        self._active.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        self._active.remove(fault)

    def clear(self) -> None:
        self._active.clear()

    async def serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self._strike(request)
        if fault is None:
            return await handler(request)
        if fault.after_effect:
            answer = await handler(request)
            await asyncio.sleep(fault.delay)
            return self._refuse(request, fault) or answer
        await asyncio.sleep(fault.delay)
        return self._refuse(request, fault) or await handler(request)

    def record(self, request: web.Request, status: int) -> None:
        self.journal.append(RequestRecord(request.method, request.path, dict(request.query), status))

    def _strike(self, request: web.Request) -> Fault | None:
        fault = next((fault for fault in self._active if fault.times != 0 and fault.matches(request)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
        return fault

    def _refuse(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        if fault.drop and request.transport is not None:
            self.record(request, 0)
            request.transport.abort()
            raise asyncio.CancelledError
        if fault.status is not None:
            raise errors.ApiError(fault.status, "ServiceUnavailable", "the demo cluster was asked to fail here")
        return None
