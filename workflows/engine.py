"""The durable engine: looks at a run's rows and does what comes next.

``advance`` is idempotent and may be called at any time, by any process: it claims the run (raising its epoch, which
fences whoever drove it before), begins it when it was approved and nothing has moved, makes the attempts that are
due, each with its intent written first, and closes the run when no step is left. A run that waits is only rows.
``checkpoint`` does nothing; the crash tests pass one that kills the process at a named point.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, Protocol

from agents.ports import Refused, Sessions, Started
from controlplane.contract import errors as cp
from controlplane.contract.operations import Caller, TokenExchange
from security import audit
from security.permissions import allows, scoped
from security.ports import RoleBindings
from security.subjects import SecurityContext
from workflows import cards, deciding, events, executing, integrity, ports, runs
from workflows.approvals import Decisions
from workflows.planner import Planner
from workflows.runs import RunState, StepState, Use

Checkpoint = Callable[[str], None]


class PlansAgain(Protocol):
    async def again(self, run: runs.Run, context: SecurityContext) -> Started | Refused: ...


Watched = Callable[[runs.Run], AbstractContextManager[Any]]


def no_checkpoint(_point: str) -> None:
    return None


def unwatched(_run: runs.Run) -> AbstractContextManager[Any]:
    return nullcontext()


class Engine:
    def __init__(
        self,
        *,
        store: ports.Runs,
        sessions: Sessions,
        bindings: RoleBindings,
        tokens: TokenExchange,
        planner: Planner,
        decisions: Decisions,
        workflows: PlansAgain,
        steps: executing.StepRunner,
        placing: ports.Placing,
        clock: Callable[[], datetime],
        checkpoint: Checkpoint = no_checkpoint,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        watched: Watched = unwatched,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._bindings = bindings
        self._tokens = tokens
        self._planner = planner
        self._decisions = decisions
        self._workflows = workflows
        self._steps = steps
        self._placing = placing
        self._clock = clock
        self._checkpoint = checkpoint
        self._sleep = sleep
        self._watched = watched

    async def advance(self, run_id: str) -> None:
        """Drive a run as far as it goes. Returns quietly when somebody else has taken it over."""
        try:
            run = await self._store.claim(run_id)
            if run is None or run.state not in {RunState.READY, RunState.RUNNING}:
                return
            with self._watched(run):
                if run.state is RunState.RUNNING or await self._begin(run):
                    await self._drive(run.id)
        except ports.StaleEpochError:
            return

    # --- beginning ---------------------------------------------------------------------------------------------

    async def _begin(self, run: runs.Run) -> bool:
        """Check once more what the approval rests on, then consume it."""
        now = self._clock()
        approval = run.approval
        if approval is not None:
            decided = approval.decided_at or approval.created_at
            if (now - decided).total_seconds() > approval.rules.execute_within:
                await self._decisions.expire(approval)
                return False
            if not await self._unaltered(run) or not await self._still_entitled(run) or not await self._unmoved(run):
                return False
        event = events.of_run(
            run,
            "run_begun",
            actor=run.plan.requester_id,
            outcome="started",
            at=now,
            approved_by=approval.decided_by if approval else "",
            operations=list(run.plan.operation_digests),
        )
        if not await self._store.consume(run.id, epoch=run.epoch, now=now, events=[event]):
            return False
        self._checkpoint("after_gate")
        return True

    async def _unaltered(self, run: runs.Run) -> bool:
        if not integrity.altered(run):
            return True
        reason = "What is stored of it was altered after it was made. Tell whoever looks after security."
        await self._decisions.void(run, use=Use.VOID, reason=reason, altered=True)
        return False

    async def _still_entitled(self, run: runs.Run) -> bool:
        """Whether requester and approver hold now what they held when they asked and decided."""
        plan, approval = run.plan, run.approval
        held = await self._bindings.permissions_of(plan.requester_id, plan.workspace_id)
        lost = [one for one in deciding.operation_permissions(plan) if not allows(held, scoped(one, plan.namespace))]
        if lost:
            reason = f"{plan.requester_id} no longer holds {', '.join(lost)} in {plan.namespace}."
            await self._decisions.void(run, use=Use.VOID, reason=reason)
            return False
        if approval and approval.decided_by:
            held = await self._bindings.permissions_of(approval.decided_by, plan.workspace_id)
            refusal = deciding.refusal_of(
                plan, self._planner.ruling(plan), decider=approval.decided_by, permissions=held
            )
            if refusal:
                reason = f"{approval.decided_by}, who approved it, may not approve it any more."
                await self._decisions.void(run, use=Use.VOID, reason=reason)
                return False
        return True

    async def _unmoved(self, run: runs.Run) -> bool:
        """Whether a fresh dry run still gives the approved digests; otherwise void the approval and plan anew."""
        context = await self._context(run)
        caller = Caller(token=context.jwt_token, request_id=context.request_id)
        try:
            moved = await self._planner.drifted(run.plan, caller)
        except executing.PASSING as problem:
            await self._say_waiting(run, problem)
            raise
        except (cp.NotFoundError, cp.PermissionDeniedError, cp.InvalidRequestError) as problem:
            await self._decisions.void(run, use=Use.VOID, reason=f"It cannot be done any more: {problem}")
            return False
        if not moved:
            return True
        names = ", ".join(f"{preview.target.kind} {preview.target.name}" for preview in moved)
        what = names if run.plan.policy_version == self._planner.policy_version else "The policies"
        reason = f"{what} changed after the card was made, so the approval no longer fits."
        fresh = [preview.model_dump(mode="json", include={"target", "changes"}) for preview in moved]
        if await self._decisions.void(run, use=Use.VOID, reason=reason, drift=fresh):
            await self._workflows.again(run, context)
        return False

    async def _say_waiting(self, run: runs.Run, problem: cp.ControlPlaneError) -> None:
        """Tell on the card what an approved run waits for; whoever drives this tries again until it lapses."""
        first, detail = run.plan.steps[0].id, f"waiting to begin: {problem}"
        if run.step(first).detail != detail:
            await self._store.note(run.id, epoch=run.epoch, step_id=first, detail=detail)

    async def _context(self, run: runs.Run) -> SecurityContext:
        token = await self._tokens.for_step(run.id, step_id="begin")
        return SecurityContext(
            user_id=run.plan.requester_id,
            workspace_id=run.plan.workspace_id,
            jwt_token=token.access_token,
            permissions=token.permissions,
            session_id=run.session_id,
            request_id=run.request_id or run.id,
        )

    # --- driving -----------------------------------------------------------------------------------------------

    async def _drive(self, run_id: str) -> None:
        """Attempt what is due, several steps side by side, until no step is left; then close the run."""
        working: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                run = await self._load(run_id)
                if await self._skip_unreachable(run):
                    continue
                for planned in _due(run, self._clock()):
                    if planned.id not in working:
                        working[planned.id] = asyncio.create_task(self._attempt(run, planned))
                if not working and not await self._rest(run):
                    break
                await self._settle(working)
        finally:
            for task in working.values():
                task.cancel()
            await asyncio.gather(*working.values(), return_exceptions=True)
        await self._close(await self._load(run_id))

    async def _load(self, run_id: str) -> runs.Run:
        run = await self._store.get(run_id)
        if run is None:
            raise ports.StaleEpochError
        return run

    async def _settle(self, working: dict[str, asyncio.Task[None]]) -> None:
        if not working:
            return
        finished, _ = await asyncio.wait(working.values(), return_when=asyncio.FIRST_COMPLETED)
        for step_id in [one for one, task in working.items() if task in finished]:
            await working.pop(step_id)

    async def _rest(self, run: runs.Run) -> bool:
        """Wait for the next retry; False when there is nothing to wait for."""
        times = [step.retry_at for step in run.steps if step.state is StepState.PENDING and step.retry_at]
        if not times:
            return False
        await self._sleep(max(0.0, (min(times) - self._clock()).total_seconds()))
        return True

    async def _attempt(self, run: runs.Run, planned: runs.PlannedStep) -> None:
        step = run.step(planned.id)
        if step.state is StepState.RUNNING and not executing.resumable(planned, step):
            await self._give_to_human(run, planned, step)
            return
        begun = [self._event(run, planned, "operation_begun", "started")] if planned.mutating else []
        number = await self._store.begin(run.id, epoch=run.epoch, step_id=planned.id, now=self._clock(), events=begun)
        self._checkpoint("after_attempt")

        async def report(detail: str) -> None:
            await self._store.note(run.id, epoch=run.epoch, step_id=planned.id, detail=detail)

        end = await self._steps.run(run, planned, number=number, report=report)
        await self._end(run, planned, number, end)
        self._checkpoint("after_end")

    async def _give_to_human(self, run: runs.Run, planned: runs.PlannedStep, step: runs.Step) -> None:
        began = f"{step.attempts[-1].started_at:%H:%M:%S} UTC" if step.attempts else "an unknown time"
        detail = f"{planned.name} may have happened at {began}; it was cut off and cannot be checked."
        end = ports.StepEnd("in_doubt", detail, error_code="TASK_EXECUTION_ERROR")
        await self._end(run, planned, len(step.attempts), end)

    async def _end(self, run: runs.Run, planned: runs.PlannedStep, number: int, end: ports.StepEnd) -> None:
        ended = [self._event(run, planned, "operation_ended", end.outcome, end.detail)] if planned.mutating else []
        await self._store.end(
            run.id, epoch=run.epoch, step_id=planned.id, attempt=number, now=self._clock(), end=end, events=ended
        )

    def _event(
        self, run: runs.Run, planned: runs.PlannedStep, kind: str, outcome: str, reason: str = ""
    ) -> audit.Event:
        return events.of_run(
            run,
            kind,
            actor=run.plan.requester_id,
            outcome=outcome,
            at=self._clock(),
            reason=reason,
            step=planned.id,
            operation=planned.action,
            digest=planned.digest,
        )

    async def _skip_unreachable(self, run: runs.Run) -> bool:
        """Skip steps that can never run because one before them did not succeed; True when any was skipped."""
        dead = {step.id for step in run.steps if step.state.final and step.state is not StepState.DONE}
        unreachable = [
            planned.id
            for planned in run.plan.steps
            if run.step(planned.id).state is StepState.PENDING and dead & set(planned.depends_on)
        ]
        if not unreachable:
            return False
        reason = "a step before it did not succeed"
        await self._store.skip(run.id, epoch=run.epoch, step_ids=unreachable, reason=reason)
        return True

    # --- closing -----------------------------------------------------------------------------------------------

    async def _close(self, run: runs.Run) -> None:
        state, summary = _result(run)
        session = await self._sessions.get(run.session_id)
        reply = cards.outcome(run, state=state, summary=summary)
        messages = self._placing.outcome(run, session, reply) if session else []
        event = events.of_run(
            run, "run_finished", actor=run.plan.requester_id, outcome=state.value, at=self._clock(), reason=summary
        )
        await self._store.finish(
            run.id,
            epoch=run.epoch,
            state=state,
            summary=summary,
            now=self._clock(),
            messages=messages,
            events=[event],
        )


def _due(run: runs.Run, now: datetime) -> Sequence[runs.PlannedStep]:
    """Steps whose dependencies are done and that wait for nothing; a step cut off in the middle is due as well."""

    def due(planned: runs.PlannedStep) -> bool:
        step = run.step(planned.id)
        if step.state.final or (step.retry_at is not None and step.retry_at > now):
            return False
        return all(run.step(one).state is StepState.DONE for one in planned.depends_on)

    return [planned for planned in run.plan.steps if due(planned)]


def _result(run: runs.Run) -> tuple[RunState, str]:
    """The end state and its sentence: what was done, then what went wrong."""
    done = [step.detail for step in run.steps if step.state is StepState.DONE and _told(run, step.id)]
    bad = [step for step in run.steps if step.state in {StepState.FAILED, StepState.IN_DOUBT}]
    if not bad:
        return RunState.SUCCEEDED, _sentences(done) or run.plan.title
    state = RunState.NEEDS_HUMAN if any(step.state is StepState.IN_DOUBT for step in bad) else RunState.FAILED
    wrong = [f"{run.plan.step(step.id).name}: {step.detail}" for step in bad]
    return state, _sentences([*done, *wrong])


def _told(run: runs.Run, step_id: str) -> bool:
    """Checks before a change are not worth a word when they passed."""
    planned = run.plan.step(step_id)
    changing = {step.id for step in run.plan.steps if step.mutating}
    return not changing or planned.mutating or bool(changing & set(planned.depends_on))


def _sentences(parts: Sequence[str]) -> str:
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts if part)
