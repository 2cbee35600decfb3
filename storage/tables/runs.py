"""Runs, their steps, the attempts at them, and the approval a run waits for."""

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Table, Text, literal_column

from storage.tables.columns import Json, Moment, Prose, metadata

run = Table(
    "run",
    metadata,
    Column("id", String, primary_key=True),
    Column("workspace_id", String, nullable=False),
    Column("session_id", String, nullable=False),
    Column("plan", Text, nullable=False),  # the snapshot, as workflows.runs.Plan serialises it
    Column("state", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("summary", Prose, nullable=False),
    Column("request_text", Prose, nullable=False),
    Column("request_id", String, nullable=False),
    Column("trace_context", String, nullable=False),
)

#: Written out, not bound: only then does SQLite see that the partial indexes fit.
WAITING = run.c.state == literal_column("'waiting'")
UNFINISHED = run.c.state.in_([literal_column("'ready'"), literal_column("'running'")])

Index("ix_run_recent", run.c.workspace_id, run.c.created_at)
Index(
    "ix_run_waiting",
    run.c.workspace_id,
    run.c.state,  # two equal terms, so that it is preferred to ix_run_recent
    sqlite_where=WAITING,
    postgresql_where=WAITING,
)
Index(
    "ix_run_unfinished",
    run.c.created_at,
    sqlite_where=UNFINISHED,
    postgresql_where=UNFINISHED,
)

step = Table(
    "step",
    metadata,
    Column("run_id", String, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("detail", Prose, nullable=False),
    Column("result", Json, nullable=False),
    Column("error_code", String, nullable=False),
    Column("retry_at", Moment),
)

attempt = Table(
    "attempt",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("step_id", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("outcome", String, nullable=False),
    ForeignKeyConstraint(["run_id", "step_id"], ["step.run_id", "step.id"], ondelete="CASCADE"),
)

approval = Table(
    "approval",
    metadata,
    Column("id", String, primary_key=True),
    Column("run_id", String, ForeignKey("run.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("digest", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("use", String, nullable=False),
    Column("rules", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("decided_at", Moment),
    Column("decided_by", String, nullable=False),
    Column("reason", Prose, nullable=False),
    Column("consumed_at", Moment),
    Column("due_at", Moment),  # the timer: expiry, then lapse, then none
)
Index(
    "ix_approval_due",
    approval.c.due_at,
    sqlite_where=approval.c.due_at.is_not(None),
    postgresql_where=approval.c.due_at.is_not(None),
)
