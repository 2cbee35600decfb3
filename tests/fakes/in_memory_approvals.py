"""Approvals in memory, kept where their runs are."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

from security import audit
from tests.fakes.in_memory_runs import InMemoryRuns
from workflows.ports import Message, Ruling
from workflows.runs import Approval, Decision, Run, RunState, Use


class InMemoryApprovals:
    def __init__(self, runs: InMemoryRuns) -> None:
        self._runs = runs

    async def get(self, approval_id: str) -> Approval | None:
        found = self._find(approval_id)
        return found and found[1]

    async def decide(
        self, approval_id: str, ruling: Ruling, *, events: Sequence[audit.Event], messages: Sequence[Message] = ()
    ) -> bool:
        if ruling.decision is Decision.PENDING:
            raise ValueError("pending is not a decision")
        found = self._find(approval_id)
        if found is None or found[1].decision is not Decision.PENDING:
            return False
        run, approval = found
        self._runs.also((), events)
        approved = ruling.decision is Decision.APPROVED
        decided = dataclasses.replace(
            approval, decision=ruling.decision, decided_at=ruling.at, decided_by=ruling.by, reason=ruling.reason
        )
        self._runs.put(
            run,
            approval=decided,
            state=RunState.READY if approved else RunState.ENDED,
            finished_at=None if approved else ruling.at,
        )
        self._runs.also(messages, ())
        return True

    async def void(
        self,
        approval_id: str,
        *,
        use: Use,
        reason: str,
        at: datetime,
        events: Sequence[audit.Event],
        messages: Sequence[Message] = (),
    ) -> bool:
        if use not in {Use.VOID, Use.LAPSED}:
            raise ValueError(f"{use} is not an end without use")
        found = self._find(approval_id)
        if found is None or found[1].decision is not Decision.APPROVED or found[1].use is not Use.UNUSED:
            return False
        run, approval = found
        self._runs.also((), events)
        voided = dataclasses.replace(approval, use=use, reason=reason)
        self._runs.put(run, approval=voided, state=RunState.ENDED, finished_at=at, summary=reason)
        self._runs.also(messages, ())
        return True

    async def waiting(self, workspace_id: str) -> Sequence[Run]:
        found = [
            run
            for run in self._runs.rows.values()
            if run.state is RunState.WAITING and run.plan.workspace_id == workspace_id
        ]
        return sorted(found, key=lambda run: (run.created_at, run.id))

    async def due(self, now: datetime) -> Sequence[Approval]:
        return [approval for at, approval in self._timers() if at <= now]

    async def next_due(self) -> datetime | None:
        return next((at for at, _ in self._timers()), None)

    def _timers(self) -> list[tuple[datetime, Approval]]:
        all_of_them = [run.approval for run in self._runs.rows.values() if run.approval]
        timed = [(at, one) for one in all_of_them if (at := timer(one)) is not None]
        return sorted(timed, key=lambda each: each[0])

    def _find(self, approval_id: str) -> tuple[Run, Approval] | None:
        for run in self._runs.rows.values():
            if run.approval and run.approval.id == approval_id:
                return run, run.approval
        return None


def timer(approval: Approval) -> datetime | None:
    if approval.decision is Decision.PENDING:
        return approval.expires_at
    if approval.decision is Decision.APPROVED and approval.use is Use.UNUSED and approval.decided_at:
        return approval.decided_at + timedelta(seconds=approval.rules.execute_within)
    return None
