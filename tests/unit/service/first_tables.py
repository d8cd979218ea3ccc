"""The tables of an installation from before the migrations, and what a database holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cad.service.tables import METADATA

FIRST_TABLES = Path(__file__).with_name("tables_at_d7f53c1.sql")

Rows = dict[str, list[tuple[object, ...]]]


def restore(database: Path) -> None:
    """An installation as the last version without migrations left it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(FIRST_TABLES.read_text())


def rows_of(database: Path) -> Rows:
    """Every row of our tables, by table."""
    with closing(sqlite3.connect(database)) as connection:
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for name in METADATA.tables
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        }


def revision_of(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        ((revision,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(revision)
