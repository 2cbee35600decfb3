"""Runs, steps and attempts as rows, every transition one compare-and-set.

A write of a worker first raises the run's version where its epoch still is the worker's; when that touches no row,
the worker has been replaced (or the run is not in a state that allows it) and StaleEpochError undoes the unit.
Audit records, messages and the cards' wish to be shown again are written in the same transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, exists, func, insert, or_, select, update

from security import audit
from storage import assembling, messages
from storage.audit import Journal
from storage.engine import Database
from storage.signals import MESSAGES, RUNS, TIMERS
from storage.tables.runs import UNFINISHED, approval, attempt, run, step
from workflows import runs
from workflows.ports import Message, StaleEpochError, StepEnd

_NEW_RUN, _NEW_STEPS, _NEW_APPROVAL = insert(run), insert(step), insert(approval)
_EXISTS = select(run.c.id).where(run.c.id == bindparam("of_run"))
_UNFINISHED = select(run.c.id).where(UNFINISHED).order_by(run.c.created_at, run.c.id)
_RECENT = assembling.Selection.of(
    select(run.c.id)
    .where(run.c.workspace_id == bindparam("of_workspace"))
    .order_by(run.c.created_at.desc(), run.c.id)
    .limit(bindparam("most")),
    newest_first=True,
)
_CLAIM = update(run).where(run.c.id == bindparam("of_run")).values(epoch=run.c.epoch + 1)
_MINE = update(run).where(run.c.id == bindparam("of_run"), run.c.epoch == bindparam("of_epoch"))
_RAISE = _MINE.values(version=run.c.version + 1)
_HAS_APPROVAL = exists().where(approval.c.run_id == run.c.id)
# Begun: its approval was consumed, or it never needed one. Before that there is nothing to work on or to finish.
_FINISH = _RAISE.where(or_(run.c.state == "running", and_(run.c.state == "ready", ~_HAS_APPROVAL)))
_WORK_ON = _FINISH.values(state="running")
_START = _RAISE.where(run.c.state == "ready").values(state="running")
_IS_MINE = select(run.c.state, _HAS_APPROVAL.label("gated")).where(
    run.c.id == bindparam("of_run"), run.c.epoch == bindparam("of_epoch")
)
_CONSUME = (
    update(approval)
    .where(
        approval.c.run_id == bindparam("of_run"),
        approval.c.decision == "approved",
        approval.c.use == "unused",
        approval.c.due_at >= bindparam("now", type_=approval.c.due_at.type),
    )
    .values(use="consumed", consumed_at=bindparam("now", type_=approval.c.due_at.type), due_at=None)
)
_STEP = update(step).where(step.c.run_id == bindparam("of_run"), step.c.id == bindparam("of_step"))
_BEGIN_STEP = _STEP.where(step.c.state.not_in(["done", "skipped"])).values(state="running", retry_at=None)
_END_STEP = _STEP.where(step.c.state == "running")
_NOTE = _STEP.where(step.c.state.in_(["pending", "running"]))
_SKIP = (
    update(step)
    .where(
        step.c.run_id == bindparam("of_run"),
        step.c.id.in_(bindparam("of_steps", expanding=True)),
        step.c.state == "pending",
    )
    .values(state="skipped", retry_at=None)
)
_NEXT_NUMBER = select(func.coalesce(func.max(attempt.c.number), 0) + 1).where(
    attempt.c.run_id == bindparam("of_run"), attempt.c.step_id == bindparam("of_step")
)
_NEW_ATTEMPT = insert(attempt)
_END_ATTEMPT = update(attempt).where(
    attempt.c.run_id == bindparam("of_run"),
    attempt.c.step_id == bindparam("of_step"),
    attempt.c.number == bindparam("of_number"),
    attempt.c.finished_at.is_(None),
)
_ENDED: Final = {
    "done": runs.StepState.DONE,
    "failed": runs.StepState.FAILED,
    "in_doubt": runs.StepState.IN_DOUBT,
}


class SqlRuns:
    """``workflows.ports.Runs``."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def create(
        self, run: runs.Run, *, messages: Sequence[Message], events: Sequence[audit.Event]
    ) -> tuple[runs.Run, bool]:
        def work(connection: Connection) -> runs.Run | None:
            if connection.execute(_EXISTS, {"of_run": run.id}).first() is not None:
                return assembling.load_one(connection, run.id)
            _insert(connection, run)
            self._also(connection, messages, events)
            return None

        earlier = await self._journal.write(work, RUNS, MESSAGES, TIMERS, events=events)
        return (run, True) if earlier is None else (earlier, False)

    async def get(self, run_id: str) -> runs.Run | None:
        return await self._database.read(lambda connection: assembling.load_one(connection, run_id))

    async def claim(self, run_id: str) -> runs.Run | None:
        def work(connection: Connection) -> runs.Run | None:
            connection.execute(_CLAIM, {"of_run": run_id})
            return assembling.load_one(connection, run_id)

        return await self._database.write(work)

    async def unfinished(self) -> Sequence[str]:
        return await self._database.read(lambda connection: list(connection.execute(_UNFINISHED).scalars()))

    async def consume(self, run_id: str, *, epoch: int, now: datetime, events: Sequence[audit.Event]) -> bool:
        def work(connection: Connection) -> bool:
            mine = connection.execute(_IS_MINE, {"of_run": run_id, "of_epoch": epoch}).one_or_none()
            if mine is None:
                raise StaleEpochError(run_id)
            if mine.state != "ready":
                return False
            if mine.gated and not connection.execute(_CONSUME, {"of_run": run_id, "now": now}).rowcount:
                return False
            _raise_version(connection, _START, run_id, epoch)
            self._also(connection, (), events)
            return True

        return await self._journal.write(work, RUNS, MESSAGES, events=events)

    async def begin(
        self, run_id: str, *, epoch: int, step_id: str, now: datetime, events: Sequence[audit.Event]
    ) -> int:
        def work(connection: Connection) -> int:
            _raise_version(connection, _WORK_ON, run_id, epoch)
            _one_row(connection, _BEGIN_STEP, {"of_run": run_id, "of_step": step_id})
            number = int(connection.execute(_NEXT_NUMBER, {"of_run": run_id, "of_step": step_id}).scalar_one())
            key = {"run_id": run_id, "step_id": step_id, "number": number}
            connection.execute(_NEW_ATTEMPT, {**key, "started_at": now, "outcome": ""})
            self._also(connection, (), events)
            return number

        return await self._journal.write(work, RUNS, MESSAGES, events=events)

    async def end(
        self,
        run_id: str,
        *,
        epoch: int,
        step_id: str,
        attempt: int,
        now: datetime,
        end: StepEnd,
        events: Sequence[audit.Event] = (),
    ) -> None:
        retried = end.retry_at is not None and end.outcome == "failed"
        step_values = {
            "state": runs.StepState.PENDING if retried else _ENDED[end.outcome],
            "detail": end.detail,
            "result": dict(end.result),
            "error_code": end.error_code,
            "retry_at": end.retry_at if retried else None,
        }

        def work(connection: Connection) -> None:
            of_step = {"of_run": run_id, "of_step": step_id}
            _raise_version(connection, _RAISE, run_id, epoch)
            ended = {"finished_at": now, "outcome": end.outcome}
            _one_row(connection, _END_ATTEMPT, {**of_step, "of_number": attempt, **ended})
            _one_row(connection, _END_STEP, {**of_step, **step_values})
            self._also(connection, (), events)

        await self._journal.write(work, RUNS, MESSAGES, events=events)

    async def note(self, run_id: str, *, epoch: int, step_id: str, detail: str) -> None:
        def work(connection: Connection) -> None:
            _raise_version(connection, _RAISE, run_id, epoch)
            _one_row(connection, _NOTE, {"of_run": run_id, "of_step": step_id, "detail": detail})

        await self._database.write(work, RUNS, MESSAGES)

    async def skip(self, run_id: str, *, epoch: int, step_ids: Sequence[str], reason: str) -> None:
        def work(connection: Connection) -> None:
            _raise_version(connection, _RAISE, run_id, epoch)
            connection.execute(_SKIP, {"of_run": run_id, "of_steps": list(step_ids), "detail": reason})

        if step_ids:
            await self._database.write(work, RUNS, MESSAGES)

    async def finish(
        self,
        run_id: str,
        *,
        epoch: int,
        state: runs.RunState,
        summary: str,
        now: datetime,
        messages: Sequence[Message] = (),
        events: Sequence[audit.Event] = (),
    ) -> None:
        def work(connection: Connection) -> None:
            values = {"state": state.value, "summary": summary, "finished_at": now}
            _raise_version(connection, _FINISH, run_id, epoch, **values)
            self._also(connection, messages, events)

        await self._journal.write(work, RUNS, MESSAGES, events=events)

    async def recent(self, workspace_id: str, *, limit: int = 20) -> Sequence[runs.Run]:
        values = {"of_workspace": workspace_id, "most": limit}
        return await self._database.read(lambda connection: assembling.load(connection, _RECENT, values))

    def _also(self, connection: Connection, new: Sequence[Message], events: Sequence[audit.Event]) -> None:
        messages.insert_new(connection, new)
        self._journal.append(connection, events)


def _insert(connection: Connection, new: runs.Run) -> None:
    connection.execute(_NEW_RUN, assembling.run_row(new))
    if new.steps:
        connection.execute(_NEW_STEPS, assembling.step_rows(new))
    if new.approval is not None:
        connection.execute(_NEW_APPROVAL, assembling.approval_row(new.approval))


def _raise_version(connection: Connection, statement: Any, run_id: str, epoch: int, **values: Any) -> None:
    _one_row(connection, statement, {"of_run": run_id, "of_epoch": epoch, **values})
    messages.unsettle(connection, run_id)


def _one_row(connection: Connection, statement: Any, values: Mapping[str, Any]) -> None:
    if connection.execute(statement, values).rowcount != 1:
        raise StaleEpochError(values["of_run"])
