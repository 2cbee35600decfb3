"""Idempotency of mutations as rows, one per key."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from security.ports import Effect
from storage.engine import Database
from storage.tables.effects import effect

_BY_KEY = select(effect).where(effect.c.key == bindparam("of_key")).with_for_update()
_START = insert(effect)
_FINISH = update(effect).where(effect.c.key == bindparam("of_key"), effect.c.finished_at.is_(None))
_ABANDON = delete(effect).where(effect.c.key == bindparam("of_key"), effect.c.finished_at.is_(None))
_COUNT = (
    select(func.count())
    .select_from(effect)
    .where(
        effect.c.run_id == bindparam("of_run"),
        effect.c.target_uid == bindparam("of_uid"),
        effect.c.finished_at.is_not(None),
    )
)


class SqlEffects:
    """``security.ports.Effects``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, effect: Effect) -> Effect | None:
        def work(connection: Connection) -> Effect | None:
            row = connection.execute(_BY_KEY, {"of_key": effect.key}).one_or_none()
            if row is not None:
                return _effect(row)
            connection.execute(_START, _row(effect))
            return None

        return await self._database.write(work)

    async def finish(self, key: str, *, at: datetime, result: dict[str, Any]) -> None:
        await self._apply(_FINISH, {"of_key": key, "finished_at": at, "result": result})

    async def abandon(self, key: str) -> None:
        await self._apply(_ABANDON, {"of_key": key})

    async def finished_on(self, run_id: str, target_uid: str) -> int:
        values = {"of_run": run_id, "of_uid": target_uid}
        return await self._database.read(lambda connection: connection.execute(_COUNT, values).scalar_one())

    async def _apply(self, statement: Any, values: Mapping[str, Any]) -> None:
        await self._database.write(lambda connection: connection.execute(statement, values))


def _row(one: Effect) -> dict[str, Any]:
    return {
        "key": one.key,
        "run_id": one.run_id,
        "fingerprint": one.fingerprint,
        "target_uid": one.target_uid,
        "started_at": one.started_at,
        "finished_at": one.finished_at,
        "result": one.result,
    }


def _effect(row: Any) -> Effect:
    return Effect(row.key, row.run_id, row.fingerprint, row.target_uid, row.started_at, row.finished_at, row.result)
