"""What Alembic runs: the revisions, on a connection that is in a transaction."""

from alembic import context

from service.store.schema import metadata

__all__: list[str] = []

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by making another.
    render_as_batch=True,
)
context.run_migrations()
