"""The inbox in memory."""

import dataclasses
from collections.abc import Sequence

from storage.signals import INBOX, Changes
from workflows.ports import InboxItem


class InMemoryInbox:
    def __init__(self, *, changed: Changes | None = None) -> None:
        self.items: dict[str, InboxItem] = {}
        self.outcomes: dict[str, str] = {}
        self._keys: set[str] = set()
        self._changed = changed or Changes()

    async def accept(self, item: InboxItem) -> bool:
        if item.id in self.items or self._keys & set(item.keys):
            return False
        self._keys |= set(item.keys)
        self.items[item.id] = dataclasses.replace(item, keys=tuple(dict.fromkeys(item.keys)))
        self._changed.notify(INBOX)
        return True

    async def lanes(self) -> Sequence[str]:
        return sorted({item.lane for item in self.items.values() if item.id not in self.outcomes})

    async def take(self, lane: str) -> InboxItem | None:
        for item in self.items.values():
            if item.lane == lane and item.id not in self.outcomes:
                self.items[item.id] = dataclasses.replace(item, attempts=item.attempts + 1)
                return self.items[item.id]
        return None

    async def finish(self, item_id: str, *, outcome: str) -> None:
        if item_id in self.items and item_id not in self.outcomes:
            self.outcomes[item_id] = outcome
            self.items[item_id] = dataclasses.replace(self.items[item_id], payload={})
            self._changed.notify(INBOX)
