"""Every port in memory, wired together as storage.stores does on a database."""

from collections.abc import Mapping, Sequence

from security import permissions
from storage.signals import Changes
from storage.stores import Stores
from tests.fakes.in_memory_approvals import InMemoryApprovals
from tests.fakes.in_memory_audit import KEY, InMemoryAuditLog
from tests.fakes.in_memory_bindings import InMemoryRoleBindings
from tests.fakes.in_memory_effects import InMemoryEffects
from tests.fakes.in_memory_inbox import InMemoryInbox
from tests.fakes.in_memory_ledger import InMemoryApprovalLedger
from tests.fakes.in_memory_runs import InMemoryRuns
from tests.fakes.in_memory_sessions import InMemorySessions


def in_memory_stores(
    *, audit_key: bytes = KEY, roles: Mapping[str, Sequence[str]] = permissions.SHIPPED_ROLES
) -> Stores:
    changed = Changes()
    audit_log = InMemoryAuditLog(audit_key)
    runs = InMemoryRuns(audit_log=audit_log, changed=changed)
    return Stores(
        inbox=InMemoryInbox(changed=changed),
        messages=runs.messages,
        runs=runs,
        approvals=InMemoryApprovals(runs),
        sessions=InMemorySessions(),
        audit=audit_log,
        bindings=InMemoryRoleBindings(roles=roles),
        ledger=InMemoryApprovalLedger(runs),
        effects=InMemoryEffects(),
        changed=changed,
    )
