"""Migrations and tables say the same, in both directions, and starting is quick."""

import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from storage import migrating
from storage.engine import Database
from storage.errors import SchemaError
from storage.tables.schema import metadata


@pytest.fixture
def engine(tmp_path):
    made = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    yield made
    made.dispose()


def migrate(engine, direction, revision):
    with engine.begin() as connection:
        direction(migrating.configuration(connection), revision)


def schema(engine):
    """Every statement that made the schema, in a form that does not depend on spelling."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {(row.type, row.name, "".join(row.sql.split()).replace('"', "")) for row in rows}


def columns(engine):
    found = inspect(engine)
    return {
        table: [(c["name"], str(c["type"]), c["nullable"], c["primary_key"]) for c in found.get_columns(table)]
        for table in found.get_table_names()
    }


def test_the_tables_equal_the_migrations(engine):
    """Nothing was changed in one place only."""
    migrate(engine, command.upgrade, "head")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert [one for one in differences if "alembic_version" not in str(one)] == []


def test_a_new_database_is_what_the_migrations_make(engine, tmp_path):
    """The short way to a new database leads to the same place, indexes and their conditions included."""
    migrate(engine, command.upgrade, "head")
    short = create_engine(f"sqlite:///{tmp_path / 'short.db'}")
    migrating.upgrade(short)

    def indexes(engine):
        return {one for one in schema(engine) if one[0] == "index"}

    assert columns(short) == columns(engine)
    assert indexes(short) == indexes(engine)
    short.dispose()


def test_up_down_and_up_again(engine):
    """Going back leaves nothing behind."""
    migrate(engine, command.upgrade, "head")
    first = schema(engine)
    migrate(engine, command.downgrade, "base")
    left = set(inspect(engine).get_table_names())
    migrate(engine, command.upgrade, "head")

    assert left <= {"alembic_version", "sqlite_sequence"}
    assert schema(engine) == first


def test_head_is_the_newest_revision(engine):
    """The constant that spares the import of Alembic is not forgotten when a revision is added."""
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(migrating.configuration(connection))

    assert script.get_heads() == [migrating.HEAD]


async def test_a_database_behind_is_brought_to_head_when_opened(path):
    """As after an update of Hexa; here from before the first revision."""
    opened = await Database.open(path)
    await opened.close()
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, command.downgrade, "base")
    engine.dispose()

    opened = await Database.open(path)
    revision = await opened.read(lambda c: c.execute(text("SELECT version_num FROM alembic_version")).scalar())
    await opened.close()

    assert revision == migrating.HEAD


async def test_a_database_of_a_newer_version_is_left_alone(path):
    """An older Hexa does not guess; it says what to do and lets go of the lock."""
    opened = await Database.open(path)
    await opened.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    await opened.close()
    for _ in range(2):
        with pytest.raises(SchemaError, match="newer version"):
            await Database.open(path)


async def test_a_database_of_somebody_else_is_left_alone(path):
    """A wrong path in the configuration must not fill another program's database with our tables."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    engine.dispose()
    with pytest.raises(SchemaError, match="of its own"):
        await Database.open(path)


def test_opening_a_database_does_not_import_alembic(tmp_path):
    """Cold start: neither a new database nor one at head needs it."""
    script = (
        "import asyncio, sys\n"
        "from storage.engine import Database\n"
        "async def main():\n"
        "    for _ in range(2):\n"
        "        await (await Database.open(sys.argv[1])).close()\n"
        "asyncio.run(main())\n"
        "assert not any(name.partition('.')[0] == 'alembic' for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.db")], check=True, timeout=60)
