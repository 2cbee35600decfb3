"""What the HTTP API needs of the rest, handed over by the composition root."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from agents.chat.conversation import Answer, Question
from observability.health import Checks
from observability.metrics import Metrics
from security.ports import AuditLog, RoleBindings
from workflows.approvals import Verdict
from workflows.ports import Approvals, Runs


class Conversation(Protocol):
    async def ask(self, question: Question) -> Answer: ...


class Decisions(Protocol):
    async def decide(
        self,
        *,
        run_id: str,
        person_id: str,
        decision: Literal["approved", "rejected"],
        surface: str,
        reason: str = "",
    ) -> Verdict: ...


class Changes(Protocol):
    """Wakes when rows of a topic changed."""

    def version(self, topic: str) -> int: ...

    async def wait(self, topic: str, seen: int, timeout: float | None = None) -> int: ...


@dataclass(frozen=True, slots=True)
class Services:
    """*token* is that of server.json: who holds it owns the data directory, so the name in ``as`` is believed."""

    token: str = field(repr=False)
    conversation: Conversation
    decisions: Decisions
    runs: Runs
    approvals: Approvals
    bindings: RoleBindings
    audit: AuditLog
    changed: Changes
    checks: Checks
    metrics: Metrics
    workspaces: Sequence[str]
    """Ids of the configured workspaces, the default one first."""

    roles: Collection[str]
    """Names of the roles that can be given."""

    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    default_person: str = ""
    """Who is meant when a request names nobody: somebody of the demo, else nobody."""

    surface: str = "cli"
