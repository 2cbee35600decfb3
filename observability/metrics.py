"""Prometheus metrics under the names of the specification, in a registry of our own.

Labels are few and bounded: a label whose values come from configuration or from a request keeps the first hundred of
them and calls the rest ``other``, so nobody can fill the memory of the monitoring by inventing names. No label ever
holds a person, an object name or text.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

MOST_VALUES = 100
OTHER = "other"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """All metrics of one process."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry  # 60 ms that `hexa --help` does not pay

        self._registry = CollectorRegistry()
        self._workspaces, self._actions, self._methods = _Bounded(), _Bounded(), _Bounded()
        who = ("agent", "action", "workspace")
        self._executions = self._counter(
            "aiops_agent_executions", "Tasks executed by agents", ("agent", "action", "success", "workspace")
        )
        self._durations = self._histogram("aiops_agent_execution_duration_seconds", "Duration of agent tasks", who)
        self._errors = self._counter("aiops_agent_errors", "Tasks of agents that failed", who)
        self._approvals = self._counter("aiops_approvals", "Approvals by their decision", ("decision", "workspace"))
        self._accepted = self._counter("aiops_inbox_accepted", "Events that arrived", ("kind", "outcome"))
        self._finished = self._counter("aiops_inbox_finished", "Events that were dealt with", ("kind", "outcome"))
        self._lag = self._histogram("aiops_inbox_lag_seconds", "From arrival to the start of work", ("kind",))
        self._acknowledged = self._histogram("aiops_inbox_acknowledgement_seconds", "From arrival to answer 200", ())
        self._slack = self._counter("aiops_slack_calls", "Calls of Slack's Web API", ("method", "outcome"))

    def agent_execution(self, *, agent: str, action: str, success: bool, workspace: str, duration: float) -> None:
        action, workspace = self._actions(action), self._workspaces(workspace)
        self._executions.labels(agent, action, str(success).lower(), workspace).inc()
        self._durations.labels(agent, action, workspace).observe(duration)
        if not success:
            self._errors.labels(agent, action, workspace).inc()

    def approval(self, *, decision: str, workspace: str) -> None:
        self._approvals.labels(decision, self._workspaces(workspace)).inc()

    def inbox_accepted(self, *, kind: str, outcome: str) -> None:
        """*outcome*: new, duplicate or refused."""
        self._accepted.labels(kind, outcome).inc()

    def inbox_started(self, *, kind: str, lag: float) -> None:
        self._lag.labels(kind).observe(max(0.0, lag))

    def inbox_finished(self, *, kind: str, outcome: str) -> None:
        self._finished.labels(kind, outcome).inc()

    def acknowledged(self, *, duration: float) -> None:
        self._acknowledged.observe(duration)

    def slack_call(self, *, method: str, outcome: str) -> None:
        """*outcome*: ok, rate_limited, refused or unreachable."""
        self._slack.labels(self._methods(method), outcome).inc()

    def exposition(self) -> tuple[bytes, str]:
        """The text for ``/metrics`` and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def value(self, name: str, **labels: str) -> float:
        """The current value of one sample, 0 when it was never set."""
        return self._registry.get_sample_value(name, labels) or 0.0

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> "Counter":
        from prometheus_client import Counter

        return Counter(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, labels: tuple[str, ...]) -> "Histogram":
        from prometheus_client import Histogram

        return Histogram(name, text, labels, registry=self._registry, buckets=_SECONDS)


class _Bounded:
    """The first hundred values stay, later ones share ``other``."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._known:
            return value
        if len(self._known) >= MOST_VALUES:
            return OTHER
        self._known.add(value)
        return value
