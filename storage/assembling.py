"""Turns rows into runs and back. Four queries read any number of runs: runs, steps, attempts, approvals."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from storage.tables.runs import approval, attempt, run, step
from workflows import runs


@dataclass(frozen=True, slots=True)
class Selection:
    """The four queries over a choice of run ids, oldest run first unless *newest_first*."""

    runs: Select[Any]
    steps: Select[Any]
    attempts: Select[Any]
    approvals: Select[Any]

    @classmethod
    def of(cls, ids: Select[Any], *, newest_first: bool = False) -> "Selection":
        created = run.c.created_at.desc() if newest_first else run.c.created_at
        return cls(
            runs=select(run).where(run.c.id.in_(ids)).order_by(created, run.c.id),
            steps=select(step).where(step.c.run_id.in_(ids)).order_by(step.c.run_id, step.c.position),
            attempts=select(attempt)
            .where(attempt.c.run_id.in_(ids))
            .order_by(attempt.c.run_id, attempt.c.step_id, attempt.c.number),
            approvals=select(approval).where(approval.c.run_id.in_(ids)),
        )


BY_ID = Selection.of(select(run.c.id).where(run.c.id == bindparam("of_run")))


def load(connection: Connection, selection: Selection, values: Mapping[str, Any]) -> list[runs.Run]:
    attempts: defaultdict[tuple[str, str], list[runs.Attempt]] = defaultdict(list)
    for row in connection.execute(selection.attempts, values):
        attempts[row.run_id, row.step_id].append(_attempt(row))
    steps: defaultdict[str, list[runs.Step]] = defaultdict(list)
    for row in connection.execute(selection.steps, values):
        steps[row.run_id].append(_step(row, attempts[row.run_id, row.id]))
    approvals = {row.run_id: approval_of(row) for row in connection.execute(selection.approvals, values)}
    return [_run(row, steps[row.id], approvals.get(row.id)) for row in connection.execute(selection.runs, values)]


def load_one(connection: Connection, run_id: str) -> runs.Run | None:
    found = load(connection, BY_ID, {"of_run": run_id})
    return found[0] if found else None


def approval_of(row: Any) -> runs.Approval:
    return runs.Approval(
        id=row.id,
        run_id=row.run_id,
        digest=row.digest,
        decision=runs.Decision(row.decision),
        use=runs.Use(row.use),
        rules=runs.ApprovalRules(**row.rules),
        created_at=row.created_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
    )


def timer(approval: runs.Approval) -> datetime | None:
    """When somebody has to look at an approval: its expiry, then its lapse, then never."""
    if approval.decision is runs.Decision.PENDING:
        return approval.expires_at
    waits = approval.decision is runs.Decision.APPROVED and approval.use is runs.Use.UNUSED
    if not waits or approval.decided_at is None:
        return None
    return approval.decided_at + timedelta(seconds=approval.rules.execute_within)


def run_row(one: runs.Run) -> dict[str, Any]:
    return {
        "id": one.id,
        "workspace_id": one.plan.workspace_id,
        "session_id": one.session_id,
        "plan": one.plan.model_dump_json(),
        "state": one.state.value,
        "epoch": one.epoch,
        "version": one.version,
        "created_at": one.created_at,
        "finished_at": one.finished_at,
        "summary": one.summary,
        "request_text": one.request_text,
        "request_id": one.request_id,
        "trace_context": one.trace_context,
    }


def step_rows(one: runs.Run) -> Sequence[dict[str, Any]]:
    return [
        {
            "run_id": one.id,
            "id": each.id,
            "position": position,
            "state": each.state.value,
            "detail": each.detail,
            "result": dict(each.result),
            "error_code": each.error_code,
            "retry_at": each.retry_at,
        }
        for position, each in enumerate(one.steps)
    ]


def approval_row(one: runs.Approval) -> dict[str, Any]:
    return {
        "id": one.id,
        "run_id": one.run_id,
        "digest": one.digest,
        "decision": one.decision.value,
        "use": one.use.value,
        "rules": dataclasses.asdict(one.rules),
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "decided_at": one.decided_at,
        "decided_by": one.decided_by,
        "reason": one.reason,
        "due_at": timer(one),
    }


def _run(row: Any, steps: Sequence[runs.Step], approval: runs.Approval | None) -> runs.Run:
    return runs.Run(
        id=row.id,
        session_id=row.session_id,
        plan=runs.Plan.model_validate_json(row.plan),
        state=runs.RunState(row.state),
        epoch=row.epoch,
        created_at=row.created_at,
        steps=tuple(steps),
        approval=approval,
        request_text=row.request_text,
        request_id=row.request_id,
        trace_context=row.trace_context,
        finished_at=row.finished_at,
        summary=row.summary,
        version=row.version,
    )


def _step(row: Any, attempts: Sequence[runs.Attempt]) -> runs.Step:
    return runs.Step(
        id=row.id,
        state=runs.StepState(row.state),
        detail=row.detail,
        result=row.result,
        error_code=row.error_code,
        retry_at=row.retry_at,
        attempts=tuple(attempts),
    )


def _attempt(row: Any) -> runs.Attempt:
    return runs.Attempt(row.step_id, row.number, row.started_at, row.finished_at, row.outcome)
