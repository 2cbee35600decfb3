"""Approvals as rows: one row, every transition one compare-and-set together with that of its run.

``due_at`` is the timer of an approval: its expiry while it is pending, its lapse while it is approved and unused,
and nothing afterwards.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from security import audit
from storage import assembling, messages
from storage.audit import Journal
from storage.engine import Database
from storage.signals import MESSAGES, RUNS, TIMERS
from storage.tables.runs import WAITING, approval, run
from workflows import runs
from workflows.ports import Message, Ruling

_BY_ID = select(approval).where(approval.c.id == bindparam("of_approval"))
_THIS = update(approval).where(approval.c.id == bindparam("of_approval"))
_DECIDE = _THIS.where(approval.c.decision == "pending")
_VOID = _THIS.where(approval.c.decision == "approved", approval.c.use == "unused").values(due_at=None)
_MOVE_RUN = (
    update(run)
    .where(run.c.id == bindparam("of_run"), run.c.state == bindparam("of_state"))
    .values(version=run.c.version + 1)
)
_WAITING = assembling.Selection.of(select(run.c.id).where(run.c.workspace_id == bindparam("of_workspace"), WAITING))
_DUE = (
    select(approval)
    .where(approval.c.due_at <= bindparam("now", type_=approval.c.due_at.type))
    .order_by(approval.c.due_at)
)
_NEXT_DUE = select(func.min(approval.c.due_at)).where(approval.c.due_at.is_not(None))


class SqlApprovals:
    """``workflows.ports.Approvals``."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def get(self, approval_id: str) -> runs.Approval | None:
        def work(connection: Connection) -> runs.Approval | None:
            row = connection.execute(_BY_ID, {"of_approval": approval_id}).one_or_none()
            return None if row is None else assembling.approval_of(row)

        return await self._database.read(work)

    async def decide(
        self, approval_id: str, ruling: Ruling, *, events: Sequence[audit.Event], messages: Sequence[Message] = ()
    ) -> bool:
        if ruling.decision is runs.Decision.PENDING:
            raise ValueError("pending is not a decision")
        approved = ruling.decision is runs.Decision.APPROVED

        def work(connection: Connection) -> bool:
            row = connection.execute(_BY_ID, {"of_approval": approval_id}).one_or_none()
            if row is None:
                return False
            lapse = ruling.at + timedelta(seconds=row.rules["execute_within"]) if approved else None
            values = {
                "decision": ruling.decision.value,
                "decided_at": ruling.at,
                "decided_by": ruling.by,
                "reason": ruling.reason,
                "due_at": lapse,
            }
            if not connection.execute(_DECIDE, {"of_approval": approval_id, **values}).rowcount:
                return False
            ended = {} if approved else {"finished_at": ruling.at}
            state = runs.RunState.READY if approved else runs.RunState.ENDED
            self._move(connection, row.run_id, runs.RunState.WAITING, {"state": state.value, **ended})
            self._also(connection, messages, events)
            return True

        return await self._journal.write(work, RUNS, MESSAGES, TIMERS, events=events)

    async def void(
        self,
        approval_id: str,
        *,
        use: runs.Use,
        reason: str,
        at: datetime,
        events: Sequence[audit.Event],
        messages: Sequence[Message] = (),
    ) -> bool:
        if use not in {runs.Use.VOID, runs.Use.LAPSED}:
            raise ValueError(f"{use} is not an end without use")

        def work(connection: Connection) -> bool:
            values = {"use": use.value, "reason": reason}
            if not connection.execute(_VOID, {"of_approval": approval_id, **values}).rowcount:
                return False
            run_id = connection.execute(_BY_ID, {"of_approval": approval_id}).one().run_id
            ended = {"state": runs.RunState.ENDED.value, "finished_at": at, "summary": reason}
            self._move(connection, run_id, runs.RunState.READY, ended)
            self._also(connection, messages, events)
            return True

        return await self._journal.write(work, RUNS, MESSAGES, TIMERS, events=events)

    async def waiting(self, workspace_id: str) -> Sequence[runs.Run]:
        values = {"of_workspace": workspace_id}
        return await self._database.read(lambda connection: assembling.load(connection, _WAITING, values))

    async def due(self, now: datetime) -> Sequence[runs.Approval]:
        def work(connection: Connection) -> list[runs.Approval]:
            return [assembling.approval_of(row) for row in connection.execute(_DUE, {"now": now})]

        return await self._database.read(work)

    async def next_due(self) -> datetime | None:
        def work(connection: Connection) -> datetime | None:
            found: datetime | None = connection.execute(_NEXT_DUE).scalar()
            return found

        return await self._database.read(work)

    def _move(self, connection: Connection, run_id: str, before: runs.RunState, values: dict[str, Any]) -> None:
        connection.execute(_MOVE_RUN, {"of_run": run_id, "of_state": before.value, **values})
        messages.unsettle(connection, run_id)

    def _also(self, connection: Connection, new: Sequence[Message], events: Sequence[audit.Event]) -> None:
        messages.insert_new(connection, new)
        self._journal.append(connection, events)
