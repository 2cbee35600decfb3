"""The audit trail of one mutation: every event names the run, the digest, the object and the key."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controlplane.contract import errors
from security import audit, ports, tokens
from security import errors as security_errors


@dataclass(slots=True)
class Record:
    log: ports.AuditLog
    clock: Callable[[], datetime]
    operation: str
    claims: tokens.Claims
    request_id: str
    details: dict[str, Any] = field(default_factory=dict)

    async def write(self, kind: str, outcome: str, *, reason: str = "", **details: Any) -> None:
        """Append an event; AuditUnavailableError passes, so that what it precedes does not happen."""
        event = audit.Event(
            type=f"operation_{kind}",
            workspace_id=self.claims.workspace,
            actor=self.claims.sub,
            action=self.operation,
            outcome=outcome,
            at=self.clock(),
            reason=reason,
            request_id=self.request_id,
            session_id=self.claims.sid,
            run_id=self.claims.run,
            details={**self.details, **details},
        )
        await self.log.append(event)

    async def write_after(self, kind: str, outcome: str, *, reason: str = "", **details: Any) -> None:
        """The same for what has happened or may have: without a record the caller must not hear that all is well."""
        try:
            await self.write(kind, outcome, reason=reason, **details)
        except security_errors.AuditUnavailableError as error:
            unknown = errors.ControlPlaneError(str(error), details={"status": 503})
            unknown.happened = None
            raise unknown from error
