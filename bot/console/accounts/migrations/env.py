"""Run by Alembic. The connection comes from ``bot.desk.schema``, which holds the lock and the transaction."""

from alembic import context

from bot.console.accounts.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
