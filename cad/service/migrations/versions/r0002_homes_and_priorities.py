"""Where the files of a job lie, which job is urgent, and which services work on the table."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two columns and two tables; jobs that wait stay anybody's, as before."""
    op.add_column("jobs", sa.Column("home", sa.String(64)))
    op.add_column("jobs", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "services",
        sa.Column("installation", sa.String(64), primary_key=True),
        sa.Column("seen", sa.Float, nullable=False),
    )
    op.create_table("urgent_series", sa.Column("series_id", sa.String(64), primary_key=True))
