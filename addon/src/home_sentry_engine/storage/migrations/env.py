"""Run by Alembic: migrates over the connection that ``storage.migrate`` hands in, inside its transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
