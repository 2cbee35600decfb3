"""Conversations in memory."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from agents.ports import Session, Turn, WorkingSet


class InMemorySessions:
    def __init__(self) -> None:
        self.rows: dict[str, Session] = {}
        self.turns: defaultdict[str, list[Turn]] = defaultdict(list)
        self._keys: dict[tuple[str, str], str] = {}

    async def open(self, *, surface: str, key: str, workspace_id: str) -> Session:
        known = self._keys.get((surface, key))
        if known is None:
            known = self._keys[surface, key] = f"s-{len(self.rows) + 1}"
            self.rows[known] = Session(known, surface, key, workspace_id)
        return self.rows[known]

    async def find(self, *, surface: str, key: str) -> Session | None:
        known = self._keys.get((surface, key))
        return self.rows[known] if known else None

    async def get(self, session_id: str) -> Session | None:
        return self.rows.get(session_id)

    async def append(self, session_id: str, turns: Sequence[Turn], *, working: WorkingSet | None = None) -> None:
        self.turns[session_id].extend(turns)
        if working is not None:
            self.rows[session_id] = dataclasses.replace(self.rows[session_id], working=working)

    async def alias(self, session_id: str, *, surface: str, key: str) -> None:
        self._keys[surface, key] = session_id
        self.rows[session_id] = dataclasses.replace(self.rows[session_id], surface=surface, key=key)

    async def history(self, session_id: str, *, limit: int) -> Sequence[Turn]:
        return self.turns[session_id][-limit:]
