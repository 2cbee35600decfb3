"""Conversations as rows. A session takes place where it was last seen: an alias becomes its key, older keys still
find it.
"""

import dataclasses
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.exc import IntegrityError

from agents.ports import Session, Turn, WorkingSet
from storage.engine import Database
from storage.tables.sessions import session, session_key, turn

_BY_ID = select(session).where(session.c.id == bindparam("of_id"))
_BY_KEY = (
    select(session)
    .join(session_key, session_key.c.session_id == session.c.id)
    .where(session_key.c.surface == bindparam("of_surface"), session_key.c.key == bindparam("of_key"))
)
_SESSION = insert(session)
_KEY = insert(session_key)
_ALIAS = insert_or(session_key)
_ALIAS = _ALIAS.on_conflict_do_update(
    index_elements=["surface", "key"], set_={"session_id": _ALIAS.excluded.session_id}
)
_TURNS = insert(turn)
_UPDATE = update(session).where(session.c.id == bindparam("of_id"))
_LAST = (
    select(turn.c.author, turn.c.content, turn.c.at)
    .where(turn.c.session_id == bindparam("of_id"))
    .order_by(turn.c.sequence.desc())
    .limit(bindparam("most"))
)


def new_id() -> str:
    return "s-" + secrets.token_hex(8)


class SqlSessions:
    """``agents.ports.Sessions``."""

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], identify: Callable[[], str] = new_id
    ) -> None:
        self._database = database
        self._clock = clock
        self._identify = identify

    async def open(self, *, surface: str, key: str, workspace_id: str) -> Session:
        if found := await self.find(surface=surface, key=key):
            return found
        fresh = Session(self._identify(), surface, key, workspace_id)

        def work(connection: Connection) -> None:
            row = {"id": fresh.id, "surface": surface, "key": key, "workspace_id": workspace_id}
            working = dataclasses.asdict(fresh.working)
            connection.execute(_SESSION, {**row, "working": working, "created_at": self._clock()})
            connection.execute(_KEY, {"surface": surface, "key": key, "session_id": fresh.id})

        try:
            await self._database.write(work)
        except IntegrityError:  # opened by another call since we looked
            return await self.open(surface=surface, key=key, workspace_id=workspace_id)
        return fresh

    async def find(self, *, surface: str, key: str) -> Session | None:
        return await self._one(_BY_KEY, {"of_surface": surface, "of_key": key})

    async def get(self, session_id: str) -> Session | None:
        return await self._one(_BY_ID, {"of_id": session_id})

    async def append(self, session_id: str, turns: Sequence[Turn], *, working: WorkingSet | None = None) -> None:
        rows = [{"session_id": session_id, "author": t.author, "content": t.content, "at": t.at} for t in turns]

        def work(connection: Connection) -> None:
            if rows:
                connection.execute(_TURNS, rows)
            if working is not None:
                connection.execute(_UPDATE, {"of_id": session_id, "working": dataclasses.asdict(working)})

        if rows or working is not None:
            await self._database.write(work)

    async def alias(self, session_id: str, *, surface: str, key: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute(_ALIAS, {"surface": surface, "key": key, "session_id": session_id})
            connection.execute(_UPDATE, {"of_id": session_id, "surface": surface, "key": key})

        await self._database.write(work)

    async def history(self, session_id: str, *, limit: int) -> Sequence[Turn]:
        def work(connection: Connection) -> list[Turn]:
            rows = connection.execute(_LAST, {"of_id": session_id, "most": limit}).all()
            return [Turn(row.author, row.content, row.at) for row in reversed(rows)]

        return await self._database.read(work)

    async def _one(self, statement: Any, values: Mapping[str, str]) -> Session | None:
        def work(connection: Connection) -> Session | None:
            row = connection.execute(statement, values).one_or_none()
            return None if row is None else _session(row)

        return await self._database.read(work)


def _session(row: Any) -> Session:
    working = WorkingSet(**{**row.working, "deployments": tuple(row.working["deployments"])})
    return Session(row.id, row.surface, row.key, row.workspace_id, working)
