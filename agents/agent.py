"""BaseAgent: the contract every agent keeps, and the one place from which its activity is recorded.

An agent takes a task (``{"action": ..., parameters}``) and a SecurityContext and answers with a TaskResult; it
does not raise across that border. What happened is recorded once, by the injected recorder: log line, metric,
span and audit record come from the same call.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, ClassVar, Protocol

from controlplane.contract import errors as cp
from security import permissions
from security.subjects import SecurityContext

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Outcome of a task. *error_code* is one of the codes of the specification; *happened* is None when it is
    not known whether a change took effect.
    """

    success: bool
    data: dict[str, Any]
    message: str
    error_code: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def happened(self) -> bool | None:
        known: bool | None = self.metadata.get("happened", self.success)
        return known


class ActivityRecorder(Protocol):
    """Where an agent's activity goes: log, metric, span and audit, once."""

    async def record(
        self, *, agent: str, action: str, result: TaskResult, context: SecurityContext, duration: float
    ) -> None: ...


Action = Callable[[Task, SecurityContext], Awaitable[TaskResult]]


class BaseAgent(ABC):
    """Base class for all agents. *failure_codes* maps an action to its own error code."""

    failure_codes: ClassVar[Mapping[str, str]] = {}
    default_failure_code = "TASK_EXECUTION_ERROR"

    def __init__(self, name: str, tools: Sequence[str], *, recorder: ActivityRecorder) -> None:
        self.name = name
        self.tools = tuple(tools)
        self._recorder = recorder

    @abstractmethod
    def actions(self) -> Mapping[str, Action]:
        """The actions this agent knows, by name."""

    async def execute(self, task: Task, context: SecurityContext) -> TaskResult:
        """Execute one task with its security context; failures come back as results."""
        action = str(task.get("action", ""))
        began = perf_counter()
        result = await self._attempt(action, task, context)
        await self.log_activity(action, result, context, duration=perf_counter() - began)
        return result

    def validate_permissions(self, required_permissions: Sequence[str], context: SecurityContext) -> bool:
        """Whether the snapshot in the context covers all of them; the control plane checks again by itself."""
        return permissions.allows_all(context.permissions, required_permissions)

    async def log_activity(
        self, action: str, result: TaskResult, context: SecurityContext, *, duration: float = 0.0
    ) -> None:
        await self._recorder.record(agent=self.name, action=action, result=result, context=context, duration=duration)

    async def _attempt(self, action: str, task: Task, context: SecurityContext) -> TaskResult:
        known = self.actions().get(action)
        if known is None:
            return TaskResult(False, {}, f"Unknown action: {action}", "UNKNOWN_ACTION", {"happened": False})
        try:
            return await known(task, context)
        except MissingParametersError as missing:
            return TaskResult(False, {}, str(missing), "MISSING_PARAMETERS", {"happened": False})
        except cp.PermissionDeniedError as denied:
            return failed(denied, "PERMISSION_DENIED")
        except cp.ControlPlaneError as problem:
            return failed(problem, self.failure_codes.get(action, self.default_failure_code))


class MissingParametersError(Exception):
    """A task lacks parameters it cannot do without."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"Missing required parameters: {', '.join(names)}")


def require(task: Task, *names: str) -> tuple[Any, ...]:
    """The values of these parameters, in order; 0 and False are values, None and "" are not."""
    missing = [name for name in names if task.get(name) in (None, "")]
    if missing:
        raise MissingParametersError(missing)
    return tuple(task[name] for name in names)


_LATER = "Nothing was changed. Try again in a moment."
_NEXT_STEPS: Mapping[str, str] = {
    "PermissionDeniedError": "Ask an admin for a role that includes it; whoami shows what you hold.",
    "ClusterUnavailableError": f"{_LATER[:-1]}, then tell whoever runs the cluster.",
    "OperationTimeoutError": _LATER,
    "NetworkError": _LATER,
    "RateLimitError": _LATER,
}


def next_step(message: str, kind: str, details: Mapping[str, Any]) -> str:
    """What helps after a question or plan failed: the names that may have been meant, else what its kind asks for."""
    close = details.get("did_you_mean") or []
    if close and "Did you mean" not in message:
        return f"Did you mean {' or '.join(close)}?"
    return _NEXT_STEPS.get(kind, "")


def failed(problem: cp.ControlPlaneError, code: str) -> TaskResult:
    """A typed error as a result: its kind and whether the change may have happened are kept."""
    facts = {"kind": type(problem).__name__, "happened": problem.happened, **problem.details}
    if isinstance(problem, cp.RateLimitError):
        facts["retry_after"] = problem.retry_after
    return TaskResult(False, {}, str(problem), code, facts)
