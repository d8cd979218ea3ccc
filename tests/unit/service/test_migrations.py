"""The tables of an installation become those of this version, and no row is lost."""

from __future__ import annotations

import logging
import multiprocessing
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from cad.errors import Unavailable
from cad.service.jobs import JobState, RetryPolicy
from cad.service.migrations.upgrade import upgrade_tables
from cad.service.store import Store
from cad.service.tables import METADATA, open_engine
from tests.made.benches import SERIES, Bench, an_instance

FIRST_TABLES = Path(__file__).with_name("tables_at_d7f53c1.sql")
NEWEST = "0001"

Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def engine(database: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{database}")
    yield opened
    opened.dispose()


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
    assert rows_of(database) == before
    assert revision_of(database) == NEWEST
    assert differences(engine) == []


def test_the_service_goes_on_with_the_jobs_of_an_installation_from_before_the_migrations(
    database: Path, tmp_path: Path
) -> None:
    restore(database)
    bench = Bench(tmp_path)
    bench.restart("boot-2")
    bench.now += timedelta(hours=2)  # after all that the dump tells of
    keys = {job.series_uid: job.key for job in bench.store.jobs() if job.state is not JobState.SUPERSEDED}
    for series, count in ((SERIES, 3), ("1.4.5", 2), ("1.4.6", 2)):
        bench.pacs.receive([an_instance(n, series, study=f"{series}.0") for n in range(1, count + 1)])
    bench.pacs.rest()
    bench.settle()
    for series in (SERIES, "1.4.5", "1.4.6"):
        assert (bench.job(series).state, bench.job(series).key) == (JobState.DONE, keys[series])
    assert bench.job("1.4.3").facts == {"expected": 212, "found": 209}
    assert bench.store.document(keys["1.4.1"]) is not None
    assert bench.store.is_fetched("1.4.8")
    bench.store.close()


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


def start(databases: Sequence[Path], together: Barrier) -> None:
    for database in databases:
        store = Store(f"sqlite:///{database}", RetryPolicy())
        together.wait(timeout=120)
        store.upgrade_tables()
        store.close()


def test_services_that_start_at_once_upgrade_once(tmp_path: Path) -> None:
    new, older = tmp_path / "new.sqlite", tmp_path / "older.sqlite"
    restore(older)
    before = rows_of(older)
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(3)
    services = [context.Process(target=start, args=((new, older), together)) for _ in range(3)]
    for service in services:
        service.start()
    for service in services:
        service.join(timeout=120)
    assert [service.exitcode for service in services] == [0, 0, 0]
    assert [revision_of(database) for database in (new, older)] == [NEWEST, NEWEST]
    assert rows_of(new) == {name: [] for name in METADATA.tables}
    assert rows_of(older) == before


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
