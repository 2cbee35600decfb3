"""The one place where the activity of agents is recorded: metric, log line, span event and audit record.

Structural types stand for a task's result and its security context, because observability imports nothing of ours.
The audit record comes last and is not optional: when it cannot be written, *record* raises, and the caller treats
the task as one whose outcome is not established. What is recorded has passed the injected redaction.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from observability import logging, tracing
from observability.metrics import Metrics


class Result(Protocol):
    """What is read of a task's result."""

    @property
    def success(self) -> bool: ...
    @property
    def message(self) -> str: ...
    @property
    def error_code(self) -> str | None: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...


class Context(Protocol):
    """What is read of a security context; never its token."""

    @property
    def user_id(self) -> str: ...
    @property
    def workspace_id(self) -> str: ...
    @property
    def session_id(self) -> str: ...
    @property
    def request_id(self) -> str: ...


class Audit(Protocol):
    """Appends one event to the audit trail, durably, before it returns."""

    async def __call__(
        self,
        *,
        type: str,  # noqa: A002 -- the field's name in the audit trail
        workspace_id: str,
        actor: str,
        action: str,
        outcome: str,
        reason: str,
        request_id: str,
        session_id: str,
        run_id: str,
        details: Mapping[str, Any],
    ) -> None: ...


class ActivityRecorder:
    """AIOpsObservability of the specification. *redact* takes and returns plain nested data."""

    def __init__(self, *, metrics: Metrics, audit: Audit, redact: Callable[[Any], Any]) -> None:
        self._metrics, self._audit, self._redact = metrics, audit, redact
        self._log = logging.logger("aiops.agents")

    async def record(self, *, agent: str, action: str, result: Result, context: Context, duration: float) -> None:
        """One finished task of an agent, whatever its outcome."""
        await self.track_agent_execution(agent, action, duration, result.success, context)
        facts = self._redact(_facts(agent, action, result, duration))
        outcome = "done" if result.success else "failed"
        self._log.info("agent executed a task", outcome=outcome, **facts, **_identity(context))
        tracing.event("agent.execution", {"agent": agent, "action": facts["action"], "success": result.success})
        await self._audit(
            type="agent_activity",
            workspace_id=context.workspace_id,
            actor=context.user_id,
            action=f"{agent}.{facts['action']}",
            outcome=outcome,
            reason=facts.get("error_code", ""),
            request_id=context.request_id,
            session_id=context.session_id,
            run_id=logging.bound("run_id"),
            details=facts,
        )

    async def track_agent_execution(
        self, agent_name: str, action: str, duration: float, success: bool, context: Context
    ) -> None:
        """The metrics of one execution."""
        self._metrics.agent_execution(
            agent=agent_name, action=action, success=success, workspace=context.workspace_id, duration=duration
        )

    def trace_workflow_execution(self, workflow_name: str, context: Context, *, link: str = "") -> tracing.span:
        """``with recorder.trace_workflow_execution("scale_application", context):`` *link*: the run's trace column."""
        attributes = {
            "user.id": context.user_id,
            "workspace.id": context.workspace_id,
            "session.id": context.session_id,
            "request.id": context.request_id,
        }
        return tracing.span(f"aiops.workflow.{workflow_name}", attributes, link=link)


def _facts(agent: str, action: str, result: Result, duration: float) -> dict[str, Any]:
    facts: dict[str, Any] = {"agent": agent, "action": action[:100], "duration_ms": round(duration * 1000, 1)}
    if not result.success:
        facts["error_code"] = result.error_code or ""
        facts["message"] = result.message[:1000]
        facts["kind"] = str(result.metadata.get("kind", ""))
    return facts


def _identity(context: Context) -> dict[str, str]:
    return {
        "user_id": context.user_id,
        "workspace_id": context.workspace_id,
        "session_id": context.session_id,
        "request_id": context.request_id,
    }
