"""MonitoringAgent: watches what a change does until it is done, and reports progress on the way."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

from agents.agent import Action, ActivityRecorder, BaseAgent, Task, TaskResult, require
from agents.kubernetes import caller, parameters_of
from controlplane.contract import errors as cp
from controlplane.contract.operations import Operations
from security.subjects import SecurityContext

LONGEST_WAIT = 20.0
PAUSE_AFTER_FAULT = 1.0

Report = Callable[[str], Awaitable[None]]


class MonitoringAgent(BaseAgent):
    default_failure_code = "MONITORING_FAILED"

    def __init__(
        self, operations: Operations, *, recorder: ActivityRecorder, now: Callable[[], float] = monotonic
    ) -> None:
        super().__init__("MonitoringAgent", ("monitoring", "watch"), recorder=recorder)
        self._operations = operations
        self._now = now

    def actions(self) -> Mapping[str, Action]:
        return {"monitor_deployment_scaling": self._monitor_deployment_scaling}

    async def _monitor_deployment_scaling(self, task: Task, context: SecurityContext) -> TaskResult:
        """Watch until *expected_replicas* are available, the rollout failed, or *timeout* seconds are over.

        ``task["report"]`` is told each change; ``task["renew"]`` gives a fresh context, since a token lives shorter
        than a rollout may take.
        """
        name, namespace, expected = require(task, "deployment_name", "namespace", "expected_replicas")
        report: Report = task.get("report") or _silent
        deadline = self._now() + float(task.get("timeout") or 300)
        status: dict[str, Any] = {}
        last = ""
        while (left := deadline - self._now()) > 0:
            status = await self._next(task, context, since=str(status.get("resource_version", "")), left=left)
            progress = (
                f"{status['available']} of {expected} ready" if status else "cluster does not answer, still trying"
            )
            if progress != last:
                await report(progress)
                last = progress
            if status and (ended := _ended(status, int(expected))) is not None:
                return _result(ended, name, namespace, int(expected), status)
            context = await task["renew"]() if task.get("renew") else context
        message = (
            f"{name} in {namespace} did not reach {expected} ready replicas in time; {last or 'no status was seen'}."
        )
        return TaskResult(False, status, message, "MONITORING_TIMEOUT", {"happened": False})

    async def _next(self, task: Task, context: SecurityContext, *, since: str, left: float) -> dict[str, Any]:
        """The next status, or nothing when the cluster or the control plane did not answer this time."""
        parameters = parameters_of("watch_deployment", task, context)
        parameters |= {"since": since, "wait": max(0.0, min(LONGEST_WAIT, left))}
        try:
            return await self._operations.read("watch_deployment", parameters, caller(context))
        except (cp.NetworkError, cp.OperationTimeoutError, cp.ClusterUnavailableError, cp.RateLimitError):
            await asyncio.sleep(min(PAUSE_AFTER_FAULT, max(0.0, left)))
            return {}


def _ended(status: Mapping[str, Any], expected: int) -> bool | None:
    """True when done, False when it cannot be done any more, None while it goes on."""
    if status["observed_generation"] < status["generation"]:
        return None
    if status["state"] == "failed" or status["desired"] != expected:
        return False
    numbers = {status["replicas"], status["updated"], status["available"]}
    return True if status["state"] == "complete" and numbers == {expected} else None


def _result(done: bool, name: str, namespace: str, expected: int, status: dict[str, Any]) -> TaskResult:
    if done:
        return TaskResult(True, status, f"{name} in {namespace} has {expected} of {expected} replicas ready")
    if status["desired"] != expected:
        message = f"Somebody else set {name} in {namespace} to {status['desired']} replicas meanwhile."
    else:
        message = f"The rollout of {name} in {namespace} failed: {status.get('reason') or 'no reason given'}."
    return TaskResult(False, status, message, "ROLLOUT_FAILED", {"happened": False})


async def _silent(_progress: str) -> None:
    return None
