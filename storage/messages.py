"""Messages as rows, each wanting to be shown in a version: its own, or for a card the version of its run.

The version a card wants is read from its run whenever it is asked for. ``settled`` is kept beside it so that looking
for what is due reads only what is due: ``unsettle`` goes with every raise of a run's version.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from security import digests
from storage.engine import Database
from storage.signals import MESSAGES
from storage.tables.messages import message
from storage.tables.runs import run
from workflows.ports import Message, Place

_ADD = insert(message).on_conflict_do_nothing(index_elements=["key"])
_WANTED = case((message.c.kind == "card", func.coalesce(run.c.version, 0)), else_=message.c.wanted)
_MESSAGES = select(message, _WANTED.label("now_wanted")).select_from(
    message.outerjoin(run, run.c.id == message.c.run_id)
)
_OPEN = (message.c.surface == bindparam("of_surface"), message.c.settled.is_(False))
_DUE = (
    _MESSAGES.where(
        *_OPEN,
        or_(message.c.due_at.is_(None), message.c.due_at <= bindparam("now", type_=message.c.due_at.type)),
        message.c.shown < _WANTED,
    )
    .order_by(message.c.sequence)
    .limit(bindparam("most"))
)
_NEXT_DUE = select(func.min(message.c.due_at)).where(*_OPEN)
_AT = (
    _MESSAGES.where(message.c.surface == bindparam("of_surface"), message.c.ref_key == bindparam("of_ref"))
    .order_by(message.c.sequence.desc())
    .limit(1)
)
_CARDS = _MESSAGES.where(
    message.c.run_id == bindparam("of_run"), message.c.kind == "card", message.c.state != "expanded"
).order_by(message.c.sequence)
_ONE = select(message.c.run_id, message.c.kind, message.c.wanted).where(message.c.id == bindparam("of_id"))
_VERSION = select(run.c.version).where(run.c.id == bindparam("of_run")).with_for_update()
_UPDATE = update(message).where(message.c.id == bindparam("of_id"))
_BEGIN = _UPDATE.values(sending=True, attempts=message.c.attempts + 1)
_SHOWN = _UPDATE.values(
    shown=case((message.c.shown < bindparam("version"), bindparam("version")), else_=message.c.shown),
    attempts=0,
    sending=False,
    due_at=None,
    error="",
)
_EXPANDED = _UPDATE.where(message.c.state == "open").values(state="expanded", settled=True, sending=False)
_UNSETTLE = (
    update(message)
    .where(message.c.run_id == bindparam("of_run"), message.c.kind == "card", message.c.state == "open")
    .values(settled=False)
)


class SqlMessages:
    """``workflows.ports.Messages``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, *messages: Message) -> None:
        if messages:
            await self._database.write(lambda connection: insert_new(connection, messages), MESSAGES)

    async def due(self, surface: str, now: datetime, *, limit: int = 50) -> Sequence[Message]:
        return await self._many(_DUE, {"of_surface": surface, "now": now, "most": limit})

    async def next_due(self, surface: str) -> datetime | None:
        def work(connection: Connection) -> datetime | None:
            found: datetime | None = connection.execute(_NEXT_DUE, {"of_surface": surface}).scalar()
            return found

        return await self._database.read(work)

    async def begin(self, message_id: str) -> None:
        await self._database.write(lambda connection: connection.execute(_BEGIN, {"of_id": message_id}))

    async def shown(self, message_id: str, *, version: int, ref: Mapping[str, str]) -> None:
        def work(connection: Connection) -> None:
            row = connection.execute(_ONE, {"of_id": message_id}).one_or_none()
            if row is None:
                return
            wanted = row.wanted
            if row.kind == "card":
                wanted = connection.execute(_VERSION, {"of_run": row.run_id}).scalar() or 0
            values = {"version": version, "settled": version >= wanted, "ref": dict(ref), "ref_key": reference(ref)}
            connection.execute(_SHOWN, {"of_id": message_id, **values})

        await self._database.write(work, MESSAGES)

    async def put_off(self, message_id: str, *, until: datetime, error: str) -> None:
        await self._set(message_id, sending=False, due_at=until, error=error)

    async def give_up(self, message_id: str, *, error: str) -> None:
        await self._set(message_id, sending=False, state="given_up", settled=True, error=error)

    async def expand(self, message_id: str, into: Sequence[Message]) -> None:
        def work(connection: Connection) -> None:
            if connection.execute(_EXPANDED, {"of_id": message_id}).rowcount:
                insert_new(connection, into)

        await self._database.write(work, MESSAGES)

    async def at(self, surface: str, ref: Mapping[str, str]) -> Message | None:
        found = await self._many(_AT, {"of_surface": surface, "of_ref": reference(ref)})
        return found[0] if found else None

    async def cards(self, run_id: str) -> Sequence[Message]:
        return await self._many(_CARDS, {"of_run": run_id})

    async def _many(self, statement: Any, values: Mapping[str, Any]) -> Sequence[Message]:
        return await self._database.read(
            lambda connection: [_message(r) for r in connection.execute(statement, values)]
        )

    async def _set(self, message_id: str, **values: Any) -> None:
        await self._database.write(
            lambda connection: connection.execute(_UPDATE, {"of_id": message_id, **values}), MESSAGES
        )


def insert_new(connection: Connection, messages: Sequence[Message]) -> None:
    """Those whose key is new, in order."""
    if messages:
        connection.execute(_ADD, [_row(each) for each in messages])


def unsettle(connection: Connection, run_id: str) -> None:
    """The run's version was raised, so its cards are to be shown again."""
    connection.execute(_UNSETTLE, {"of_run": run_id})


def reference(ref: Mapping[str, str]) -> str:
    return digests.canonical(dict(ref)).decode()


def _row(each: Message) -> dict[str, Any]:
    return {
        "id": each.id,
        "key": each.key,
        "kind": each.kind,
        "surface": each.place.surface,
        "address": dict(each.place.address),
        "body": dict(each.body),
        "run_id": each.run_id or None,
        "role": each.role,
        "ref": None if each.ref is None else dict(each.ref),
        "ref_key": None if each.ref is None else reference(each.ref),
        "wanted": each.wanted,
        "shown": each.shown,
        "attempts": each.attempts,
        "sending": each.sending,
        "state": "open",
        "settled": False,
        "due_at": None,
        "error": "",
    }


def _message(row: Any) -> Message:
    return Message(
        id=row.id,
        key=row.key,
        kind=row.kind,
        place=Place(row.surface, row.address),
        body=row.body,
        run_id=row.run_id or "",
        role=row.role,
        ref=row.ref,
        wanted=row.now_wanted,
        shown=row.shown,
        attempts=row.attempts,
        sending=row.sending,
    )
