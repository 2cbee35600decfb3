"""Messages in memory; a card wants the version its run has now."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from storage.signals import MESSAGES, Changes
from workflows.ports import Message


class InMemoryMessages:
    def __init__(self, *, version_of: Callable[[str], int], changed: Changes | None = None) -> None:
        self.rows: dict[str, Message] = {}
        self.put_off_until: dict[str, datetime] = {}
        self.given_up: dict[str, str] = {}
        self.expanded: set[str] = set()
        self._version_of = version_of
        self._changed = changed or Changes()

    async def add(self, *messages: Message) -> None:
        self.insert_new(messages)

    def insert_new(self, messages: Sequence[Message]) -> None:
        for each in messages:
            if all(known.key != each.key for known in self.rows.values()):
                self.rows[each.id] = each
        self._changed.notify(MESSAGES)

    async def due(self, surface: str, now: datetime, *, limit: int = 50) -> Sequence[Message]:
        found = [
            each
            for each in map(self._seen, self._open(surface))
            if each.shown < each.wanted and not (each.id in self.put_off_until and self.put_off_until[each.id] > now)
        ]
        return found[:limit]

    async def next_due(self, surface: str) -> datetime | None:
        ids = {each.id for each in self._open(surface)}
        return min((until for each, until in self.put_off_until.items() if each in ids), default=None)

    async def begin(self, message_id: str) -> None:
        self._set(message_id, sending=True, attempts=self.rows[message_id].attempts + 1)

    async def shown(self, message_id: str, *, version: int, ref: Mapping[str, str]) -> None:
        self.put_off_until.pop(message_id, None)
        newest = max(version, self.rows[message_id].shown)
        self._set(message_id, shown=newest, ref=dict(ref), attempts=0, sending=False)

    async def put_off(self, message_id: str, *, until: datetime, error: str) -> None:
        self.put_off_until[message_id] = until
        self._set(message_id, sending=False)

    async def give_up(self, message_id: str, *, error: str) -> None:
        self.given_up[message_id] = error
        self._set(message_id, sending=False)

    async def expand(self, message_id: str, into: Sequence[Message]) -> None:
        if message_id in self.rows and message_id not in self.expanded:
            self.expanded.add(message_id)
            self.insert_new(into)

    async def at(self, surface: str, ref: Mapping[str, str]) -> Message | None:
        for each in reversed(self.rows.values()):
            if each.place.surface == surface and each.ref == dict(ref):
                return self._seen(each)
        return None

    async def cards(self, run_id: str) -> Sequence[Message]:
        return [
            self._seen(each)
            for each in self.rows.values()
            if each.run_id == run_id and each.kind == "card" and each.id not in self.expanded
        ]

    def _open(self, surface: str) -> list[Message]:
        closed = self.expanded | self.given_up.keys()
        return [each for each in self.rows.values() if each.place.surface == surface and each.id not in closed]

    def _seen(self, each: Message) -> Message:
        wanted = self._version_of(each.run_id) if each.kind == "card" else each.wanted
        return dataclasses.replace(each, wanted=wanted)

    def _set(self, message_id: str, **values: object) -> None:
        self.rows[message_id] = dataclasses.replace(self.rows[message_id], **values)  # type: ignore[arg-type]
        self._changed.notify(MESSAGES)
