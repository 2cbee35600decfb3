"""Idempotency of mutations in memory."""

import dataclasses
from datetime import datetime
from typing import Any

from security.ports import Effect


class InMemoryEffects:
    def __init__(self) -> None:
        self.rows: dict[str, Effect] = {}

    async def start(self, effect: Effect) -> Effect | None:
        if effect.key in self.rows:
            return self.rows[effect.key]
        self.rows[effect.key] = effect
        return None

    async def finish(self, key: str, *, at: datetime, result: dict[str, Any]) -> None:
        if key in self.rows and self.rows[key].finished_at is None:
            self.rows[key] = dataclasses.replace(self.rows[key], finished_at=at, result=result)

    async def abandon(self, key: str) -> None:
        if key in self.rows and self.rows[key].finished_at is None:
            del self.rows[key]

    async def finished_on(self, run_id: str, target_uid: str) -> int:
        return sum(
            1
            for one in self.rows.values()
            if one.finished_at is not None and (one.run_id, one.target_uid) == (run_id, target_uid)
        )
