"""Watch: a list that goes on as a stream of changes, one JSON line each.

A change that moves an object into or out of the selection arrives as ADDED or DELETED. A version older than the
history is answered by an ERROR event with code 410, upon which clients list again.
"""

import asyncio
import random
from collections.abc import Iterator

from aiohttp import web

from demo import errors
from demo.objects import Obj
from demo.presentation import Presentation, dumps
from demo.reading import Selection, flag
from demo.store import Change, Store

BOOKMARK_EVERY = 60.0
_LONGEST = 3_600
INITIAL_END = "k8s.io/initial-events-end"


class Watches:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: set[asyncio.Queue[Change | None]] = set()

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        for queue in self._open:
            queue.put_nowait(None)

    async def serve(self, request: web.Request, selection: Selection, presentation: Presentation) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        # Subscribe before looking at the present state: nothing awaits in between, so nothing is missed or doubled.
        unsubscribe = self._store.subscribe(queue.put_nowait)
        self._open.add(queue)
        try:
            first = list(self._beginning(request, selection, presentation))
            await response.prepare(request)
            for line in first:
                await response.write(line)
            if not (first and first[-1].startswith(b'{"type":"ERROR"')):
                await self._follow(request, response, queue, selection, presentation)
        finally:
            unsubscribe()
            self._open.discard(queue)
        return response

    async def _follow(
        self,
        request: web.Request,
        response: web.StreamResponse,
        queue: asyncio.Queue[Change | None],
        selection: Selection,
        presentation: Presentation,
    ) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _seconds(request)
        bookmarks = flag(request.query, "allowWatchBookmarks")
        while (left := until - loop.time()) > 0:
            try:
                change = await asyncio.wait_for(queue.get(), min(left, BOOKMARK_EVERY) if bookmarks else left)
            except TimeoutError:
                if bookmarks:
                    await response.write(_bookmark(presentation, self._store.version, initial=False))
                continue
            if change is None:
                return
            for line in _lines(change, selection, presentation):
                await response.write(line)

    def _beginning(self, request: web.Request, selection: Selection, presentation: Presentation) -> Iterator[bytes]:
        version = request.query.get("resourceVersion", "")
        initial = flag(request.query, "sendInitialEvents")
        if not version.isdecimal() and version:
            raise errors.bad_request(f"invalid resourceVersion: {version!r}")
        if initial or version in ("", "0"):
            for obj in selection.items(self._store):
                yield _line("ADDED", presentation.one(obj))
            if initial:
                yield _bookmark(presentation, self._store.version, initial=True)
            return
        try:
            for change in self._store.changes_since(int(version)):
                yield from _lines(change, selection, presentation)
        except errors.ApiError as gone:
            yield _line("ERROR", gone.status())


def _seconds(request: web.Request) -> float:
    text = request.query.get("timeoutSeconds", "")
    if text.isdecimal() and int(text) > 0:
        return min(int(text), _LONGEST)
    return random.uniform(0.5, 1.0) * _LONGEST  # noqa: S311 - spreads reconnects, as the real server does


def _lines(change: Change, selection: Selection, presentation: Presentation) -> Iterator[bytes]:
    if change.resource != selection.target.resource.key:
        return
    is_in, was_in = selection.holds(change.object), selection.holds(change.previous)
    if change.type == "DELETED":
        if was_in:
            yield _line("DELETED", presentation.one(change.object))
    elif is_in:
        yield _line("MODIFIED" if was_in else "ADDED", presentation.one(change.object))
    elif was_in:
        yield _line("DELETED", presentation.one(change.object))


def _bookmark(presentation: Presentation, version: int, *, initial: bool) -> bytes:
    meta: Obj = {"resourceVersion": str(version)}
    if initial:
        meta["annotations"] = {INITIAL_END: "true"}
    return _line("BOOKMARK", presentation.bookmark(meta))


def _line(kind: str, obj: Obj) -> bytes:
    return dumps({"type": kind, "object": obj}) + b"\n"
