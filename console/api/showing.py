"""Runs as plain JSON: what the API tells of them, redacted."""

from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from agents import replies
from security.redaction import redact_plain
from workflows import cards, runs


def reply(one: replies.Reply | None) -> dict[str, Any] | None:
    return None if one is None else one.model_dump(mode="json")


def run(one: runs.Run, *, now: datetime) -> dict[str, Any]:
    """All of a run, and its card as the requester sees it."""
    plain: dict[str, Any] = redact_plain(_plain().dump_python(one, mode="json"))
    return {"run": plain, "card": reply(cards.card(one, role="requester", now=now))}


def summary(one: runs.Run) -> dict[str, Any]:
    """One line of a list of runs."""
    plan, approval = one.plan, one.approval
    return {
        "run_id": one.id,
        "title": plan.title,
        "state": one.state.value,
        "requester": plan.requester_id,
        "workspace": plan.workspace_id,
        "cluster": plan.cluster,
        "namespace": plan.namespace,
        "environment": plan.environment,
        "risk": plan.risk,
        "approvers": list(plan.approvers),
        "created_at": one.created_at.isoformat(),
        "expires_at": approval.expires_at.isoformat() if approval else None,
        "summary": one.summary,
    }


def progress(one: runs.Run, *, now: datetime) -> dict[str, Any]:
    """Where a run is at this version of it."""
    return {
        "run_id": one.id,
        "version": one.version,
        "state": one.state.value,
        "final": one.state.final,
        "waiting": one.state is runs.RunState.WAITING,
        "summary": one.summary,
        "card": reply(cards.card(one, role="requester", now=now)),
        "approvers": list(one.plan.approvers),
        "steps": [{"id": step.id, "state": step.state.value, "detail": step.detail} for step in one.steps],
    }


@cache
def _plain() -> TypeAdapter[runs.Run]:
    return TypeAdapter(runs.Run)
