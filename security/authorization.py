"""May this person do this operation now: current permissions first, then the constraints of its policy.

Nothing is implied: an operation without a policy is denied, a constraint nobody evaluates is denied, a source
address that is not known fails a rule about addresses. Every decision is in the audit trail before it is told, so
AuditUnavailableError means refused. Quotas and concurrency are counted in this process: they bound one control
plane, not several replicas together.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from security import audit, constraints, errors, permissions, ports, subjects

GRANTED = "authorization_granted"
DENIED = "authorization_denied"
INSUFFICIENT = "insufficient_permissions"
VIOLATION = "constraint_violation"
UNKNOWN = "unknown_operation"


@dataclass(frozen=True, slots=True)
class OperationPolicy:
    """What an operation requires: permissions, scoped to the namespace when used, and constraints by name."""

    required_permissions: tuple[str, ...]
    constraints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """Who asks for what, and from where. *source_ip* is empty when a surface hides it."""

    person_id: str
    workspace_id: str
    namespace: str
    request_id: str = ""
    session_id: str = ""
    run_id: str = ""
    source_ip: str = ""

    @classmethod
    def of(cls, context: subjects.SecurityContext, *, namespace: str, source_ip: str = "") -> "Facts":
        """The facts of an agent's context; its permissions are a snapshot and deliberately not taken."""
        return cls(
            person_id=context.user_id,
            workspace_id=context.workspace_id,
            namespace=namespace,
            request_id=context.request_id,
            session_id=context.session_id,
            source_ip=source_ip,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """*permissions* are those held at this moment; *reason* and *explanation* say why not."""

    allowed: bool
    permissions: tuple[str, ...] = ()
    reason: str = ""
    explanation: str = ""

    def __bool__(self) -> bool:
        return self.allowed


class AIOpsSecurityManager:
    """Authorises operations by policy; the name is the one the architecture guide gives it."""

    def __init__(
        self,
        policies: Mapping[str, OperationPolicy],
        *,
        bindings: ports.RoleBindings,
        audit_log: ports.AuditLog,
        clock: Callable[[], datetime],
    ) -> None:
        self._policies = dict(policies)
        self._bindings = bindings
        self._audit = audit_log
        self._clock = clock
        self._usage = constraints.Usage()
        problems = [
            f"{name}: {one}" for name, policy in policies.items() for one in constraints.problems_of(policy.constraints)
        ]
        if problems:
            raise errors.ConfigurationError("Constraints that cannot be used: " + "; ".join(problems))

    async def authorize_operation(self, operation: str, facts: Facts) -> Decision:
        """Decide, write the decision down, tell it."""
        async with self.authorized(operation, facts) as decision:
            return decision

    @asynccontextmanager
    async def authorized(self, operation: str, facts: Facts) -> AsyncIterator[Decision]:
        """The same for as long as the operation runs: what runs inside counts for concurrency.

        Between evaluating the constraints and counting what was allowed nothing is awaited, so two requests
        cannot both take the last place.
        """
        held = tuple(await self._bindings.permissions_of(facts.person_id, facts.workspace_id))
        with ExitStack() as counted:
            decision = self._decide(operation, facts, held)
            if decision:
                key = (operation, facts.workspace_id)
                if "quota" in self._policies[operation].constraints:
                    self._usage.note(key, self._clock())
                counted.enter_context(self._usage.counted(key))
            await self._audit.append(self._event(operation, facts, decision))
            yield decision

    async def refuse(self, operation: str, facts: Facts, *, reason: str, explanation: str) -> None:
        """Write down a refusal that was decided elsewhere, such as a token of another workspace."""
        decision = Decision(allowed=False, reason=reason, explanation=explanation)
        await self._audit.append(self._event(operation, facts, decision))

    def _decide(self, operation: str, facts: Facts, held: tuple[str, ...]) -> Decision:
        policy = self._policies.get(operation)
        if policy is None:
            return Decision(allowed=False, reason=UNKNOWN, explanation=f"There is no operation {operation!r}.")
        needed = [permissions.scoped(one, facts.namespace) for one in policy.required_permissions]
        missing = [one for one in needed if not permissions.allows(held, one)]
        if missing or not needed:
            explanation = f"{facts.person_id} lacks {', '.join(missing) or 'a permission its policy fails to name'}."
            return Decision(allowed=False, permissions=held, reason=INSUFFICIENT, explanation=explanation)
        case = constraints.Case((operation, facts.workspace_id), facts.source_ip, self._clock(), self._usage)
        explanation = constraints.violation(policy.constraints, case)
        if explanation:
            return Decision(allowed=False, permissions=held, reason=VIOLATION, explanation=explanation)
        return Decision(allowed=True, permissions=held)

    def _event(self, operation: str, facts: Facts, decision: Decision) -> audit.Event:
        details = {"namespace": facts.namespace, "source_ip": facts.source_ip, "explanation": decision.explanation}
        return audit.Event(
            type=GRANTED if decision else DENIED,
            workspace_id=facts.workspace_id,
            actor=facts.person_id,
            action=operation,
            outcome="granted" if decision else "denied",
            at=self._clock(),
            reason=decision.reason,
            request_id=facts.request_id,
            session_id=facts.session_id,
            run_id=facts.run_id,
            details={key: value for key, value in details.items() if value},
        )
