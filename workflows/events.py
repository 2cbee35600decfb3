"""The audit events of runs and approvals, built in one place so that they name the same things the same way."""

from datetime import datetime
from typing import Any

from security import audit
from workflows import runs


def of_run(
    run: runs.Run, kind: str, *, actor: str, outcome: str, at: datetime, reason: str = "", **details: Any
) -> audit.Event:
    """An event about a run; *kind* such as ``approval_requested``, details are plain data."""
    return audit.Event(
        type=kind,
        workspace_id=run.plan.workspace_id,
        actor=actor,
        action=run.plan.workflow,
        outcome=outcome,
        at=at,
        reason=reason,
        request_id=run.request_id,
        session_id=run.session_id,
        run_id=run.id,
        details={"plan_digest": run.plan.digest, **details},
    )


def operations(run: runs.Run) -> list[dict[str, Any]]:
    """What a plan changes, for the record of its request."""
    return [
        {
            "operation": step.preview.operation,
            "target": step.preview.target.identity(),
            "changes": [change.model_dump(mode="json") for change in step.preview.changes],
            "digest": step.digest,
        }
        for step in run.plan.steps
        if step.preview
    ]
