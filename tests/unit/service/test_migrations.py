"""The tables of an installation become those of this version, and no row is lost."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from cad.errors import Unavailable
from cad.service.jobs import JobState
from cad.service.migrations.upgrade import upgrade_tables
from cad.service.tables import METADATA, open_engine
from tests.unit.service.first_tables import restore, revision_of, rows_of

NEWEST = "0002"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def engine(database: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{database}")
    yield opened
    opened.dispose()


def differences(engine: Engine) -> list[object]:
    """What Alembic would change in the database to make it as the code describes it."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))


def test_an_installation_from_before_the_migrations_keeps_every_row(database: Path, engine: Engine) -> None:
    restore(database)
    before = rows_of(database)
    assert {str(row[5]) for row in before["jobs"]} == {state.value for state in JobState}
    assert all(before.values())
    upgrade_tables(engine)
    after = rows_of(database)
    kept = {name: [row[: len(before[name][0])] for row in after[name]] for name in before}
    assert kept == before
    assert {row[-2:] for row in after["jobs"]} == {(None, 0)}
    assert [after[name] for name in sorted(after.keys() - before.keys())] == [[], []]
    assert revision_of(database) == NEWEST
    assert differences(engine) == []


def test_the_migrations_make_the_tables_that_the_code_describes(engine: Engine) -> None:
    upgrade_tables(engine)
    assert differences(engine) == []


def test_a_table_that_is_up_to_date_stays_as_it_is(database: Path, engine: Engine) -> None:
    restore(database)
    upgrade_tables(engine)
    before = rows_of(database)
    upgrade_tables(engine)
    assert rows_of(database) == before
    assert revision_of(database) == NEWEST


def test_an_upgrade_that_fails_changes_nothing(database: Path, engine: Engine) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE VIEW objects AS SELECT 1 AS job_key")
    with pytest.raises(Exception, match="view"):
        upgrade_tables(engine)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("objects",)]


def test_a_table_of_a_newer_version_is_left_alone(database: Path, engine: Engine) -> None:
    upgrade_tables(engine)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="newer version"):
        upgrade_tables(engine)
    assert revision_of(database) == "9999"


def test_an_upgrade_reads_no_file_of_the_working_folder_and_leaves_the_log_alone(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n[loggers]\nkeys = root\n")
    (tmp_path / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "nowhere"\n')
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("cad").disabled)
    upgrade_tables(engine)
    assert (root.level, list(root.handlers), logging.getLogger("cad").disabled) == before
