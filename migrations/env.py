"""Runs the migrations on the connection it is given; storage.migrating owns the transaction and the commit."""

from alembic import context

from storage.tables.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
