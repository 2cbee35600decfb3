"""Brings a database to the schema of this version.

A database at head costs one query and no import of Alembic. A new one is created from the tables at once and marked
as being at head; a test keeps the tables and the migrations equal.
"""

from typing import Final

from sqlalchemy import Engine, inspect, text

from storage.tables.schema import metadata

#: The newest revision in migrations/versions.
HEAD: Final = "0001"


def upgrade(engine: Engine) -> None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("run"):
            metadata.create_all(connection)
            connection.execute(text("SELECT 1"))
            connection.commit()
