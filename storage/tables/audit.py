"""The audit chains: one row per record, and per workspace the head that the next record is linked to."""

from sqlalchemy import BigInteger, Column, String, Table

from storage.tables.columns import Json, metadata

audit_record = Table(
    "audit_record",
    metadata,
    Column("workspace_id", String, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Json, nullable=False),
    Column("previous", String, nullable=False),
    Column("mac", String, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("workspace_id", String, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("mac", String, nullable=False),
)
