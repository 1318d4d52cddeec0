"""Runs the telemetry migrations on the connection that `hotspot.store.upgrade` holds."""

from alembic import context

from hotspot.store.telemetry_schema import telemetry

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=telemetry,
    version_table=context.config.get_main_option("version_table"),
    transactional_ddl=False,  # the caller's transaction is the transaction
    render_as_batch=True,
)
context.run_migrations()
