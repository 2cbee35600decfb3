"""What security, the control plane and the workflows need stored: audit, bindings, approval ledger, idempotency.

Implemented by storage (SQL) and by fakes in the tests, both proven by the same contract tests.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from security import audit, subjects


class AuditLog(Protocol):
    """Append-only, hash-chained per workspace. Raises AuditUnavailableError when a record cannot be made durable."""

    async def append(self, *events: audit.Event) -> None:
        """Write the events durably, in order, before returning."""

    def records(self, workspace_id: str, *, after: int = 0) -> AsyncIterator[audit.Record]:
        """The chain in order of sequence, records with a sequence above *after*."""

    async def workspaces(self) -> Sequence[str]: ...


class RoleBindings(Protocol):
    """People and the roles they hold at this moment."""

    async def person(self, person_id: str) -> subjects.Person | None: ...

    async def person_by_email(self, email: str) -> subjects.Person | None: ...

    async def people(self) -> Sequence[subjects.Person]: ...

    async def bindings_of(self, person_id: str) -> Sequence[subjects.RoleBinding]: ...

    async def permissions_of(self, person_id: str, workspace_id: str) -> Sequence[str]:
        """Effective permissions now, with their namespaces; empty for somebody unknown."""

    async def everyones_permissions(self, workspace_id: str) -> Mapping[str, Sequence[str]]:
        """Effective permissions now of everybody known, by person id, in a constant number of queries."""

    async def add(self, person: subjects.Person, bindings: Sequence[subjects.RoleBinding]) -> None:
        """Add a person and roles by hand (``hexa user add``); kept when the configuration is loaded again."""

    async def replace_configured(
        self, people: Sequence[subjects.Person], bindings: Sequence[subjects.RoleBinding]
    ) -> None:
        """Make the configured people and bindings those of the file, in one transaction; added ones stay."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Why a mutation of a run may happen: a consumed approval, or a policy that asks for none."""

    run_id: str
    workspace_id: str
    requester_id: str
    session_id: str
    digests: tuple[str, ...]
    policy_version: str
    kind: str  # "approval" or "policy"
    consumed_at: datetime | None

    def covers(self, digest: str) -> bool:
        return self.consumed_at is not None and digest in self.digests


class ApprovalLedger(Protocol):
    """What the control plane may know of approvals: the grant of a run, read-only."""

    async def grant(self, run_id: str) -> Grant | None: ...


@dataclass(frozen=True, slots=True)
class Effect:
    """One mutation known to the control plane by its idempotency key (``run:step``)."""

    key: str
    run_id: str
    fingerprint: str
    target_uid: str
    started_at: datetime
    finished_at: datetime | None
    result: dict[str, Any] | None


class Effects(Protocol):
    """Idempotency of mutations: started before the call to the cluster, finished after it."""

    async def start(self, effect: Effect) -> Effect | None:
        """Record the start; returns the earlier effect of the same key when there is one (nothing is written)."""

    async def finish(self, key: str, *, at: datetime, result: dict[str, Any]) -> None: ...

    async def abandon(self, key: str) -> None:
        """Forget a started effect that is known not to have happened (the cluster refused it)."""

    async def finished_on(self, run_id: str, target_uid: str) -> int:
        """How many finished effects of this run changed the object: generations it made itself."""
