"""The audit chains as rows. A record is linked and inserted in the transaction of what it tells about.

The head row of a workspace is locked first, so two writers can never link to the same record. Units that carry
audit events go through ``Journal.write``: when they cannot be made durable the caller gets AuditUnavailableError,
and nothing was done.
"""

import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Text, bindparam, insert, select, type_coerce, update

from security import audit, digests, redaction
from security.errors import AuditUnavailableError
from storage.engine import Database
from storage.errors import StorageUnavailableError
from storage.tables.audit import audit_head, audit_record
from storage.writing import Work

T = TypeVar("T")

PAGE: Final = 500

_HEAD = (
    select(audit_head.c.sequence, audit_head.c.mac)
    .where(audit_head.c.workspace_id == bindparam("workspace_id"))
    .with_for_update()
)
_RECORD = insert(audit_record)
_NEW_HEAD = insert(audit_head)
_MOVE_HEAD = update(audit_head).where(audit_head.c.workspace_id == bindparam("of"))
_AFTER = (
    select(
        audit_record.c.workspace_id,
        audit_record.c.sequence,
        type_coerce(audit_record.c.event, Text).label("event"),
        audit_record.c.previous,
        audit_record.c.mac,
    )
    .where(audit_record.c.workspace_id == bindparam("workspace_id"), audit_record.c.sequence > bindparam("after"))
    .order_by(audit_record.c.sequence)
    .limit(PAGE)
)


class Journal:
    """Units of work that leave audit records."""

    def __init__(self, database: Database, key: bytes, *, noticed: Callable[[int], None] = lambda _count: None) -> None:
        """*noticed* is told, after the commit, how many records were offered."""
        self._database = database
        self._key = key
        self._noticed = noticed

    async def write(self, work: Work[T], *topics: str, events: Sequence[audit.Event]) -> T:
        """Run *work*, which appends *events* itself when its comparison holds."""
        try:
            result = await self._database.write(work, *topics)
        except StorageUnavailableError as error:
            raise AuditUnavailableError(f"{AuditUnavailableError.__doc__} {error}") from error
        self._noticed(len(events))
        return result

    def append(self, connection: Connection, events: Sequence[audit.Event]) -> None:
        for workspace_id, group in groupby(events, key=lambda event: event.workspace_id):
            self._extend(connection, workspace_id, list(group))

    def _extend(self, connection: Connection, workspace_id: str, events: Sequence[audit.Event]) -> None:
        head = connection.execute(_HEAD, {"workspace_id": workspace_id}).one_or_none()
        sequence, mac = (0, audit.GENESIS) if head is None else (head.sequence, head.mac)
        rows: list[dict[str, Any]] = []
        for event in events:
            record = audit.link(self._key, as_stored(event), sequence=sequence + 1, previous=mac)
            sequence, mac = record.sequence, record.mac
            rows.append(
                {
                    "workspace_id": workspace_id,
                    "sequence": sequence,
                    "event": record.event,
                    "previous": record.previous,
                    "mac": mac,
                }
            )
        connection.execute(_RECORD, rows)
        if head is None:
            connection.execute(_NEW_HEAD, {"workspace_id": workspace_id, "sequence": sequence, "mac": mac})
        else:
            connection.execute(_MOVE_HEAD, {"of": workspace_id, "sequence": sequence, "mac": mac})


class SqlAuditLog:
    """``security.ports.AuditLog``."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def append(self, *events: audit.Event) -> None:
        if events:
            await self._journal.write(lambda connection: self._journal.append(connection, events), events=events)

    async def records(self, workspace_id: str, *, after: int = 0) -> AsyncIterator[audit.Record]:
        """Page by page, so that a long chain never sits in memory."""
        while page := await self._page(workspace_id, after):
            for record in page:
                yield record
            after = page[-1].sequence

    async def workspaces(self) -> Sequence[str]:
        """From the records too: deleting a head row must not hide a chain."""
        named = select(audit_head.c.workspace_id).union(select(audit_record.c.workspace_id))
        return await self._database.read(lambda connection: sorted(connection.execute(named).scalars()))

    async def _page(self, workspace_id: str, after: int) -> list[audit.Record]:
        def work(connection: Connection) -> list[audit.Record]:
            rows = connection.execute(_AFTER, {"workspace_id": workspace_id, "after": after})
            return [audit.Record(r.workspace_id, r.sequence, _read(r.event), r.previous, r.mac) for r in rows]

        return await self._database.read(work)


def _read(text: str) -> Mapping[str, Any]:
    """The event of a record; one that was made unreadable must not keep anybody from verifying the others."""
    try:
        event = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        event = None
    return event if isinstance(event, dict) else {"unreadable": str(text)}


def heads(connection: Connection) -> list[tuple[str, int, str]]:
    """Workspace, sequence and MAC of every chain's newest record."""
    return [(row.workspace_id, row.sequence, row.mac) for row in connection.execute(select(audit_head))]


def as_stored(event: audit.Event) -> audit.Event:
    """The event without secrets, details as JSON gives them back, so that what is sealed is what will be read.

    This is the one door to the trail, which is never deleted from: a reason somebody typed, a name somebody asked for
    or a message of a cluster may hold what must not stay.
    """
    return dataclasses.replace(
        event,
        actor=redaction.redact(event.actor),
        action=redaction.redact(event.action),
        reason=redaction.redact(event.reason),
        details=json.loads(digests.canonical(redaction.redact_plain(event.details))) if event.details else {},
    )
