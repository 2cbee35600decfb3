"""Values for the contracts: a run of three steps, its card, an event, an item of the inbox."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from security import audit
from security.digests import plan_digest
from workflows.ports import InboxItem, Message, Place, Ruling
from workflows.runs import (
    Approval,
    ApprovalRules,
    Decision,
    Plan,
    PlannedStep,
    Run,
    RunState,
    Step,
    StepState,
    Use,
)

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RULES = ApprovalRules(votes=1, self_approval=False, expires_after=3600, execute_within=900, rule="prod")


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def plan(workspace_id: str = "acme") -> Plan:
    return Plan(
        workflow="scale_application",
        title="Scale web to 5",
        parameters={"replicas": 5},
        workspace_id=workspace_id,
        cluster="main",
        namespace="shop",
        environment="prod",
        requester_id="alice",
        policy_version="v1",
        digest=plan_digest(
            ["sha256:scale"], workspace_id=workspace_id, workflow="scale_application", requester="alice"
        ),
        steps=(
            PlannedStep(id="check", name="Check", agent="validation", action="validate_scaling", parameters={}),
            PlannedStep(
                id="scale",
                name="Scale",
                agent="kubernetes",
                action="scale_deployment",
                parameters={"replicas": 5},
                depends_on=("check",),
                mutating=True,
                digest="sha256:scale",
            ),
            PlannedStep(id="watch", name="Watch", agent="monitoring", action="watch", parameters={}),
        ),
    )


def approval(run_id: str, **values: Any) -> Approval:
    fresh = Approval(
        id=f"{run_id}:approval",
        run_id=run_id,
        digest=plan().digest,
        decision=Decision.PENDING,
        use=Use.UNUSED,
        rules=RULES,
        created_at=T0,
        expires_at=after(3600),
    )
    return dataclasses.replace(fresh, **values)


def run(run_id: str = "run-1", *, workspace_id: str = "acme", **values: Any) -> Run:
    steps = tuple(Step(step.id, StepState.PENDING) for step in plan().steps)
    waiting = Run(
        id=run_id,
        session_id="s-1",
        plan=plan(workspace_id),
        state=RunState.WAITING,
        epoch=0,
        created_at=T0,
        steps=steps,
        approval=approval(run_id),
        request_text="scale web to 5",
    )
    return dataclasses.replace(waiting, **values)


def card(message_id: str = "card-1", run_id: str = "run-1", *, surface: str = "slack") -> Message:
    place = Place(surface, {"kind": "thread", "channel": "C1"})
    return Message(id=message_id, key=f"key:{message_id}", kind="card", place=place, run_id=run_id, role="approver")


def reply(message_id: str, *, surface: str = "slack") -> Message:
    place = Place(surface, {"kind": "thread", "channel": "C1"})
    return Message(id=message_id, key=f"key:{message_id}", kind="reply", place=place, body={"text": message_id})


def event(type_: str = "something", *, workspace_id: str = "acme", **details: Any) -> audit.Event:
    return audit.Event(
        type=type_, workspace_id=workspace_id, actor="alice", action="scale", outcome="done", at=T0, details=details
    )


def item(item_id: str, *keys: str, lane: str = "T1:C1:1") -> InboxItem:
    return InboxItem(item_id, lane, "message", keys or (item_id,), {"text": item_id}, T0)


def ruling(decision: Decision = Decision.APPROVED, *, by: str = "bob", at: datetime = T0, reason: str = "") -> Ruling:
    return Ruling(decision, by, at, reason)
