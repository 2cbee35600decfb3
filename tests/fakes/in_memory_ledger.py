"""The ledger in memory, read from the runs."""

from security.ports import Grant
from tests.fakes.in_memory_runs import InMemoryRuns
from workflows import integrity
from workflows.runs import Run, RunState


class InMemoryApprovalLedger:
    def __init__(self, runs: InMemoryRuns) -> None:
        self._runs = runs

    async def grant(self, run_id: str) -> Grant | None:
        run = self._runs.rows.get(run_id)
        if run is None:
            return None
        return Grant(
            run_id=run.id,
            workspace_id=run.plan.workspace_id,
            requester_id=run.plan.requester_id,
            session_id=run.session_id,
            digests=run.plan.operation_digests,
            policy_version=run.plan.policy_version,
            kind="approval" if run.approval is not None and run.approval.decided_by else "policy",
            consumed_at=self._runs.consumed_at.get(run_id) if _counts(run) else None,
        )


def _counts(run: Run) -> bool:
    return run.state is RunState.RUNNING and integrity.covered(run)
