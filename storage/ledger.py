"""What the control plane may know of a run: whether its mutations are covered, and by what.

Omission never means yes: a run without an approval row covers nothing (where policy asks for no approval the planner
stores one that says so). An approval counts from its consumption, and only while its run is running, so a worker
that thaws after its run ended is refused here too. A plan whose operations are not those of its approval's digest is
covered by nothing.
"""

from sqlalchemy import Connection, bindparam, select

from security.ports import Grant
from storage import assembling
from storage.engine import Database
from storage.tables.runs import approval
from workflows import integrity, runs

_CONSUMED = select(approval.c.consumed_at).where(approval.c.run_id == bindparam("of_run"), approval.c.use == "consumed")


class SqlApprovalLedger:
    """``security.ports.ApprovalLedger``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def grant(self, run_id: str) -> Grant | None:
        def work(connection: Connection) -> Grant | None:
            run = assembling.load_one(connection, run_id)
            if run is None:
                return None
            consumed_at = connection.execute(_CONSUMED, {"of_run": run_id}).scalar()
            return Grant(
                run_id=run.id,
                workspace_id=run.plan.workspace_id,
                requester_id=run.plan.requester_id,
                session_id=run.session_id,
                digests=run.plan.operation_digests,
                policy_version=run.plan.policy_version,
                kind="approval" if run.approval is not None and run.approval.decided_by else "policy",
                consumed_at=consumed_at if run.state is runs.RunState.RUNNING and integrity.covered(run) else None,
            )

        return await self._database.read(work)
