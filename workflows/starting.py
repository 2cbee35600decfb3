"""Starting a workflow: plan it, store the run with its approval and cards in one transaction.

The run's id derives from the trigger (a Slack message, a console request), so the same message delivered twice
finds the run it started.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from agents.ports import Refused, Request, Scope, Sessions, Started
from security import audit, policies
from security.ports import AuditLog, RoleBindings
from security.subjects import SecurityContext
from workflows import deciding, events, ports, runs
from workflows.planner import Planner


def run_id(workspace_id: str, trigger: str) -> str:
    return "run-" + hashlib.sha256(f"{workspace_id}\0{trigger}".encode()).hexdigest()[:20]


class Workflows:
    """Implements agents.ports.WorkflowRunner."""

    def __init__(
        self,
        *,
        planner: Planner,
        store: ports.Runs,
        sessions: Sessions,
        bindings: RoleBindings,
        audit_log: AuditLog,
        placing: ports.Placing,
        dispatcher: ports.Dispatcher,
        clock: Callable[[], datetime],
        trace: Callable[[], str],
    ) -> None:
        self._planner = planner
        self._store = store
        self._sessions = sessions
        self._bindings = bindings
        self._audit = audit_log
        self._placing = placing
        self._dispatcher = dispatcher
        self._clock = clock
        self._trace = trace

    def names(self) -> Sequence[str]:
        return self._planner.names

    async def start(self, request: Request, context: SecurityContext, *, replaces: str = "") -> Started | Refused:
        identity = run_id(context.workspace_id, request.trigger)
        known = await self._store.get(identity)
        if known is not None:
            return Started(known.id, known.state is runs.RunState.WAITING)
        plan = await self._planner.plan(request, context, replaces=replaces)
        if isinstance(plan, Refused):
            await self._record_refusal(request, plan, context)
            return plan
        session = await self._sessions.get(context.session_id)
        if session is None:
            return Refused("ORCHESTRATION_ERROR", "This conversation is not known any more.", "Please ask again.")
        run = await self._run(identity, plan, request, context)
        stored, _created = await self._store.create(
            run, messages=self._placing.cards(run, session), events=[self._requested(run)]
        )
        if stored.state is runs.RunState.READY:
            self._dispatcher.advance(stored.id)
        return Started(stored.id, stored.state is runs.RunState.WAITING)

    async def again(self, run: runs.Run, context: SecurityContext) -> Started | Refused:
        """Plan the request of a run anew, after what it was to change had moved."""
        request = Request(
            workflow=run.plan.workflow,
            parameters=run.plan.parameters,
            scope=Scope(cluster=run.plan.cluster, namespace=run.plan.namespace),
            trigger=f"{run.id}:again",
            text=run.request_text,
        )
        return await self.start(request, context, replaces=run.id)

    async def _run(self, identity: str, plan: runs.Plan, request: Request, context: SecurityContext) -> runs.Run:
        now = self._clock()
        approval = await self._approval(identity, plan, now)
        if approval and approval.decision is runs.Decision.PENDING:
            plan = plan.model_copy(update={"approvers": await self._approvers(plan)})
        waiting = approval is not None and approval.decision is runs.Decision.PENDING
        return runs.Run(
            id=identity,
            session_id=context.session_id,
            plan=plan,
            state=runs.RunState.WAITING if waiting else runs.RunState.READY,
            epoch=0,
            created_at=now,
            steps=tuple(runs.Step(step.id, runs.StepState.PENDING) for step in plan.steps),
            approval=approval,
            request_text=request.text,
            request_id=context.request_id,
            trace_context=self._trace(),
        )

    async def _approval(self, identity: str, plan: runs.Plan, now: datetime) -> runs.Approval | None:
        """The approval a plan needs; none only when it changes nothing. Policy asking for none is recorded too."""
        if not plan.operation_digests:
            return None
        ruling = self._planner.ruling(plan)
        rules = approval_rules(ruling)
        granted = rules.votes == 0
        return runs.Approval(
            id=f"{identity}:approval",
            run_id=identity,
            digest=plan.digest,
            decision=runs.Decision.APPROVED if granted else runs.Decision.PENDING,
            use=runs.Use.UNUSED,
            rules=rules,
            created_at=now,
            expires_at=now + timedelta(seconds=rules.expires_after),
            decided_at=now if granted else None,
            reason=f"policy {rules.rule}" if granted else "",
        )

    async def _approvers(self, plan: runs.Plan) -> tuple[str, ...]:
        everyone = await self._bindings.everyones_permissions(plan.workspace_id)
        return tuple(deciding.deciders(plan, self._planner.ruling(plan), everyone))

    def _requested(self, run: runs.Run) -> audit.Event:
        approval = run.approval
        kind = "approval_requested" if approval and run.state is runs.RunState.WAITING else "run_started"
        return events.of_run(
            run,
            kind,
            actor=run.plan.requester_id,
            outcome="pending" if kind == "approval_requested" else "granted",
            at=run.created_at,
            reason=approval.rules.rule if approval else "",
            operations=events.operations(run),
            cluster=run.plan.cluster,
            namespace=run.plan.namespace,
            policy_version=run.plan.policy_version,
        )

    async def _record_refusal(self, request: Request, refused: Refused, context: SecurityContext) -> None:
        denied = refused.code == "PERMISSION_DENIED"
        await self._audit.append(
            audit.Event(
                type="authorization_denied" if denied else "plan_refused",
                workspace_id=context.workspace_id,
                actor=context.user_id,
                action=request.workflow,
                outcome="denied" if denied else "refused",
                at=self._clock(),
                reason="insufficient_permissions" if denied else refused.code,
                request_id=context.request_id,
                session_id=context.session_id,
                details={"message": refused.message, "namespace": request.scope.namespace},
            )
        )


def approval_rules(ruling: policies.Ruling) -> runs.ApprovalRules:
    approval = ruling.approval
    return runs.ApprovalRules(
        votes=approval.votes,
        self_approval=approval.self_approval,
        expires_after=approval.expires_after.total_seconds(),
        execute_within=approval.execute_within.total_seconds(),
        rule=ruling.rule,
    )
