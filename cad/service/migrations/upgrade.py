"""Brings the tables of a database to those of this version, at the start of the service."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from cad.errors import Unavailable

FOLDER = "cad.service:migrations"
"""Where Alembic finds the revisions: in the installed package."""

LOCK = 0x6C756E67636164
"""The key of PostgreSQL's advisory lock: "lungcad" in ASCII."""


def upgrade_tables(engine: Engine) -> None:
    """Make or change the tables, all or nothing; of services that start at once one does it and the others wait.

    Raises Unavailable when a newer version of lungcad has changed them already.
    """
    config = _config()
    with engine.begin() as connection:
        _lock(connection)
        config.attributes["connection"] = connection
        _check_known(MigrationContext.configure(connection).get_current_heads(), config)
        command.upgrade(config, "head")


def _config() -> Config:
    """Made in code: no alembic.ini or pyproject.toml of the working directory is read, and logging stays as it is."""
    config = Config()
    config.set_main_option("script_location", FOLDER)
    config.set_main_option("path_separator", "os")
    return config


def _lock(connection: Connection) -> None:
    """Until the end of the transaction; with SQLite the transaction itself is the lock (cad.service.tables)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _check_known(revisions: tuple[str, ...], config: Config) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if not known.issuperset(revisions):
        raise Unavailable("store", "the job table belongs to a newer version of lungcad")
