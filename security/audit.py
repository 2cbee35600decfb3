"""The audit trail: one event, one record, one HMAC-SHA256 chain per workspace.

A record's MAC covers its sequence, the MAC before it and the canonical event, so an edited, deleted, reordered
or inserted record breaks the chain where it stands. Truncation at the end is found by comparing with anchors,
signed pairs (sequence, head) kept outside the database; the tail after the last anchor is the residual risk.
This module computes and verifies; writing is the business of ``security.ports.AuditLog``.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from security import digests

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was asked, allowed, refused, decided, begun or finished. *details* is plain, redacted data."""

    type: str
    workspace_id: str
    actor: str
    action: str
    outcome: str  # granted, denied, started, done, failed, ...
    at: datetime
    reason: str = ""
    request_id: str = ""
    session_id: str = ""
    run_id: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "workspace_id": self.workspace_id,
            "actor": self.actor,
            "action": self.action,
            "outcome": self.outcome,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "reason": self.reason,
            "request_id": self.request_id,
            "session_id": self.session_id,
            "run_id": self.run_id,
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A link of a chain; *event* is the plain form of an Event exactly as it was written."""

    workspace_id: str
    sequence: int
    event: Mapping[str, Any]
    previous: str
    mac: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """Signed head of a chain, kept outside the database."""

    workspace_id: str
    sequence: int
    head: str
    at: str
    signature: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a chain, and at which sequence."""

    workspace_id: str
    sequence: int
    problem: str


def seal(key: bytes, *, workspace_id: str, sequence: int, previous: str, event: Mapping[str, Any]) -> str:
    """The MAC of a record (hex)."""
    message = digests.canonical({"w": workspace_id, "n": sequence, "p": previous, "e": dict(event)})
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def link(key: bytes, event: Event, *, sequence: int, previous: str) -> Record:
    """The next record of a chain after *previous*, the MAC of record *sequence* - 1 (or GENESIS)."""
    plain = event.to_plain()
    mac = seal(key, workspace_id=event.workspace_id, sequence=sequence, previous=previous, event=plain)
    return Record(event.workspace_id, sequence, plain, previous, mac)


def sign_anchor(key: bytes, *, workspace_id: str, sequence: int, head: str, at: datetime) -> Anchor:
    stamp = at.astimezone(UTC).isoformat(timespec="seconds")
    return Anchor(workspace_id, sequence, head, stamp, _anchor_mac(key, workspace_id, sequence, head, stamp))


def verify(key: bytes, workspace_id: str, records: Iterable[Record], anchors: Iterable[Anchor]) -> Iterator[Finding]:
    """Findings for one chain, first to last; nothing found means intact up to the last anchor."""
    expected: dict[int, set[str]] = defaultdict(set)  # all heads: a chain that was cut and grew again has two
    for anchor in anchors:
        good = _anchor_mac(key, anchor.workspace_id, anchor.sequence, anchor.head, anchor.at)
        if not _same(good, anchor.signature):
            yield Finding(workspace_id, anchor.sequence, "an anchor was forged or made with another key")
            continue
        expected[anchor.sequence].add(anchor.head)
    previous, sequence = GENESIS, 0
    for record in records:
        sequence += 1
        yield from _check(key, record, workspace_id=workspace_id, sequence=sequence, previous=previous)
        if any(not _same(head, record.mac) for head in expected.pop(record.sequence, ())):
            yield Finding(workspace_id, record.sequence, "the record differs from its anchor")
        previous, sequence = record.mac, record.sequence
    for number in sorted(expected):
        yield Finding(workspace_id, number, "records up to this anchor are missing at the end (truncated)")


def _check(key: bytes, record: Record, *, workspace_id: str, sequence: int, previous: str) -> Iterator[Finding]:
    if record.sequence != sequence:
        problem = "a record is missing before this one" if record.sequence > sequence else "a record is out of order"
        yield Finding(workspace_id, record.sequence, problem)
    good = _resealed(key, workspace_id, record)
    if good is None or not _same(good, record.mac):
        yield Finding(workspace_id, record.sequence, "the record was edited")
    elif record.sequence == sequence and not _same(record.previous, previous):
        yield Finding(workspace_id, record.sequence, "the record does not follow the one before it")


def _resealed(key: bytes, workspace_id: str, record: Record) -> str | None:
    """The MAC the record should have; None for what could never have been sealed, as an edit may have left it."""
    try:
        return seal(
            key, workspace_id=workspace_id, sequence=record.sequence, previous=record.previous, event=record.event
        )
    except (ValueError, TypeError, RecursionError):
        return None


def _same(one: object, other: object) -> bool:
    """Equal, in constant time, whatever somebody has written there."""
    return hmac.compare_digest(str(one).encode("utf-8", "replace"), str(other).encode("utf-8", "replace"))


def _anchor_mac(key: bytes, workspace_id: str, sequence: int, head: str, at: str) -> str:
    message = digests.canonical({"anchor": workspace_id, "n": sequence, "h": head, "t": at})
    return hmac.new(key, message, hashlib.sha256).hexdigest()
