"""What was accepted from a surface, in order, and every identity it is known by."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, literal_column

from storage.tables.columns import Json, Moment, Sequence, metadata

inbox_item = Table(
    "inbox_item",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("lane", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("payload", Json),  # NULL once finished
    Column("received_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("outcome", String, nullable=False, default=""),  # empty: unfinished
    Column("finished_at", Moment),
    sqlite_autoincrement=True,
)

#: Written out, not bound: only then does SQLite see that the partial index fits.
UNFINISHED = inbox_item.c.outcome == literal_column("''")

Index(
    "ix_inbox_item_unfinished",
    inbox_item.c.lane,
    inbox_item.c.sequence,
    sqlite_where=UNFINISHED,
    postgresql_where=UNFINISHED,
)

inbox_key = Table(
    "inbox_key",
    metadata,
    Column("key", String, primary_key=True),
    Column("item_id", String, ForeignKey("inbox_item.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)
