"""The job table and what belongs to it, in SQLite by default or PostgreSQL by URL. The truth of the service.

Every change of a job is one compare-and-swap on (key, state, claims), so that two actors can never both change it.
Errors of the database are raised as Unavailable("store").
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, DBAPIError, TimeoutError as PoolTimeoutError

from cad.errors import Unavailable
from cad.service.jobs import (
    CLAIMABLE,
    HELD_BY_AN_OWNER,
    URGENT,
    Event,
    EventKind,
    Job,
    JobState,
    RetryPolicy,
    Source,
    advance,
    installation_of,
)
from cad.service.migrations.upgrade import upgrade_tables
from cad.service.tables import (
    CURSORS,
    FETCHED,
    JOBS,
    MAPS,
    OBJECTS,
    PATIENTS,
    READING,
    RESULTS,
    SERVICES,
    URGENT_SERIES,
    WATCHED,
    open_engine,
)

logger = logging.getLogger(__name__)

_TIMES = ("created", "updated", "not_before", "lease_until")

FAIR_AFTER_S = 3600.0
"""A job that waits for longer is as urgent as any: a stream of urgent ones starves nobody."""

CHECKED = "checked"
"""The row that a check of the table writes."""

DELIVERED_IN_PART = "delivered-in-part"
"""The code of a done job of whose results the destination refused a part for good."""

UNFINISHED = (JobState.QUEUED, JobState.RUNNING, JobState.DELIVERING)
IS_UNFINISHED = JOBS.c.state.in_([state.value for state in UNFINISHED])
TO_SETTLE = (JobState.DONE, JobState.SUPERSEDED)
"""Their objects are still to be seen at the destination, or withdrawn."""


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """One encoded report object of a job."""

    sop_uid: str
    series_uid: str
    modality: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs are in each state, since when the oldest waits, how many wait for which installation, and of how
    many the destination refused a part of the results."""

    counts: Mapping[JobState, int]
    since: datetime | None
    homes: Mapping[str, int]
    partly: int


FORGOTTEN_AT_ONCE = 200
"""Jobs deleted in one transaction: others wait for the table meanwhile."""


class Store:
    """The job table of one installation. Safe to use from several threads and processes."""

    def __init__(self, url: str, retries: RetryPolicy) -> None:
        self._retries = retries
        self._engine = open_engine(url)

    def upgrade_tables(self) -> None:
        """Make the tables, or bring those of an older version to this one's; no row is lost."""
        with _mapped():
            upgrade_tables(self._engine)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    # -- jobs ---------------------------------------------------------------------------------------------------

    def job(self, key: str) -> Job | None:
        """The job with this key, or None."""
        rows = self._read(select(JOBS).where(JOBS.c.key == key))
        return _job(rows[0]) if rows else None

    def jobs(self, states: Iterable[JobState] = tuple(JobState), limit: int = 1000) -> tuple[Job, ...]:
        """The newest jobs in these states, newest first."""
        query = select(JOBS).where(JOBS.c.state.in_([state.value for state in states]))
        newest_first = query.order_by(JOBS.c.created.desc(), JOBS.c.key).limit(limit)
        return tuple(_job(row) for row in self._read(newest_first))

    def counts(self) -> Mapping[JobState, int]:
        """How many jobs are in each state that occurs."""
        rows = self._read(select(JOBS.c.state, func.count().label("how_many")).group_by(JOBS.c.state))
        return {JobState(row.state): int(row.how_many) for row in rows}

    def jobs_of_series(self, series_uid: str) -> tuple[Job, ...]:
        """Every job of a series, newest first."""
        query = select(JOBS).where(JOBS.c.series_uid == series_uid).order_by(JOBS.c.created.desc())
        return tuple(_job(row) for row in self._read(query))

    def accept(self, job: Job) -> bool:
        """Record a new job, which supersedes the other jobs of its series; False when its key is already known.

        A superseded job whose slices are announced again is queued again and supersedes the others in turn.
        """
        changed: list[tuple[Job, Job]] = []
        with self._write() as connection:
            mine = select(JOBS).where(JOBS.c.series_uid == job.series_uid)
            same = connection.execute(mine.with_for_update()).all()
            others = {row.key: _job(row) for row in same}
            known = others.pop(job.key, None)
            if known is not None and known.state is not JobState.SUPERSEDED:
                return False
            if known is None:
                if not _added(connection, JOBS, _values(job)):
                    return False
            else:
                changed.append((known, advance(known, Event(EventKind.RETRIED), job.created, self._retries)))
            current = (other for other in others.values() if other.state is not JobState.SUPERSEDED)
            over = Event(EventKind.SUPERSEDED)
            changed.extend((other, advance(other, over, job.created, self._retries)) for other in current)
            for before, after in changed:
                _swap(connection, before, after)
                connection.execute(update(OBJECTS).where(OBJECTS.c.job_key == before.key).values(settled=False))
        logger.info("job %s: new -> queued, %d slices", job.key[:12], len(job.sop_uids))
        for before, after in changed:
            _log(before, after)
        return True

    def advance(self, job: Job, happening: Event, now: datetime) -> Job | None:
        """Apply an event to a job; None when somebody else has changed the job meanwhile.

        Raises IllegalTransition.
        """
        after = advance(job, happening, now, self._retries)
        with self._write() as connection:
            if not _swap(connection, job, after):
                return None
        _log(job, after)
        return after

    def claim(self, owner: str, lease_until: datetime, now: datetime, away: Collection[str] = ()) -> Job | None:
        """Take a due job, atomically and in one statement; None when none is due.

        The urgent ones and those that have waited for an hour come first, among them the one that has waited longest.
        A job whose files lie on another installation's disk is left to it; but one that the PACS has the images of
        may be taken from an installation that is `away`.
        """
        home, moment = installation_of(owner), now.timestamp()
        reachable = or_(
            JOBS.c.home.is_(None),
            JOBS.c.home == home,
            (JOBS.c.source == Source.PACS.value) & JOBS.c.home.in_(list(away)),
        )
        is_due = or_(JOBS.c.not_before <= moment, JOBS.c.not_before > moment + self._retries.longest_delay_s)
        urgency = case((JOBS.c.created <= moment - FAIR_AFTER_S, URGENT), else_=JOBS.c.priority)
        due = (
            select(JOBS.c.key)
            .where(JOBS.c.state.in_([state.value for state in CLAIMABLE]))
            .where(JOBS.c.owner.is_(None), is_due, reachable)
            .order_by(urgency.desc(), JOBS.c.not_before, JOBS.c.created, JOBS.c.key)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        queued = JOBS.c.state == JobState.QUEUED.value
        taken = (
            update(JOBS)
            .where(JOBS.c.key == due.scalar_subquery())
            .values(
                state=case((queued, JobState.RUNNING.value), else_=JobState.DELIVERING.value),
                claims=JOBS.c.claims + 1,
                updated=now.timestamp(),
                owner=owner,
                lease_until=lease_until.timestamp(),
            )
            .returning(*JOBS.c)
        )
        with self._write() as connection:
            rows = connection.execute(taken).all()
        if not rows:
            return None
        job = _job(rows[0])
        waited_s = now.timestamp() - job.created.timestamp()
        logger.info("job %s: claimed -> %s, try %d, age %.1f s", job.key[:12], job.state, job.claims, waited_s)
        return job

    def held(self) -> tuple[Job, ...]:
        """The jobs that have an owner."""
        states = [state.value for state in HELD_BY_AN_OWNER]
        return tuple(
            _job(row) for row in self._read(select(JOBS).where(JOBS.c.state.in_(states), JOBS.c.owner.is_not(None)))
        )

    def needs(self, series_id: str) -> bool:
        """Whether a job that has not ended reads from this place."""
        query = select(JOBS.c.key).where(JOBS.c.series_id == series_id, IS_UNFINISHED).limit(1)
        return bool(self._read(query))

    def is_unfinished(self, series_uid: str) -> bool:
        """Whether a series has a job that has not ended."""
        query = select(JOBS.c.key).where(JOBS.c.series_uid == series_uid, IS_UNFINISHED).limit(1)
        return bool(self._read(query))

    def renew(self, owner: str, lease_until: datetime) -> None:
        """Extend the lease of every job of this owner, and say that its installation lives."""
        until = lease_until.timestamp()
        with self._write() as connection:
            connection.execute(update(JOBS).where(JOBS.c.owner == owner).values(lease_until=until))
            _put(connection, SERVICES, {"installation": installation_of(owner), "seen": until})

    def services(self) -> Mapping[str, float]:
        """The installations that work on this table, and a number of each that moves while it lives."""
        return {row.installation: float(row.seen) for row in self._read(select(SERVICES))}

    def hurry(self, key: str) -> bool:
        """Make a job urgent; False when it has ended or is not there."""
        with self._write() as connection:
            return (
                connection.execute(
                    update(JOBS).where(JOBS.c.key == key, IS_UNFINISHED).values(priority=URGENT)
                ).rowcount
                == 1
            )

    def note_urgent(self, series_id: str) -> None:
        """The series of this place is wanted at once: its jobs of now and those to come."""
        with self._write() as connection:
            _added(connection, URGENT_SERIES, {"series_id": series_id})
            connection.execute(update(JOBS).where(JOBS.c.series_id == series_id, IS_UNFINISHED).values(priority=URGENT))

    def is_urgent(self, series_id: str) -> bool:
        """Whether somebody asked for the series of this place at once."""
        return bool(self._read(select(URGENT_SERIES).where(URGENT_SERIES.c.series_id == series_id)))

    def waiting(self) -> Waiting:
        """What waits, for health: one question, answered from the table as it is now."""
        states = [state.value for state in CLAIMABLE]
        oldest = select(func.min(JOBS.c.created).label("oldest")).where(JOBS.c.state.in_(states))
        homes = (
            select(JOBS.c.home, func.count().label("how_many"))
            .where(JOBS.c.state.in_(states), JOBS.c.owner.is_(None), JOBS.c.home.is_not(None))
            .group_by(JOBS.c.home)
        )
        partly = select(func.count().label("how_many")).where(
            JOBS.c.state == JobState.DONE.value, JOBS.c.code == DELIVERED_IN_PART
        )
        created = self._read(oldest)[0].oldest
        since = None if created is None else datetime.fromtimestamp(created, UTC)
        return Waiting(
            self.counts(),
            since,
            {row.home: int(row.how_many) for row in self._read(homes)},
            int(self._read(partly)[0].how_many),
        )

    def check_all(self) -> None:
        """Read every page of an SQLite file, which takes a while. Raises Unavailable when one is damaged."""
        with _mapped(), self._engine.connect().execution_options(**{READING: True}) as connection:
            if connection.dialect.name == "sqlite":
                answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
                if answer != "ok":
                    raise Unavailable("store", DAMAGED)

    def check(self) -> None:
        """Write and read as jobs do. Raises Unavailable."""
        with self._write() as connection:
            _put(connection, CURSORS, {"name": CHECKED, "value": int(time.time())})
        self.jobs(limit=1)

    # -- results ------------------------------------------------------------------------------------------------

    def analysed(
        self,
        job: Job,
        objects: Sequence[ObjectRecord],
        document: Mapping[str, object],
        now: datetime,
        comparison_map: bytes | None = None,
    ) -> Job | None:
        """Record the results of a running job and move it to delivery, all or nothing; None as in `advance`."""
        after = advance(job, Event(EventKind.ANALYSED), now, self._retries)
        with self._write() as connection:
            if not _swap(connection, job, after):
                return None
            connection.execute(delete(RESULTS).where(RESULTS.c.job_key == job.key))
            connection.execute(insert(RESULTS).values(job_key=job.key, document=json.dumps(document)))
            connection.execute(delete(MAPS).where(MAPS.c.job_key == job.key))
            if comparison_map is not None:
                connection.execute(insert(MAPS).values(job_key=job.key, map=comparison_map))
            uids = [item.sop_uid for item in objects]
            connection.execute(delete(OBJECTS).where(OBJECTS.c.job_key == job.key))
            connection.execute(delete(OBJECTS).where(OBJECTS.c.sop_uid.in_(uids)))
            connection.execute(insert(OBJECTS), [_object_values(job.key, item) for item in objects])
        _log(job, after)
        return after

    def is_last_try(self, job: Job) -> bool:
        """Whether one more crash of the job is its end."""
        return job.crashes + 1 >= self._retries.max_crashes

    def left_note(self, job: Job, note: ObjectRecord) -> None:
        """Record the note that says that a job's series was not analysed: it is withdrawn with the job's results."""
        with self._write() as connection:
            connection.execute(delete(OBJECTS).where(OBJECTS.c.sop_uid == note.sop_uid))
            connection.execute(insert(OBJECTS).values(**_object_values(job.key, note)))

    def document(self, key: str) -> dict[str, object] | None:
        """The findings document of a job; None before there is one."""
        rows = self._read(select(RESULTS.c.document).where(RESULTS.c.job_key == key))
        return json.loads(rows[0].document) if rows else None

    def forget_map(self, key: str) -> None:
        """Delete the map of a job's comparison, if there is one."""
        with self._write() as connection:
            connection.execute(delete(MAPS).where(MAPS.c.job_key == key))

    def comparison_map(self, key: str) -> bytes | None:
        """The map of a job's comparison; None when nothing was compared."""
        rows = self._read(select(MAPS.c.map).where(MAPS.c.job_key == key))
        return bytes(rows[0].map) if rows else None

    def compared(self, keys: Iterable[str]) -> frozenset[str]:
        """Those of these jobs that have a comparison."""
        query = select(MAPS.c.job_key).where(MAPS.c.job_key.in_(list(keys)))
        return frozenset(row.job_key for row in self._read(query))

    def objects(self, key: str) -> tuple[ObjectRecord, ...]:
        """The report objects of a job."""
        rows = self._read(select(OBJECTS).where(OBJECTS.c.job_key == key).order_by(OBJECTS.c.sop_uid))
        return tuple(ObjectRecord(row.sop_uid, row.series_uid, row.modality) for row in rows)

    def is_own_series(self, series_uid: str) -> bool:
        """Whether we made this series."""
        return bool(self._read(select(OBJECTS.c.sop_uid).where(OBJECTS.c.series_uid == series_uid).limit(1)))

    def is_outdated(self, sop_uid: str) -> bool:
        """Whether an object of ours belongs to a job that another has superseded."""
        superseded = select(JOBS.c.key).where(JOBS.c.state == JobState.SUPERSEDED.value)
        query = select(OBJECTS.c.sop_uid).where(OBJECTS.c.sop_uid == sop_uid, OBJECTS.c.job_key.in_(superseded))
        return bool(self._read(query))

    def unsettled(self, state: JobState, before: datetime, now: datetime) -> tuple[Job, ...]:
        """Jobs in `state` since before that time with objects whose presence or removal was not yet seen.

        A job that changed after `now` did so by a clock that was set back since: it has waited for long enough.
        """
        keys = select(OBJECTS.c.job_key).where(OBJECTS.c.settled.is_(False))
        query = select(JOBS).where(JOBS.c.state == state.value, JOBS.c.key.in_(keys))
        query = query.where(or_(JOBS.c.updated <= before.timestamp(), JOBS.c.updated > now.timestamp()))
        return tuple(_job(row) for row in self._read(query))

    def is_settled(self, key: str) -> bool:
        """Whether nothing of a job is to be sent, seen or withdrawn any more, or no such job is known."""
        rows = self._read(select(JOBS.c.state).where(JOBS.c.key == key))
        state = JobState(rows[0].state) if rows else JobState.FAILED
        open_objects = select(OBJECTS.c.sop_uid).where(OBJECTS.c.job_key == key, OBJECTS.c.settled.is_(False)).limit(1)
        return state not in UNFINISHED and not (state in TO_SETTLE and self._read(open_objects))

    def forget(self, before: datetime) -> int:
        """Delete the jobs that ended before that time, with all that belongs to them and what was said of their series'
        patients; how many.

        Nothing is deleted that is still to be sent, seen or withdrawn.
        """
        open_jobs = select(OBJECTS.c.job_key).where(OBJECTS.c.settled.is_(False))
        ended = [state.value for state in JobState if state not in UNFINISHED]
        settled = or_(JOBS.c.state.not_in([state.value for state in TO_SETTLE]), JOBS.c.key.not_in(open_jobs))
        old = (
            select(JOBS.c.key)
            .where(JOBS.c.state.in_(ended), JOBS.c.updated < before.timestamp(), settled)
            .limit(FORGOTTEN_AT_ONCE)
        )
        with self._write() as connection:
            keys = [row.key for row in connection.execute(old)]
            series = select(JOBS.c.series_id).where(JOBS.c.key.in_(keys))
            others = select(JOBS.c.series_id).where(JOBS.c.key.not_in(keys))
            for table in (PATIENTS, URGENT_SERIES):
                place = table.c.series_id
                connection.execute(delete(table).where(place.in_(series), place.not_in(others)))
            for table, column in ((RESULTS, "job_key"), (MAPS, "job_key"), (OBJECTS, "job_key"), (JOBS, "key")):
                connection.execute(delete(table).where(table.c[column].in_(keys)))
        return len(keys)

    def settle(self, key: str) -> None:
        """Note that the destination holds the job's objects, or that they are withdrawn."""
        with self._write() as connection:
            connection.execute(update(OBJECTS).where(OBJECTS.c.job_key == key).values(settled=True))

    # -- the change log -----------------------------------------------------------------------------------------

    def cursor(self, name: str) -> int | None:
        """How far a change log has been read; None when never."""
        rows = self._read(select(CURSORS.c.value).where(CURSORS.c.name == name))
        return int(rows[0].value) if rows else None

    def note_changes(self, name: str, value: int, series_ids: Iterable[str]) -> None:
        """Watch the series and move the cursor, in one transaction."""
        with self._write() as connection:
            for series_id in series_ids:
                _watch(connection, series_id)
            _put(connection, CURSORS, {"name": name, "value": value})

    def watch(self, series_id: str) -> None:
        """Look at this series of the PACS soon."""
        with self._write() as connection:
            _watch(connection, series_id)

    def watched(self) -> tuple[str, ...]:
        """The series to look at."""
        return tuple(row.series_id for row in self._read(select(WATCHED).order_by(WATCHED.c.series_id)))

    def unwatch(self, series_id: str) -> None:
        """The series has been looked at."""
        with self._write() as connection:
            connection.execute(delete(WATCHED).where(WATCHED.c.series_id == series_id))

    def note_fetched(self, series_uid: str) -> None:
        """We are about to bring this series into the PACS."""
        with self._write() as connection:
            _added(connection, FETCHED, {"series_uid": series_uid})

    def is_fetched(self, series_uid: str) -> bool:
        """Whether we brought this series into the PACS."""
        return bool(self._read(select(FETCHED.c.series_uid).where(FETCHED.c.series_uid == series_uid)))

    # -- patients -----------------------------------------------------------------------------------------------

    def note_patient(self, series_id: str, document: Mapping[str, object]) -> None:
        """Keep what is said of the patient of a series, in the place of what was said before."""
        with self._write() as connection:
            _put(connection, PATIENTS, {"series_id": series_id, "document": dict(document)})

    def patient(self, series_id: str) -> dict[str, object]:
        """What was said of the patient of a series; empty when nothing was."""
        rows = self._read(select(PATIENTS.c.document).where(PATIENTS.c.series_id == series_id))
        return dict(rows[0].document) if rows else {}

    # -- connections --------------------------------------------------------------------------------------------

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with _mapped(), self._engine.begin() as connection:
            yield connection

    def _read(self, query: Any) -> Sequence[Row[Any]]:  # noqa: ANN401 - SQLAlchemy's own type of a query
        with _mapped(), self._engine.connect().execution_options(**{READING: True}) as connection:
            return connection.execute(query).all()


@contextmanager
def _mapped() -> Iterator[None]:
    """Turns the database's errors into Unavailable, but for our own mistakes in SQL."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        if type(error) is DatabaseError:
            raise Unavailable("store", DAMAGED) from error
        if isinstance(error, DBAPIError) and type(error).__name__ not in TEMPORARY:
            raise
        raise Unavailable("store", f"the job table cannot be used now ({type(error).__name__})") from error


DAMAGED = "the job table is damaged; docs/operations.md says how it is restored"
"""SQLite says "malformed" or "not a database" by the most general of its errors."""

TEMPORARY = frozenset({"OperationalError", "InterfaceError", "InternalError"})
"""Kinds of DBAPIError that mean "the database is down, locked or full" (PEP 249); the others are bugs."""


def _watch(connection: Connection, series_id: str) -> None:
    _added(connection, WATCHED, {"series_id": series_id})


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _added(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Insert a row unless there is one with its key, whoever else does so at this moment; whether it was inserted."""
    keys = [column.name for column in table.primary_key]
    row = _insert(connection, table).values(**values).on_conflict_do_nothing(index_elements=keys)
    return connection.execute(row.returning(*table.primary_key)).first() is not None


def _put(connection: Connection, table: Table, values: Mapping[str, object]) -> None:
    """Insert a row, or write it over the one with its key."""
    keys = [column.name for column in table.primary_key]
    others = {name: value for name, value in values.items() if name not in keys}
    row = _insert(connection, table).values(**values)
    connection.execute(row.on_conflict_do_update(index_elements=keys, set_=others))


def _swap(connection: Connection, before: Job, after: Job) -> bool:
    """Write `after` if the row is still as `before` was; the lease may have been renewed."""
    unchanged = (JOBS.c.key == before.key) & (JOBS.c.state == before.state.value) & (JOBS.c.claims == before.claims)
    held_alike = JOBS.c.owner.is_(None) if before.owner is None else JOBS.c.owner == before.owner
    done = connection.execute(update(JOBS).where(unchanged & held_alike).values(_values(after)))
    return done.rowcount == 1


def _values(job: Job) -> dict[str, object]:
    values: dict[str, object] = {column.name: getattr(job, column.name) for column in JOBS.c}
    for name in _TIMES:
        moment = values[name]
        values[name] = moment.timestamp() if isinstance(moment, datetime) else None
    return {
        **values,
        "source": job.source.value,
        "state": job.state.value,
        "sop_uids": list(job.sop_uids),
        "facts": dict(job.facts),
    }


def _job(row: Row[Any]) -> Job:
    values = dict(row._mapping)
    for name in _TIMES:
        values[name] = None if values[name] is None else datetime.fromtimestamp(values[name], UTC)
    values.update(source=Source(row.source), state=JobState(row.state), sop_uids=tuple(row.sop_uids))
    return Job(**values)


def _object_values(job_key: str, item: ObjectRecord) -> dict[str, object]:
    return {
        "sop_uid": item.sop_uid,
        "job_key": job_key,
        "series_uid": item.series_uid,
        "modality": item.modality,
        "settled": False,
    }


def _log(before: Job, after: Job) -> None:
    lasted_s = (after.updated - before.updated).total_seconds()
    reason = f", {after.code}" if after.code else ""
    logger.info("job %s: %s -> %s after %.1f s%s", after.key[:12], before.state, after.state, lasted_s, reason)
