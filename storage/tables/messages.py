"""Messages Hexa posts. *settled* only spares the search for what is due: it is cleared with every change of the run a
card shows, and set when what was shown is what is wanted.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table

from storage.tables.columns import Json, Moment, Prose, Sequence, metadata

message = Table(
    "message",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("key", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("surface", String, nullable=False),
    Column("address", Json, nullable=False),
    Column("body", Json, nullable=False),
    Column("run_id", String, ForeignKey("run.id"), index=True),
    Column("role", String, nullable=False),
    Column("ref", Json),
    Column("ref_key", String),  # the reference in canonical form, to find a message by it
    Column("wanted", Integer, nullable=False),
    Column("shown", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sending", Boolean(create_constraint=False), nullable=False),
    Column("state", String, nullable=False),  # open | given_up | expanded
    Column("settled", Boolean(create_constraint=False), nullable=False),
    Column("due_at", Moment),  # put off until then
    Column("error", Prose, nullable=False),
    sqlite_autoincrement=True,
)
Index(
    "ix_message_unsettled",
    message.c.surface,
    message.c.sequence,
    sqlite_where=message.c.settled.is_(False),
    postgresql_where=message.c.settled.is_(False),
)
Index("ix_message_ref", message.c.surface, message.c.ref_key)
