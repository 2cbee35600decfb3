"""The inbox as rows: accepted once by any of its keys, taken lane by lane in order, kept until finished."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.engine import Database
from storage.signals import INBOX
from storage.tables.inbox import UNFINISHED, inbox_item, inbox_key
from workflows.ports import InboxItem

_ITEM = insert(inbox_item)
_KEYS = insert(inbox_key)
_LANES = select(inbox_item.c.lane).where(UNFINISHED).group_by(inbox_item.c.lane)
_OLDEST = (
    select(func.min(inbox_item.c.sequence))
    .where(inbox_item.c.lane == bindparam("of_lane"), UNFINISHED)
    .scalar_subquery()
)
_TAKE = (
    update(inbox_item)
    .where(inbox_item.c.sequence == _OLDEST)
    .values(attempts=inbox_item.c.attempts + 1)
    .returning(*inbox_item.c)
)
_KEYS_OF = select(inbox_key.c.key).where(inbox_key.c.item_id == bindparam("item_id"))
_FINISH = update(inbox_item).where(inbox_item.c.id == bindparam("of_id"), UNFINISHED)


class SqlInbox:
    """``workflows.ports.Inbox``."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def accept(self, item: InboxItem) -> bool:
        row = {
            "id": item.id,
            "lane": item.lane,
            "kind": item.kind,
            "payload": dict(item.payload),
            "received_at": item.received_at,
            "attempts": item.attempts,
            "outcome": "",
        }
        keys = [{"key": key, "item_id": item.id} for key in dict.fromkeys(item.keys)]

        def work(connection: Connection) -> None:
            connection.execute(_ITEM, row)
            if keys:
                connection.execute(_KEYS, keys)

        try:
            await self._database.write(work, INBOX)
        except IntegrityError:
            return False  # the unique keys are the comparison: somebody was here first
        return True

    async def lanes(self) -> Sequence[str]:
        return await self._database.read(lambda connection: list(connection.execute(_LANES).scalars()))

    async def take(self, lane: str) -> InboxItem | None:
        def work(connection: Connection) -> InboxItem | None:
            row = connection.execute(_TAKE, {"of_lane": lane}).one_or_none()
            if row is None:
                return None
            return _item(row, tuple(connection.execute(_KEYS_OF, {"item_id": row.id}).scalars()))

        return await self._database.write(work)

    async def finish(self, item_id: str, *, outcome: str) -> None:
        """Only an unfinished item: what was told first stays."""
        values = {"of_id": item_id, "outcome": outcome, "payload": None, "finished_at": self._clock()}
        await self._database.write(lambda connection: connection.execute(_FINISH, values), INBOX)


def _item(row: Any, keys: tuple[str, ...]) -> InboxItem:
    return InboxItem(
        id=row.id,
        lane=row.lane,
        kind=row.kind,
        keys=keys,
        payload=row.payload or {},
        received_at=row.received_at,
        attempts=row.attempts,
    )
