"""Brings a database to the schema of this version.

A database at head costs two queries and no import of Alembic. A new one is created from the tables at once and marked
as being at head; a test keeps tables and migrations equal. Anything in between goes through the migrations, in one
transaction: it happens whole or not at all.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, inspect, select, text

from storage.errors import SchemaError
from storage.tables.schema import metadata

if TYPE_CHECKING:
    from alembic.config import Config

#: The newest revision in migrations/versions.
HEAD: Final = "0001"

MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "migrations"

_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def upgrade(engine: Engine) -> None:
    """Safe to call at every start, by the process that holds the lock."""
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        if not tables:
            _create(connection)
        elif _version.name not in tables:
            raise SchemaError("The database holds tables that Hexa did not make. Give Hexa a database of its own.")
        elif connection.execute(select(_version.c.version_num)).scalar() != HEAD:
            _migrate(connection)


def configuration(connection: Connection) -> "Config":
    """Alembic, told where the migrations are and to use this connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _create(connection: Connection) -> None:
    _begin(connection)
    metadata.create_all(connection)
    _version.create(connection)
    connection.execute(insert(_version), {"version_num": HEAD})
    connection.commit()


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.util import CommandError

    # Rebuilding a table drops the old one, which would take the rows that refer to it along.
    connection.execute(text("PRAGMA foreign_keys=OFF"))
    _begin(connection)
    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        connection.rollback()
        raise SchemaError from error
    if connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
        connection.rollback()
        raise SchemaError("The database refers to rows it does not have, so it was left as it is. Restore a backup.")
    connection.commit()
    connection.execute(text("PRAGMA foreign_keys=ON"))


def _begin(connection: Connection) -> None:
    """The driver begins nothing by itself; see storage.engine."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
