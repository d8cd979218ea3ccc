"""A job as a value: its identity, its states and the one table of legal transitions. Pure.

The table is the truth of the service. Every change of a job goes through `advance`, so that what may happen to a
job can be read in `TRANSITIONS` and is tested by enumerating it.

    QUEUED ──► RUNNING ──► DELIVERING ──► DONE
      ▲  ◄───────┘ │           │            (SUPERSEDED: a newer set of slices of the series took over)
      └── retry ── REFUSED / FAILED

DELIVERING means that the encoded objects lie on our disk: a PACS outage sends again and never analyses again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cad.errors import Fact


class JobState(enum.StrEnum):
    """Where a job is. DONE, REFUSED, FAILED and SUPERSEDED are ends; only an operator's retry leads out."""

    QUEUED = "queued"
    RUNNING = "running"
    DELIVERING = "delivering"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class EventKind(enum.StrEnum):
    """What can happen to a job."""

    CLAIMED = "claimed"
    """An owner took it for execution."""
    ANALYSED = "analysed"
    """Its results are encoded and safe on disk."""
    DELIVERED = "delivered"
    """The destination holds every result."""
    REFUSED = "refused"
    """The series cannot be analysed; final."""
    UNAVAILABLE = "unavailable"
    """A needed system is down; try later, without limit."""
    RELEASED = "released"
    """The owner gave it back on an orderly stop."""
    INTERRUPTED = "interrupted"
    """The owner or its worker died."""
    CRASHED = "crashed"
    """A bug; tried again a few times."""
    EXHAUSTED = "exhausted"
    """Crashed or interrupted too often; `advance` makes it of CRASHED and INTERRUPTED."""
    OBJECTS_LOST = "objects-lost"
    """The encoded results are no longer on our disk."""
    NOT_HELD = "not-held"
    """The destination no longer holds what it had accepted moments ago."""
    SUPERSEDED = "superseded"
    """A newer set of slices of the same series, or of earlier examinations of the patient, has its own job."""
    RETRIED = "retried"
    """An operator, or a series that came back, asks for it again."""


class Source(enum.StrEnum):
    """Where the slices of a job are read from."""

    PACS = "pacs"
    SPOOL = "spool"


TRANSITIONS: Mapping[tuple[JobState, EventKind], JobState] = {
    (JobState.QUEUED, EventKind.CLAIMED): JobState.RUNNING,
    (JobState.QUEUED, EventKind.SUPERSEDED): JobState.SUPERSEDED,
    (JobState.QUEUED, EventKind.RETRIED): JobState.QUEUED,
    (JobState.RUNNING, EventKind.ANALYSED): JobState.DELIVERING,
    (JobState.RUNNING, EventKind.REFUSED): JobState.REFUSED,
    (JobState.RUNNING, EventKind.UNAVAILABLE): JobState.QUEUED,
    (JobState.RUNNING, EventKind.RELEASED): JobState.QUEUED,
    (JobState.RUNNING, EventKind.INTERRUPTED): JobState.QUEUED,
    (JobState.RUNNING, EventKind.CRASHED): JobState.QUEUED,
    (JobState.RUNNING, EventKind.EXHAUSTED): JobState.FAILED,
    (JobState.RUNNING, EventKind.SUPERSEDED): JobState.SUPERSEDED,
    (JobState.DELIVERING, EventKind.CLAIMED): JobState.DELIVERING,
    (JobState.DELIVERING, EventKind.DELIVERED): JobState.DONE,
    (JobState.DELIVERING, EventKind.UNAVAILABLE): JobState.DELIVERING,
    (JobState.DELIVERING, EventKind.RELEASED): JobState.DELIVERING,
    (JobState.DELIVERING, EventKind.INTERRUPTED): JobState.DELIVERING,
    (JobState.DELIVERING, EventKind.CRASHED): JobState.DELIVERING,
    (JobState.DELIVERING, EventKind.EXHAUSTED): JobState.FAILED,
    (JobState.DELIVERING, EventKind.OBJECTS_LOST): JobState.QUEUED,
    (JobState.DELIVERING, EventKind.SUPERSEDED): JobState.SUPERSEDED,
    (JobState.DELIVERING, EventKind.RETRIED): JobState.DELIVERING,
    (JobState.DONE, EventKind.NOT_HELD): JobState.DELIVERING,
    (JobState.DONE, EventKind.EXHAUSTED): JobState.FAILED,
    (JobState.DONE, EventKind.SUPERSEDED): JobState.SUPERSEDED,
    (JobState.REFUSED, EventKind.SUPERSEDED): JobState.SUPERSEDED,
    (JobState.REFUSED, EventKind.RETRIED): JobState.QUEUED,
    (JobState.FAILED, EventKind.SUPERSEDED): JobState.SUPERSEDED,
    (JobState.FAILED, EventKind.RETRIED): JobState.QUEUED,
    (JobState.SUPERSEDED, EventKind.RETRIED): JobState.QUEUED,
}
"""Every legal pair. A pair that is absent raises `IllegalTransition`."""

CLAIMABLE = frozenset({JobState.QUEUED, JobState.DELIVERING})
INTERRUPTING = frozenset({EventKind.INTERRUPTED, EventKind.NOT_HELD})
"""What others do to a job: a power cut, and an archive that said "stored" and does not hold it."""
HELD_BY_AN_OWNER = frozenset({JobState.RUNNING, JobState.DELIVERING})


class IllegalTransition(Exception):
    """An event that cannot happen in this state: a bug, or two actors on one job."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. `code` and `text` explain an end or a delay and are free of patient data.

    `facts` are a refusal's. `owner` and `lease_until` belong to CLAIMED alone.
    """

    kind: EventKind
    code: str | None = None
    text: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    owner: str | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often to try.

    A crash is a bug and three tries tell a lasting one from a fluke. Interruptions (power cuts, restarts, a worker
    killed for memory) are mostly not the job's fault, yet a scan that kills its worker each time must not do so for
    ever. Outages are waited for without limit, with delays that double from `first_delay_s` to `longest_delay_s`.
    """

    max_crashes: int = 3
    max_interruptions: int = 10
    first_delay_s: float = 5.0
    longest_delay_s: float = 300.0

    def delay(self, tries: int) -> timedelta:
        """The pause after the n-th unsuccessful try (n from 1): first × 2^(n-1), at most the longest."""
        doublings = min(max(tries, 1) - 1, 30)
        return timedelta(seconds=min(self.longest_delay_s, self.first_delay_s * 2.0**doublings))


@dataclass(frozen=True, slots=True)
class Job:
    """The analysis of one set of slices of one series.

    `series_id` finds the slices at their source (the PACS's own id, or the name of a spool folder). `claims` counts
    executions and fences them: what a worker writes is valid only while `claims` is what it was given. A job is
    held while `owner` is set and until `lease_until`. `home` is the installation on whose disk its images or results
    lie, None where any can go on; `priority` is 0 or URGENT.
    """

    key: str
    source: Source
    series_id: str
    series_uid: str
    sop_uids: tuple[str, ...]
    state: JobState
    created: datetime
    updated: datetime
    not_before: datetime
    claims: int = 0
    crashes: int = 0
    interruptions: int = 0
    waits: int = 0
    owner: str | None = None
    lease_until: datetime | None = None
    code: str | None = None
    text: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    home: str | None = None
    priority: int = 0


URGENT = 1
"""The priority of what is asked for at once (STAT): before all that is not."""


def installation_of(owner: str) -> str:
    """The installation in an owner's name (`cad.service.dispatch.Ownership`)."""
    return owner.partition(":")[0]


def advance(job: Job, event: Event, now: datetime, retries: RetryPolicy | None = None) -> Job:
    """The job after the event.

    Raises IllegalTransition for a pair that `TRANSITIONS` does not list.
    """
    retries = retries or RetryPolicy()
    kind = _exhausted(job, event.kind, retries)
    try:
        state = TRANSITIONS[job.state, kind]
    except KeyError:
        raise IllegalTransition(f"{kind} in state {job.state}") from None
    counted = replace(_counted(job, event.kind), state=state, updated=now, owner=None, lease_until=None)
    after = replace(counted, code=event.code, text=event.text, facts=event.facts, home=_home(job, state))
    match kind:
        case EventKind.CLAIMED:
            return replace(counted, owner=event.owner, lease_until=event.lease_until)
        case EventKind.ANALYSED:
            home = None if job.owner is None else installation_of(job.owner)
            return replace(after, owner=job.owner, lease_until=job.lease_until, waits=0, home=home)
        case EventKind.RETRIED:
            return replace(after, crashes=0, interruptions=0, waits=0, not_before=now)
        case _:
            return replace(after, not_before=now + _pause(after, kind, retries))


def _home(job: Job, state: JobState) -> str | None:
    """Where a job's files lie: a queued one's in the PACS, unless it came by C-STORE."""
    return None if state is JobState.QUEUED and job.source is Source.PACS else job.home


def _exhausted(job: Job, kind: EventKind, retries: RetryPolicy) -> EventKind:
    if kind is EventKind.CRASHED and job.crashes + 1 >= retries.max_crashes:
        return EventKind.EXHAUSTED
    if kind in INTERRUPTING and job.interruptions + 1 >= retries.max_interruptions:
        return EventKind.EXHAUSTED
    return kind


def _counted(job: Job, kind: EventKind) -> Job:
    match kind:
        case EventKind.CLAIMED:
            return replace(job, claims=job.claims + 1)
        case EventKind.CRASHED:
            return replace(job, crashes=job.crashes + 1)
        case EventKind.INTERRUPTED | EventKind.NOT_HELD:
            return replace(job, interruptions=job.interruptions + 1)
        case EventKind.UNAVAILABLE:
            return replace(job, waits=job.waits + 1)
        case _:
            return job


def _pause(after: Job, kind: EventKind, retries: RetryPolicy) -> timedelta:
    match kind:
        case EventKind.UNAVAILABLE:
            return retries.delay(after.waits)
        case EventKind.CRASHED:
            return retries.delay(after.crashes)
        case EventKind.INTERRUPTED | EventKind.NOT_HELD if after.interruptions > 1:
            return retries.delay(after.interruptions - 1)
        case _:
            return timedelta(0)
