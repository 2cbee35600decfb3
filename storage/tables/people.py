"""People and the roles they hold, each known from the configuration, added by hand, or both."""

from sqlalchemy import Column, String, Table, UniqueConstraint

from storage.tables.columns import Json, metadata

person = Table(
    "person",
    metadata,
    Column("id", String, primary_key=True),
    Column("source", String, primary_key=True),  # configured | added
    Column("email", String),  # lower case; NULL when there is none
    Column("shown_email", String, nullable=False),
    Column("display_name", String, nullable=False),
    UniqueConstraint("email", "source"),
)

role_binding = Table(
    "role_binding",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("workspace_id", String, primary_key=True),
    Column("role", String, primary_key=True),
    Column("namespaces", Json, nullable=False),
)
