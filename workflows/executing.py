"""One attempt of one step: its token, its task, the agent's answer and what that means for the run.

Nothing is raised across this border but StaleEpochError and cancellation: an attempt ends as done, failed (perhaps
to be tried again) or in doubt. A change is tried again only when it is known not to have happened, or when the
control plane can tell by the idempotency key whether it had.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from agents.agent import BaseAgent, TaskResult, failed
from controlplane.contract import errors as cp
from controlplane.contract.catalogue import CATALOGUE
from controlplane.contract.operations import TokenExchange
from security.subjects import SecurityContext
from workflows import errors, expressions, ports, runs

PASSING = (cp.NetworkError, cp.OperationTimeoutError, cp.ClusterUnavailableError, cp.RateLimitError)
TRANSIENT = frozenset(kind.__name__ for kind in PASSING)
LONGEST_BACKOFF = 30.0
MOST_ATTEMPTS = 20  #: also bounds a step that kills its process each time

Report = Callable[[str], Any]


class StepRunner:
    def __init__(
        self,
        *,
        agents: Mapping[str, BaseAgent],
        tokens: TokenExchange,
        clock: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._agents = agents
        self._tokens = tokens
        self._clock = clock
        self._jitter = jitter

    async def run(self, run: runs.Run, planned: runs.PlannedStep, *, number: int, report: Report) -> ports.StepEnd:
        """Make attempt *number* of a step and say how it ended."""
        result = await self._attempt(run, planned, report)
        if result.success:
            return ports.StepEnd("done", result.message, result.data)
        return self._ended(run.step(planned.id), planned, result, number)

    async def _attempt(self, run: runs.Run, planned: runs.PlannedStep, report: Report) -> TaskResult:
        agent = self._agents.get(planned.agent)
        if agent is None:
            return TaskResult(False, {}, f"Agent not found: {planned.agent}", "AGENT_NOT_FOUND", {"happened": False})
        try:
            async with asyncio.timeout(planned.timeout):
                context = await self._context(run, planned)
                return await agent.execute(self._task(run, planned, report), context)
        except TimeoutError:
            message = f"{planned.name} was not done within {planned.timeout:g} seconds."
            facts = {"kind": "OperationTimeoutError", "happened": None if planned.mutating else False}
            return TaskResult(False, {}, message, "TASK_EXECUTION_ERROR", facts)
        except cp.ControlPlaneError as problem:  # from the token exchange: the call itself was never made
            result = failed(problem, "TASK_EXECUTION_ERROR")
            return TaskResult(False, {}, result.message, result.error_code, {**result.metadata, "happened": False})
        except errors.ExpressionError as problem:
            return TaskResult(False, {}, str(problem), "TASK_EXECUTION_ERROR", {"happened": False})

    async def _context(self, run: runs.Run, planned: runs.PlannedStep) -> SecurityContext:
        token = await self._tokens.for_step(run.id, step_id=planned.id, digest=planned.digest)
        return SecurityContext(
            user_id=run.plan.requester_id,
            workspace_id=run.plan.workspace_id,
            jwt_token=token.access_token,
            permissions=token.permissions,
            session_id=run.session_id,
            request_id=run.request_id or run.id,
        )

    def _task(self, run: runs.Run, planned: runs.PlannedStep, report: Report) -> dict[str, Any]:
        results = {step: dict(run.step(step).result) for step in planned.depends_on}
        inputs = expressions.step_inputs(results)
        return {
            **inputs,
            **expressions.render(planned.parameters, {**run.plan.parameters, **inputs}),
            "action": planned.action,
            "idempotency_key": f"{run.id}:{planned.id}",
            "report": report,
            "renew": lambda: self._context(run, planned),
        }

    def _ended(self, step: runs.Step, planned: runs.PlannedStep, result: TaskResult, number: int) -> ports.StepEnd:
        code = result.error_code or "TASK_EXECUTION_ERROR"
        uncertain = planned.mutating and result.happened is None
        kind = str(result.metadata.get("kind", ""))
        may_repeat = kind in TRANSIENT and (not uncertain or _told_by_key(planned))
        tried = 1 + sum(1 for attempt in step.attempts if attempt.finished_at is not None)
        if may_repeat and tried <= planned.retry_count and number < MOST_ATTEMPTS:
            return ports.StepEnd("failed", result.message, error_code=code, retry_at=self._backoff(tried, result))
        if uncertain:
            return ports.StepEnd("in_doubt", result.message, error_code=code)
        if may_repeat:
            message = f"{result.message} Gave up after {tried} attempts."
            return ports.StepEnd("failed", message, result.data, "TASK_RETRY_EXHAUSTED")
        return ports.StepEnd("failed", result.message, result.data, code)

    def _backoff(self, tried: int, result: TaskResult) -> datetime:
        seconds = min(LONGEST_BACKOFF, 2.0 ** (tried - 1)) * (0.75 + self._jitter() / 2)
        asked = float(result.metadata.get("retry_after", 0) or 0)
        return self._clock() + timedelta(seconds=max(seconds, min(asked, LONGEST_BACKOFF)))


def _told_by_key(planned: runs.PlannedStep) -> bool:
    """Whether the control plane can find out, by key and object, if an earlier attempt took effect."""
    operation = CATALOGUE.get(planned.action)
    return operation is not None and operation.idempotence in {"idempotent", "checkable"}


def resumable(planned: runs.PlannedStep, step: runs.Step) -> bool:
    """Whether a step that was cut off may be attempted again without asking a human."""
    return (not planned.mutating or _told_by_key(planned)) and len(step.attempts) < MOST_ATTEMPTS
