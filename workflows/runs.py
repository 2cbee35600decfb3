"""Runs as data: the plan that was shown, the steps, their attempts, and the states each can be in.

Pure values; the transitions are in workflows.engine and workflows.approvals, their storage behind workflows.ports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from controlplane.contract import models


class RunState(StrEnum):
    WAITING = "waiting"  #: for a decision
    READY = "ready"  #: approved, nothing begun yet
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NEEDS_HUMAN = "needs_human"  #: a change may or may not have happened
    ENDED = "ended"  #: rejected, expired, cancelled, void or lapsed: nothing was run

    @property
    def final(self) -> bool:
        return self in {RunState.SUCCEEDED, RunState.FAILED, RunState.ENDED, RunState.NEEDS_HUMAN}


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    IN_DOUBT = "in_doubt"

    @property
    def final(self) -> bool:
        return self not in {StepState.PENDING, StepState.RUNNING}


class Decision(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class Use(StrEnum):
    UNUSED = "unused"
    CONSUMED = "consumed"
    VOID = "void"
    LAPSED = "lapsed"


class PlannedStep(BaseModel):
    """A template step with its parameters rendered as far as they are known before the run.

    *parameters* may still contain ``{{ input_from_<step> }}``. A mutating step carries its preview and digest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    agent: str
    action: str
    parameters: dict[str, Any]
    required_permissions: tuple[str, ...] = ()
    timeout: float = 30.0
    retry_count: int = 2
    depends_on: tuple[str, ...] = ()
    mutating: bool = False
    preview: models.Preview | None = None
    digest: str = ""


class Plan(BaseModel):
    """The snapshot a run executes; editing a template never changes a run in flight."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    workflow: str
    title: str
    verb: str = "Approve"
    parameters: dict[str, Any]
    workspace_id: str
    cluster: str
    namespace: str
    environment: str
    requester_id: str
    policy_version: str
    steps: tuple[PlannedStep, ...]
    digest: str
    risk: str = "none"
    risk_reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()  #: person ids who could decide when the card was made; checked again at a click
    replaces: str = ""  #: the run whose drift made this plan necessary

    @property
    def operation_digests(self) -> tuple[str, ...]:
        return tuple(step.digest for step in self.steps if step.mutating)

    def step(self, step_id: str) -> PlannedStep:
        return next(step for step in self.steps if step.id == step_id)


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """What policy asked for when the plan was made; policy is evaluated again at each click."""

    votes: int
    self_approval: bool
    expires_after: float  #: seconds
    execute_within: float  #: seconds
    rule: str  #: name of the policy rule, for explanations


@dataclass(frozen=True, slots=True)
class Approval:
    id: str
    run_id: str
    digest: str
    decision: Decision
    use: Use
    rules: ApprovalRules
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The write-ahead intent of one try. *finished_at* None and no outcome: it was cut off."""

    step_id: str
    number: int
    started_at: datetime
    finished_at: datetime | None = None
    outcome: str = ""  # done | failed | in_doubt


@dataclass(frozen=True, slots=True)
class Step:
    id: str
    state: StepState
    detail: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    error_code: str = ""
    retry_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run as stored. *epoch* fences writers: each write names the epoch it read."""

    id: str
    session_id: str
    plan: Plan
    state: RunState
    epoch: int
    created_at: datetime
    steps: tuple[Step, ...]
    approval: Approval | None
    request_text: str = ""
    request_id: str = ""
    trace_context: str = ""
    finished_at: datetime | None = None
    summary: str = ""
    version: int = 1  #: raised by every change a card shows

    def step(self, step_id: str) -> Step:
        return next(step for step in self.steps if step.id == step_id)
