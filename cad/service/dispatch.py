"""Hands due jobs to an engine, and keeps table, engine and PACS in agreement.

Level-triggered: each step and each reconciliation looks at what is and corrects it, however it came about. A job
may therefore be executed more than once; its objects have the same UIDs each time, so there is one result.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cad.errors import Unavailable
from cad.service.engine import Ended, Engine
from cad.service.jobs import Event, EventKind, Job, JobState, Source
from cad.service.worker import Tools, WorkerBug, describe_bug

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who we are to the job table.

    `installation` is the data folder's, `boot` this process's: rows of our installation with another boot belong to
    a process that is gone, because the data folder is locked by us.
    """

    installation: str
    boot: str
    lease: timedelta

    @property
    def name(self) -> str:
        """Both, as written into the table."""
        return f"{self.installation}:{self.boot}"

    def is_gone(self, owner: str, lease_until: datetime | None, now: datetime) -> bool:
        """Whether another owner is certainly or presumably dead."""
        if owner.partition(":")[0] == self.installation:
            return owner != self.name
        return lease_until is None or lease_until < now


class Dispatcher:
    """Moves jobs between table and engine. Call `step` often and `reconcile` now and then, from one thread."""

    def __init__(self, engine: Engine, tools: Tools, ownership: Ownership, plan: Plan) -> None:
        self._engine = engine
        self._tools = tools
        self._store = tools.store
        self._ownership = ownership
        self._plan = plan
        self._reconciled_s: float | None = None

    def step(self) -> None:
        """Record what ended, keep what runs, start what is due. Raises Unavailable."""
        now = self._tools.clock()
        for ended in self._engine.collect():
            self._record(ended, now)
        self._store.renew(self._ownership.name, now + self._ownership.lease)
        passed_s = time.monotonic()
        if self._reconciled_s is None or passed_s - self._reconciled_s >= self._plan.reconcile_every.total_seconds():
            self._reconciled_s = passed_s
            self.reconcile()
        while len(self._engine.running()) < self._plan.at_once:
            job = self._store.claim(self._ownership.name, now + self._ownership.lease, now)
            if job is None:
                return
            self._engine.submit((job.key, job.claims))

    def reconcile(self) -> None:
        """Compare the table with the engine and with the PACS. Raises Unavailable."""
        self._requeue_orphans()
        self._confirm_deliveries()
        self._withdraw_superseded()

    def release(self) -> None:
        """Give back what we hold, on an orderly stop."""
        for job in self._store.held():
            if job.owner == self._ownership.name:
                self._store.advance(job, Event(EventKind.RELEASED), self._tools.clock())

    def _record(self, ended: Ended, now: datetime) -> None:
        key, epoch = ended.ticket
        job = self._store.job(key)
        if job is None or job.claims != epoch or job.owner != self._ownership.name:
            return
        self._store.advance(job, _event_of(ended), now)

    def _requeue_orphans(self) -> None:
        now = self._tools.clock()
        running = self._engine.running()
        for job in self._store.held():
            owner = job.owner or ""
            ours_but_not_running = owner == self._ownership.name and (job.key, job.claims) not in running
            if ours_but_not_running or self._ownership.is_gone(owner, job.lease_until, now):
                self._store.advance(job, Event(EventKind.INTERRUPTED, "interrupted"), now)

    def _confirm_deliveries(self) -> None:
        """See that the destination still holds what it accepted a while ago; then our copy may go."""
        before = self._tools.clock() - self._plan.confirm_after
        each("delivery", self._store.unsettled(JobState.DONE, before), self._confirm)

    def _confirm(self, job: Job) -> None:
        uids = [item.sop_uid for item in self._store.objects(job.key)]
        held = self._tools.destination.held(uids)
        if held is None or held.issuperset(uids) or self._is_source_gone(job):
            self._store.settle(job.key)
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
        outdated = self._store.unsettled(JobState.SUPERSEDED, self._tools.clock())
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
    """Does something with each job; one that is odd keeps nobody waiting. Raises Unavailable."""
    for job in jobs:
        try:
            act(job)
        except Unavailable:
            raise
        except Exception as bug:  # noqa: BLE001 - whatever one job is like, the next one has its turn
            logger.error("job %s: %s: %s", job.key[:12], what, describe_bug(bug))


@dataclass(frozen=True, slots=True)
class Plan:
    """How much at once, and how often to compare."""

    at_once: int
    reconcile_every: timedelta
    confirm_after: timedelta


def _event_of(ended: Ended) -> Event:
    """What an ended execution that recorded no end of its own means."""
    if ended.lost or ended.bug is None:
        return Event(EventKind.INTERRUPTED, "worker-lost", "the worker process died")
    if isinstance(ended.bug, Unavailable):
        return Event(EventKind.UNAVAILABLE, ended.bug.code, ended.bug.text)
    named = ended.bug.args if isinstance(ended.bug, WorkerBug) else (type(ended.bug).__name__, describe_bug(ended.bug))
    name, description = (str(part) for part in named)
    logger.error("job %s: %s", ended.ticket[0][:12], description)
    return Event(EventKind.CRASHED, "bug", f"unexpected {name}")
