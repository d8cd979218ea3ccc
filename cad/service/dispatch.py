"""Hands due jobs to an engine, and keeps table, engine and PACS in agreement.

Level-triggered: each step and each reconciliation looks at what is and corrects it, however it came about. A job
may therefore be executed more than once; its objects have the same UIDs each time, so there is one result.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cad.errors import Unavailable
from cad.service.engine import TOO_LONG, Ended, Engine, Ticket
from cad.service.jobs import Event, EventKind, Job, JobState, Source, installation_of
from cad.service.meter import Meter
from cad.service.silence import Silence
from cad.service.worker import Tools, WorkerBug, describe_bug

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who we are to the job table.

    `installation` is the data folder's, `boot` this process's: rows of our installation with another boot belong to
    a process that is gone, because the data folder is locked by us. Another installation is presumed dead when it has
    not renewed its leases for `lease`, by our own clock that is never set: theirs, or ours, may jump.
    """

    installation: str
    boot: str
    lease: timedelta

    @property
    def name(self) -> str:
        """Both, as written into the table."""
        return f"{self.installation}:{self.boot}"

    def is_gone(self, owner: str, silent_s: float) -> bool:
        """Whether another owner is certainly or presumably dead, having been silent for so long."""
        if installation_of(owner) == self.installation:
            return owner != self.name
        return silent_s >= self.lease.total_seconds()


class Dispatcher:
    """Moves jobs between table and engine. Call `step` often and `reconcile` now and then, from one thread."""

    def __init__(
        self, engine: Engine, tools: Tools, ownership: Ownership, plan: Plan, meter: Meter | None = None
    ) -> None:
        self._engine = engine
        self._tools = tools
        self._store = tools.store
        self._ownership = ownership
        self._plan = plan
        self._meter = meter or Meter()
        self._begun_s: dict[Ticket, float] = {}
        self._reconciled_s: float | None = None
        self._leases, self._services, self._stages = Silence(), Silence(), Silence()
        self._away: frozenset[str] = frozenset()

    def step(self) -> None:
        """Record what ended, keep what runs, start what is due. Raises Unavailable."""
        now = self._tools.clock()
        for ended in self._engine.collect():
            self._record(ended, now)
        self._store.renew(self._ownership.name, now + self._ownership.lease)
        passed_s = self._plan.monotonic()
        self._end_late(passed_s)
        if self._reconciled_s is None or passed_s - self._reconciled_s >= self._plan.reconcile_every.total_seconds():
            self._reconciled_s = passed_s
            self.reconcile()
        while self._engine.free() > 0 and len(self._engine.running()) < self._plan.at_once:
            job = self._store.claim(self._ownership.name, now + self._ownership.lease, now, self._away)
            if job is None:
                return
            self._engine.submit((job.key, job.claims))
            self._begun_s[job.key, job.claims] = self._plan.monotonic()

    def reconcile(self) -> None:
        """Compare the table with the engine and with the PACS. Raises Unavailable."""
        self._see_services()
        self._requeue_orphans()
        self._confirm_deliveries()
        self._withdraw_superseded()
        self._clear_outbox()
        self._forget_old()

    def away(self) -> frozenset[str]:
        """The installations on this table that have not been heard of for a lease."""
        return self._away

    def release(self) -> None:
        """Give back what we hold, on an orderly stop."""
        for job in self._store.held():
            if job.owner == self._ownership.name:
                self._store.advance(job, Event(EventKind.RELEASED), self._tools.clock())

    def _record(self, ended: Ended, now: datetime) -> None:
        key, epoch = ended.ticket
        job = self._store.job(key)
        now_s = self._plan.monotonic()
        seconds = now_s - self._begun_s.pop(ended.ticket, now_s)
        if job is None or job.claims != epoch or job.owner != self._ownership.name:
            self._meter.ended("gone" if job is None else job.state.value, seconds)
            return
        happening = _event_of(ended, job)
        self._meter.ended(happening.code or happening.kind.value, seconds)
        self._store.advance(job, happening, now)

    def _requeue_orphans(self) -> None:
        now, now_s = self._tools.clock(), self._plan.monotonic()
        running, held = self._engine.running(), self._store.held()
        self._leases.only({(job.key, job.claims) for job in held})
        for job in held:
            owner = job.owner or ""
            silent_s = self._leases.seconds((job.key, job.claims), job.lease_until, now_s)
            ours_but_not_running = owner == self._ownership.name and (job.key, job.claims) not in running
            if ours_but_not_running or self._ownership.is_gone(owner, silent_s):
                self._store.advance(job, Event(EventKind.INTERRUPTED, "interrupted"), now)

    def _see_services(self) -> None:
        """Which of the installations on this table have fallen silent."""
        now_s, lease_s = self._plan.monotonic(), self._ownership.lease.total_seconds()
        seen = {name: at for name, at in self._store.services().items() if name != self._ownership.installation}
        silent = {name: self._services.seconds(name, at, now_s) for name, at in seen.items()}
        self._away = frozenset(name for name, seconds in silent.items() if seconds >= lease_s)

    def _end_late(self, now_s: float) -> None:
        """Give up what takes longer than anything takes: others wait for its worker."""
        running = self._engine.running()
        self._stages.only(running)
        for ticket in running:
            job = self._store.job(ticket[0])
            stage = None if job is None else job.state
            limit = self._plan.delivery_limit if stage is JobState.DELIVERING else self._plan.analysis_limit
            if self._stages.seconds(ticket, stage, now_s) > limit.total_seconds():
                logger.error("job %s: %s takes longer than %s; given up", ticket[0][:12], stage, limit)
                self._engine.abandon(ticket, TOO_LONG)

    def _clear_outbox(self) -> None:
        """Delete the results on our disk of jobs that need them no more, whichever service saw to that."""
        for key in self._tools.outbox.keys():  # noqa: SIM118 - no mapping
            if self._store.is_settled(key):
                self._tools.outbox.discard(key)

    def _forget_old(self) -> None:
        if self._plan.keep is not None:
            forgotten = self._store.forget(self._tools.clock() - self._plan.keep)
            if forgotten:
                logger.info("%d jobs that ended long ago are deleted with their findings", forgotten)

    def _confirm_deliveries(self) -> None:
        """See that the destination still holds what it accepted a while ago; then our copy may go."""
        now = self._tools.clock()
        each("delivery", self._store.unsettled(JobState.DONE, now - self._plan.confirm_after, now), self._confirm)

    def _confirm(self, job: Job) -> None:
        uids = [item.sop_uid for item in self._store.objects(job.key)]
        held = self._tools.destination.held(uids)
        if held is None or held.issuperset(uids) or self._is_source_gone(job):
            self._store.settle(job.key)
            self._tools.destination.forget(uids)
            self._tools.outbox.discard(job.key)
        else:
            lost = sorted({item.modality for item in self._store.objects(job.key) if item.sop_uid not in held})
            text = f"the destination said that it stored {', '.join(lost)} and does not hold it"
            self._store.advance(job, Event(EventKind.NOT_HELD, "not-held", text), self._tools.clock())

    def _is_source_gone(self, job: Job) -> bool:
        """Whether somebody deleted the series itself, results and all."""
        return job.source is Source.PACS and self._tools.pacs.summary(job.series_id) is None

    def _withdraw_superseded(self) -> None:
        """Remove the results of an outdated set of slices as soon as the newer set has its own."""
        now = self._tools.clock()
        outdated = self._store.unsettled(JobState.SUPERSEDED, now, now)
        each("withdrawal", outdated, self._withdraw)

    def _withdraw(self, job: Job) -> None:
        siblings = self._store.jobs_of_series(job.series_uid)
        if any(sibling.state is JobState.DONE for sibling in siblings):
            self._tools.destination.withdraw([item.sop_uid for item in self._store.objects(job.key)])
            self._store.settle(job.key)
            self._tools.outbox.discard(job.key)
            self._store.forget_map(job.key)
            logger.info("job %s: superseded results withdrawn", job.key[:12])


def each(what: str, jobs: Iterable[Job], act: Callable[[Job], None]) -> None:
    """Does something with each job; one that is odd, or not yet vouched for, keeps none waiting. Raises Unavailable."""
    for job in jobs:
        try:
            act(job)
        except Unavailable as outage:
            if outage.what != "commitment":
                raise
        except Exception as bug:  # noqa: BLE001 - whatever one job is like, the next one has its turn
            logger.error("job %s: %s: %s", job.key[:12], what, describe_bug(bug))


@dataclass(frozen=True, slots=True)
class Plan:
    """How much at once, how often to compare, how long a stage of a job may take and an ended job is kept.

    `monotonic` is a clock, in seconds, that is never set.
    """

    at_once: int
    reconcile_every: timedelta
    confirm_after: timedelta
    analysis_limit: timedelta = timedelta(minutes=30)
    delivery_limit: timedelta = timedelta(minutes=15)
    keep: timedelta | None = None
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)


def _event_of(ended: Ended, job: Job) -> Event:
    """What an ended execution that recorded no end of its own means.

    An analysis that takes too long or too much is likely to do so again; a destination that does is waited for.
    """
    if ended.given_up and job.state is JobState.DELIVERING:
        return Event(EventKind.UNAVAILABLE, ended.given_up, "the delivery took too long and was given up")
    if ended.given_up:
        how = "took too long" if ended.given_up == TOO_LONG else "took too much memory"
        return Event(EventKind.CRASHED, ended.given_up, f"the analysis {how} and was given up")
    if ended.lost or ended.bug is None:
        return Event(EventKind.INTERRUPTED, "worker-lost", "the worker process died")
    if isinstance(ended.bug, Unavailable):
        return Event(EventKind.UNAVAILABLE, ended.bug.code, ended.bug.text)
    named = ended.bug.args if isinstance(ended.bug, WorkerBug) else (type(ended.bug).__name__, describe_bug(ended.bug))
    name, description = (str(part) for part in named)
    logger.error("job %s: %s", ended.ticket[0][:12], description)
    return Event(EventKind.CRASHED, "bug", f"unexpected {name}")
