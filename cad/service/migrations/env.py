"""What Alembic runs for each upgrade: our connection and its transaction, and no configuration file.

Alembic executes this file; nothing imports it.
"""

from alembic import context

from cad.service.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
