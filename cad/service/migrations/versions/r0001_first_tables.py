"""The tables as they were before there were migrations.

An installation of that time has them already, or all but the youngest: what is there stays as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables and indexes that are not there."""
    _make_jobs()
    _make_results()
    _make_lists()


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("series_id", sa.String(64), nullable=False),
        sa.Column("series_uid", sa.String(64), nullable=False),
        sa.Column("sop_uids", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("interruptions", sa.Integer, nullable=False),
        sa.Column("waits", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(96)),
        sa.Column("lease_until", sa.Float),
        sa.Column("code", sa.String(64)),
        sa.Column("text", sa.Text),
        sa.Column("facts", sa.JSON, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_jobs_series_uid", "jobs", ["series_uid"], if_not_exists=True)
    op.create_index("ix_jobs_state", "jobs", ["state"], if_not_exists=True)


def _make_results() -> None:
    op.create_table(
        "results",
        sa.Column("job_key", sa.String(64), primary_key=True),
        sa.Column("document", sa.Text),
        if_not_exists=True,
    )
    op.create_table(
        "comparison_maps",
        sa.Column("job_key", sa.String(64), primary_key=True),
        sa.Column("map", sa.LargeBinary(64 * 1024 * 1024), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "objects",
        sa.Column("sop_uid", sa.String(64), primary_key=True),
        sa.Column("job_key", sa.String(64), nullable=False),
        sa.Column("series_uid", sa.String(64), nullable=False),
        sa.Column("modality", sa.String(16), nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_objects_job_key", "objects", ["job_key"], if_not_exists=True)
    op.create_index("ix_objects_series_uid", "objects", ["series_uid"], if_not_exists=True)


def _make_lists() -> None:
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Integer),
        if_not_exists=True,
    )
    op.create_table("watched", sa.Column("series_id", sa.String(64), primary_key=True), if_not_exists=True)
    op.create_table(
        "patients",
        sa.Column("series_id", sa.String(64), primary_key=True),
        sa.Column("document", sa.JSON, nullable=False),
        if_not_exists=True,
    )
    op.create_table("fetched", sa.Column("series_uid", sa.String(64), primary_key=True), if_not_exists=True)
