"""Conversations, the places they are known by, and what was said."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from storage.tables.columns import Json, Moment, Prose, Sequence, metadata

session = Table(
    "session",
    metadata,
    Column("id", String, primary_key=True),
    Column("surface", String, nullable=False),
    Column("key", String, nullable=False),  # the newest of its keys
    Column("workspace_id", String, nullable=False),
    Column("working", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
)

session_key = Table(
    "session_key",
    metadata,
    Column("surface", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("session_id", String, ForeignKey("session.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)

turn = Table(
    "turn",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("session_id", String, ForeignKey("session.id", ondelete="CASCADE"), nullable=False),
    Column("author", String, nullable=False),
    Column("content", Prose, nullable=False),
    Column("at", Moment, nullable=False),
)
Index("ix_turn_session", turn.c.session_id, turn.c.sequence)
