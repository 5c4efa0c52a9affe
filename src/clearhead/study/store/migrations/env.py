"""Alembic's environment: migrations run on the connection that the store passes in."""

from alembic import context

from clearhead.study.store.schema import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables().metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
