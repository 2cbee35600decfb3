"""Mutations by their idempotency key, started before the cluster is called and finished after it."""

from sqlalchemy import Column, Index, String, Table

from storage.tables.columns import Json, Moment, metadata

effect = Table(
    "effect",
    metadata,
    Column("key", String, primary_key=True),
    Column("run_id", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("target_uid", String, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("result", Json),
)
Index("ix_effect_run_target", effect.c.run_id, effect.c.target_uid)
