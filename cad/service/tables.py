"""The tables of the service, and how SQLite is opened so that they survive a power cut."""

from __future__ import annotations

import sqlite3
import time

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 20_000
"""How long SQLite waits for another process's write; its writes here take milliseconds."""

WAL_PAUSE_S = 0.02

READING = "lungcad_reading"
"""Execution option of transactions that write nothing."""

METADATA = MetaData()

JOBS = Table(
    "jobs",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("source", String(8), nullable=False),
    Column("series_id", String(64), nullable=False),
    Column("series_uid", String(64), nullable=False, index=True),
    Column("sop_uids", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("waits", Integer, nullable=False),
    Column("owner", String(96)),
    Column("lease_until", Float),
    Column("code", String(64)),
    Column("text", Text),
    Column("facts", JSON, nullable=False),
    Column("home", String(64)),
    Column("priority", Integer, nullable=False, server_default="0"),
)
"""Times are seconds since 1970 (UTC), which every database compares alike."""

SERVICES = Table(
    "services",
    METADATA,
    Column("installation", String(64), primary_key=True),
    Column("seen", Float, nullable=False),
)
"""The installations that work on this table. `seen` moves while one lives; how long it stood still is what counts."""

CURSORS = Table("cursors", METADATA, Column("name", String(64), primary_key=True), Column("value", Integer))

WATCHED = Table("watched", METADATA, Column("series_id", String(64), primary_key=True))
"""Series of the PACS that changed and have not been looked at since."""

PATIENTS = Table(
    "patients", METADATA, Column("series_id", String(64), primary_key=True), Column("document", JSON, nullable=False)
)
"""What was said of the patient of a series, beside the images."""

URGENT_SERIES = Table("urgent_series", METADATA, Column("series_id", String(64), primary_key=True))
"""Series that somebody asked for at once, before they had a job."""

FETCHED = Table("fetched", METADATA, Column("series_uid", String(64), primary_key=True))
"""Series that we brought into the PACS for a comparison; they get no report of their own."""

RESULTS = Table("results", METADATA, Column("job_key", String(64), primary_key=True), Column("document", Text))

MAPS = Table(
    "comparison_maps",
    METADATA,
    Column("job_key", String(64), primary_key=True),
    Column("map", LargeBinary(64 * 1024 * 1024), nullable=False),
)
"""Where places of a compared scan lie in the earlier one and back (cad.report.json.followup_map)."""

OBJECTS = Table(
    "objects",
    METADATA,
    Column("sop_uid", String(64), primary_key=True),
    Column("job_key", String(64), nullable=False, index=True),
    Column("series_uid", String(64), nullable=False, index=True),
    Column("modality", String(16), nullable=False),
    Column("settled", Boolean, nullable=False),
)
"""The report objects of each job. `settled`: the destination was seen to hold it, or it was withdrawn."""


def open_engine(url: str) -> Engine:
    """Connections to the database at a SQLAlchemy URL."""
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """WAL lets readers go on beside a writer; FULL makes a committed row survive a power cut."""
    connection.isolation_level = None  # we send BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _use_wal(cursor: DBAPICursor) -> None:
    """Switch to WAL, which lasts. SQLite does not wait for others that do so at this moment: we do."""
    end = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(WAL_PAUSE_S)
        else:
            return


def _begin(connection: Connection) -> None:
    """Take SQLite's write lock at once when writing: a transaction that reads first could fail when it writes."""
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
