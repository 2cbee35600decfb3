"""Every port of every layer on one database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agents import ports as agents
from security import ports as security
from storage.anchors import AnchorWriter
from storage.approvals import SqlApprovals
from storage.audit import Journal, SqlAuditLog
from storage.bindings import SqlRoleBindings
from storage.effects import SqlEffects
from storage.engine import Database
from storage.inbox import SqlInbox
from storage.ledger import SqlApprovalLedger
from storage.messages import SqlMessages
from storage.runs import SqlRuns
from storage.sessions import SqlSessions
from storage.signals import Changes
from workflows import ports as workflows


@dataclass(frozen=True, slots=True)
class Stores:
    """*changed* tells, after each commit, which of the topics inbox, messages and runs may have changed."""

    inbox: workflows.Inbox
    messages: workflows.Messages
    runs: workflows.Runs
    approvals: workflows.Approvals
    sessions: agents.Sessions
    audit: security.AuditLog
    bindings: security.RoleBindings
    ledger: security.ApprovalLedger
    effects: security.Effects
    changed: Changes


async def open_stores(
    database: Database,
    *,
    audit_key: bytes,
    roles: Mapping[str, Sequence[str]],
    clock: Callable[[], datetime],
    anchors: Path | None = None,
) -> Stores:
    """*anchors* is the file outside the database that signed heads of the audit chains are appended to."""
    journal = _journal(database, audit_key, clock=clock, anchors=anchors)
    return Stores(
        inbox=SqlInbox(database, clock=clock),
        messages=SqlMessages(database),
        runs=SqlRuns(database, journal),
        approvals=SqlApprovals(database, journal),
        sessions=SqlSessions(database, clock=clock),
        audit=SqlAuditLog(database, journal),
        bindings=SqlRoleBindings(database, roles=roles),
        ledger=SqlApprovalLedger(database),
        effects=SqlEffects(database),
        changed=database.changed,
    )


def _journal(database: Database, audit_key: bytes, *, clock: Callable[[], datetime], anchors: Path | None) -> Journal:
    if anchors is None:
        return Journal(database, audit_key)
    writer = AnchorWriter(database, anchors, key=audit_key, clock=clock)
    database.before_close(writer.close)
    return Journal(database, audit_key, noticed=writer.noticed)
