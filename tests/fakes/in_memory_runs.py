"""Runs in memory. Every check is made before anything is changed, so each method is all or nothing."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from security import audit
from storage.signals import MESSAGES, RUNS, TIMERS, Changes
from tests.fakes.in_memory_audit import InMemoryAuditLog
from tests.fakes.in_memory_messages import InMemoryMessages
from workflows.ports import Message, StaleEpochError, StepEnd
from workflows.runs import Approval, Attempt, Decision, Run, RunState, Step, StepState, Use


class InMemoryRuns:
    def __init__(self, *, audit_log: InMemoryAuditLog | None = None, changed: Changes | None = None) -> None:
        self.rows: dict[str, Run] = {}
        self.consumed_at: dict[str, datetime] = {}
        self.changed = changed or Changes()
        self.audit = audit_log or InMemoryAuditLog()
        self.messages = InMemoryMessages(version_of=self._version_of, changed=self.changed)

    async def create(self, run: Run, *, messages: Sequence[Message], events: Sequence[audit.Event]) -> tuple[Run, bool]:
        if run.id in self.rows:
            return self.rows[run.id], False
        self.also((), events)
        self.rows[run.id] = run
        self.also(messages, ())
        self.changed.notify(RUNS, MESSAGES, TIMERS)
        return run, True

    async def get(self, run_id: str) -> Run | None:
        return self.rows.get(run_id)

    async def claim(self, run_id: str) -> Run | None:
        run = self.rows.get(run_id)
        if run is None:
            return None
        self.rows[run_id] = dataclasses.replace(run, epoch=run.epoch + 1)
        return self.rows[run_id]

    async def unfinished(self) -> Sequence[str]:
        return [run.id for run in self._by_age() if run.state in {RunState.READY, RunState.RUNNING}]

    async def consume(self, run_id: str, *, epoch: int, now: datetime, events: Sequence[audit.Event]) -> bool:
        run = self._mine(run_id, epoch)
        approval = run.approval
        if run.state is not RunState.READY or (approval and not usable(approval, now)):
            return False
        self.also((), events)
        if approval:
            self.consumed_at[run_id] = now
            approval = dataclasses.replace(approval, use=Use.CONSUMED)
        self.put(run, state=RunState.RUNNING, approval=approval)
        return True

    async def begin(
        self, run_id: str, *, epoch: int, step_id: str, now: datetime, events: Sequence[audit.Event]
    ) -> int:
        run = self._mine(run_id, epoch)
        step = run.step(step_id)
        if not begun(run) or step.state in {StepState.DONE, StepState.SKIPPED}:
            raise StaleEpochError(run_id)
        self.also((), events)
        number = len(step.attempts) + 1
        running = dataclasses.replace(
            step,
            state=StepState.RUNNING,
            retry_at=None,
            attempts=(*step.attempts, Attempt(step_id, number, now)),
        )
        self.put(run, state=RunState.RUNNING, steps=with_step(run, running))
        return number

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
        run = self._mine(run_id, epoch)
        step = run.step(step_id)
        if step.state is not StepState.RUNNING or attempt not in unended(step):
            raise StaleEpochError(run_id)
        self.also((), events)
        attempts = tuple(
            dataclasses.replace(one, finished_at=now, outcome=end.outcome) if one.number == attempt else one
            for one in step.attempts
        )
        retried = end.retry_at is not None and end.outcome == "failed"
        ended = Step(
            id=step_id,
            state=StepState.PENDING if retried else StepState(end.outcome),
            detail=end.detail,
            result=dict(end.result),
            error_code=end.error_code,
            retry_at=end.retry_at if retried else None,
            attempts=attempts,
        )
        self.put(run, steps=with_step(run, ended))

    async def note(self, run_id: str, *, epoch: int, step_id: str, detail: str) -> None:
        run = self._mine(run_id, epoch)
        if run.step(step_id).state.final:
            raise StaleEpochError(run_id)
        self.put(run, steps=with_step(run, dataclasses.replace(run.step(step_id), detail=detail)))

    async def skip(self, run_id: str, *, epoch: int, step_ids: Sequence[str], reason: str) -> None:
        run = self._mine(run_id, epoch)
        steps = tuple(
            dataclasses.replace(step, state=StepState.SKIPPED, detail=reason, retry_at=None)
            if step.id in step_ids and step.state is StepState.PENDING
            else step
            for step in run.steps
        )
        self.put(run, steps=steps)

    async def finish(
        self,
        run_id: str,
        *,
        epoch: int,
        state: RunState,
        summary: str,
        now: datetime,
        messages: Sequence[Message] = (),
        events: Sequence[audit.Event] = (),
    ) -> None:
        run = self._mine(run_id, epoch)
        if not begun(run):
            raise StaleEpochError(run_id)
        self.also((), events)
        self.put(run, state=state, summary=summary, finished_at=now)
        self.also(messages, ())

    async def recent(self, workspace_id: str, *, limit: int = 20) -> Sequence[Run]:
        mine = [run for run in self._by_age() if run.plan.workspace_id == workspace_id]
        return sorted(mine, key=lambda run: run.created_at, reverse=True)[:limit]

    def put(self, run: Run, **values: Any) -> None:
        """Change a run and raise its version."""
        self.rows[run.id] = dataclasses.replace(run, version=run.version + 1, **values)
        self.changed.notify(RUNS, MESSAGES, TIMERS)

    def also(self, messages: Sequence[Message], events: Sequence[audit.Event]) -> None:
        self.audit.write(events)
        if messages:
            self.messages.insert_new(messages)

    def _mine(self, run_id: str, epoch: int) -> Run:
        run = self.rows.get(run_id)
        if run is None or run.epoch != epoch:
            raise StaleEpochError(run_id)
        return run

    def _version_of(self, run_id: str) -> int:
        return self.rows[run_id].version if run_id in self.rows else 0

    def _by_age(self) -> list[Run]:
        return sorted(self.rows.values(), key=lambda run: (run.created_at, run.id))


def usable(approval: Approval, now: datetime) -> bool:
    if approval.decision is not Decision.APPROVED or approval.use is not Use.UNUSED or approval.decided_at is None:
        return False
    return now <= approval.decided_at + timedelta(seconds=approval.rules.execute_within)


def begun(run: Run) -> bool:
    """Its approval was consumed, or it never needed one."""
    return run.state is RunState.RUNNING or (run.state is RunState.READY and run.approval is None)


def unended(step: Step) -> set[int]:
    return {one.number for one in step.attempts if one.finished_at is None}


def with_step(run: Run, changed: Step) -> tuple[Step, ...]:
    return tuple(changed if step.id == changed.id else step for step in run.steps)
