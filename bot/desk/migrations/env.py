"""Run by Alembic. The connection comes from ``bot.desk.schema``, which holds the lock and the transaction."""

from alembic import context

from bot.desk.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    # SQLite can roll back DDL once the driver leaves transactions to us; all steps are taken or none is.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
