"""Turns rows into runs and back. Two queries read any number of runs: runs with their approvals, steps with their
attempts.
"""

import dataclasses
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Select, and_, bindparam, select

from storage.tables.runs import approval, attempt, run, step
from workflows import runs

logger = logging.getLogger("aiops.storage")


@dataclass(frozen=True, slots=True)
class Selection:
    """The two queries over a choice of run ids, oldest run first unless *newest_first*."""

    runs: Select[Any]
    steps: Select[Any]

    @classmethod
    def of(cls, ids: Select[Any], *, newest_first: bool = False) -> "Selection":
        created = run.c.created_at.desc() if newest_first else run.c.created_at
        of_approval = [column.label(f"approval_{column.name}") for column in approval.c]
        same_step = and_(attempt.c.run_id == step.c.run_id, attempt.c.step_id == step.c.id)
        return cls(
            runs=select(run, *of_approval)
            .outerjoin_from(run, approval, approval.c.run_id == run.c.id)
            .where(run.c.id.in_(ids))
            .order_by(created, run.c.id),
            steps=select(step, attempt.c.number, attempt.c.started_at, attempt.c.finished_at, attempt.c.outcome)
            .outerjoin_from(step, attempt, same_step)
            .where(step.c.run_id.in_(ids))
            .order_by(step.c.run_id, step.c.position, attempt.c.number),
        )


BY_ID = Selection.of(select(run.c.id).where(run.c.id == bindparam("of_run")))


def load(connection: Connection, selection: Selection, values: Mapping[str, Any]) -> list[runs.Run]:
    rows = connection.execute(selection.steps, values)
    steps: defaultdict[str, list[runs.Step]] = defaultdict(list)
    for (run_id, _), of_step in groupby(rows, key=lambda row: (row.run_id, row.id)):
        steps[run_id].append(_step(list(of_step)))
    found = (_readable(row, steps[row.id]) for row in connection.execute(selection.runs, values))
    return [one for one in found if one is not None]


def load_one(connection: Connection, run_id: str) -> runs.Run | None:
    found = load(connection, BY_ID, {"of_run": run_id})
    return found[0] if found else None


def approval_of(row: Any, prefix: str = "") -> runs.Approval:
    """From a row of approval, or of a join that names its columns with a prefix."""

    def column(name: str) -> Any:
        return getattr(row, prefix + name)

    return runs.Approval(
        id=column("id"),
        run_id=column("run_id"),
        digest=column("digest"),
        decision=runs.Decision(column("decision")),
        use=runs.Use(column("use")),
        rules=runs.ApprovalRules(**column("rules")),
        created_at=column("created_at"),
        expires_at=column("expires_at"),
        decided_at=column("decided_at"),
        decided_by=column("decided_by"),
        reason=column("reason"),
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


def _readable(row: Any, steps: Sequence[runs.Step]) -> runs.Run | None:
    """A run, or None for a damaged row: it must not hide the others, and nothing is ever run from it."""
    try:
        return _run(row, steps)
    except ValidationError as error:
        logger.error("run %s cannot be read and is left out: its plan has %d faults", row.id, error.error_count())  # noqa: TRY400 - the trace would quote the plan
        return None


def _run(row: Any, steps: Sequence[runs.Step]) -> runs.Run:
    return runs.Run(
        id=row.id,
        session_id=row.session_id,
        plan=runs.Plan.model_validate_json(row.plan),
        state=runs.RunState(row.state),
        epoch=row.epoch,
        created_at=row.created_at,
        steps=tuple(steps),
        approval=None if row.approval_id is None else approval_of(row, "approval_"),
        request_text=row.request_text,
        request_id=row.request_id,
        trace_context=row.trace_context,
        finished_at=row.finished_at,
        summary=row.summary,
        version=row.version,
    )


def _step(rows: Sequence[Any]) -> runs.Step:
    """From the rows of one step: one per attempt, or a single one without."""
    row = rows[0]
    attempts = [
        runs.Attempt(each.id, each.number, each.started_at, each.finished_at, each.outcome)
        for each in rows
        if each.number is not None
    ]
    return runs.Step(
        id=row.id,
        state=runs.StepState(row.state),
        detail=row.detail,
        result=row.result,
        error_code=row.error_code,
        retry_at=row.retry_at,
        attempts=tuple(attempts),
    )
