"""What executes jobs: Dask, on worker processes of our own or on a cluster.

The table is the truth and Dask only runs what it is given: one execution at a time on each worker that fits. A worker,
a scheduler or a connection that is lost ends its executions as lost; `keep` finds out, and connects again.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import dask
import psutil
from distributed import Client, Future, KilledWorker, LocalCluster
from distributed.security import Security

from cad.domain import ModelIdentity
from cad.errors import Unavailable
from cad.service.silence import Silence

logger = logging.getLogger(__name__)

Ticket = tuple[str, int]
"""Key and epoch (`claims`) of one execution."""

LOADING_S = 600.0
"""Reading weights from a slow disk and compiling for the device; beyond this the installation is broken."""

LOOPBACK = "127.0.0.1"
"""Our own workers are reached from this machine alone."""

CONNECTING_S = 5.0
SILENT_S = 30.0
"""A worker tells the scheduler twice a second that it lives; one whole analysis step may hold it up for longer."""

STOPPED_S = 10.0
"""How long a worker process of ours may be stopped (SIGSTOP) before it is replaced."""

KEPT_S = 10.0
"""How long one round of `keep` may take before the scheduler is said not to answer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An execution that is over. `bug` is what it raised; `lost`: its worker died; `given_up`: why we ended it."""

    ticket: Ticket
    bug: BaseException | None = None
    lost: bool = False
    given_up: str | None = None


TOO_LONG, TOO_LARGE = "too-long", "too-much-memory"
"""Why an execution was given up."""


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker process says of itself: its lungcad, the data folder that it sees, its networks, its process."""

    version: str
    installation: str
    models: tuple[ModelIdentity, ...]
    pid: int

    def unfit(self, ours: WorkerFacts) -> str | None:
        """Why a worker that says this cannot do what one that says `ours` does; None when it can."""
        if self.version != ours.version:
            return f"lungcad {self.version} there, {ours.version} here"
        if self.installation != ours.installation:
            return "another data folder there: workers and service need the same one"
        return None if self.models == ours.models else "other networks there: their weights are not the same"


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """A Dask scheduler elsewhere (tls://HOST:PORT), and the files (PEM) of the authority, our certificate and its key.

    Dask runs what it is sent: who may speak to a scheduler may do all that its workers may.
    """

    scheduler: str
    ca_file: Path
    cert_file: Path
    key_file: Path

    def security(self) -> Security:
        """What Dask asks of both ends of a connection."""
        return Security(
            require_encryption=True,
            tls_ca_file=str(self.ca_file),
            tls_client_cert=str(self.cert_file),
            tls_client_key=str(self.key_file),
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """How many worker processes of our own, after how many jobs or beyond which memory an idle one is replaced, and
    beyond which memory one is that works."""

    processes: int
    jobs: int = 200
    memory_mb: float = 6000.0
    limit_mb: float = 12000.0


class Engine(Protocol):
    """Runs executions somewhere."""

    def free(self) -> int:
        """How many executions could start now."""
        ...

    def submit(self, ticket: Ticket) -> None:
        """Start an execution."""
        ...

    def collect(self) -> tuple[Ended, ...]:
        """The executions that ended since the last call."""
        ...

    def running(self) -> frozenset[Ticket]:
        """The executions that have not been collected."""
        ...

    def abandon(self, ticket: Ticket, why: str) -> None:
        """Give an execution up that takes too long or too much; its worker process is replaced."""
        ...


@dataclass(slots=True, eq=False)
class _Given:
    """An execution on its worker."""

    worker: str
    future: Future[Any]
    given_up: str | None = None


@dataclass(slots=True, eq=False)
class _Crew:
    """The workers that are connected: those that fit by what they said, those that do not with the reason."""

    fit: dict[str, WorkerFacts] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    asked: dict[str, Future[WorkerFacts]] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)


class DaskEngine:
    """Runs executions on Dask: on worker processes of our own, or on a cluster.

    `task` carries out a ticket and `probe` says what a worker is; both run in worker processes. `ours` is what a
    worker must say to fit, its networks excepted: the first worker that fits otherwise has these.
    """

    def __init__(
        self,
        task: Callable[[str, int], None],
        probe: Callable[[], WorkerFacts],
        rules: Rules,
        ours: WorkerFacts,
        cluster: ClusterAddress | None = None,
    ) -> None:
        self._task, self._probe, self._rules, self._ours = task, probe, rules, ours
        self._address = cluster
        self._cluster = None if cluster else _local_cluster(rules.processes)
        self._client: Client | None = None
        self._lock = threading.RLock()
        self._given: dict[Ticket, _Given] = {}
        self._crew = _Crew()
        self._silence, self._stopped = Silence(), Silence()
        self._jobs: Counter[str] = Counter()
        self._models: tuple[ModelIdentity, ...] | None = None
        self._failure: BaseException | None = None
        self._kept_s = time.monotonic()
        self._outage: str | None = None
        self.activity = threading.Event()
        """Set whenever an execution ends."""

    # -- what the dispatcher asks ---------------------------------------------------------------------------------

    def free(self) -> int:
        """How many executions could start now."""
        with self._lock:
            return len(self._idle())

    def submit(self, ticket: Ticket) -> None:
        """Start an execution on an idle worker. Raises Unavailable when there is none."""
        key, epoch = ticket
        with self._lock:
            idle = self._idle()
            if not idle or self._client is None:
                raise Unavailable("engine", "no worker is free")
            name = f"lungcad-{key[:16]}-{epoch}"
            future = self._client.submit(self._task, key, epoch, key=name, **_there_alone(idle[0]))
            future.add_done_callback(lambda _future: self.activity.set())
            self._given[ticket] = _Given(idle[0], future)
            self._jobs[idle[0]] += 1

    def collect(self) -> tuple[Ended, ...]:
        """The executions that ended; the loss of a worker or of the scheduler ends its executions."""
        with self._lock:
            over = {t: given for t, given in self._given.items() if given.given_up or self._is_over(given)}
            ended = tuple(_ended(ticket, given) for ticket, given in over.items())
            for one in ended:
                worker = self._given.pop(one.ticket).worker
                if one.lost:
                    self._crew.fit.pop(worker, None)  # if it is still there it is asked again
        return ended

    def running(self) -> frozenset[Ticket]:
        """The executions that have not been collected."""
        with self._lock:
            return frozenset(self._given)

    def abandon(self, ticket: Ticket, why: str) -> None:
        """Give an execution up; its worker process is replaced."""
        with self._lock:
            given = self._given.get(ticket)
            if given is None:
                return
            given.given_up = why
            facts = self._crew.fit.pop(given.worker, None)
            given.future.release()
        self._replace(given.worker, facts)
        self.activity.set()

    # -- what health asks -----------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise Unavailable unless a worker that fits is connected and answers."""
        problem = self.problem()
        if problem is not None:
            raise Unavailable("engine", problem)

    def problem(self) -> str | None:
        """What keeps executions from being started or carried on; None when nothing does."""
        now = time.monotonic()
        with self._lock:
            crew = self._crew
            if self._outage is not None:
                return self._outage
            if now - self._kept_s > KEPT_S:
                return f"the scheduler has not answered for {now - self._kept_s:.0f} s"
            silent = [s for s in (self._silence.seconds(w, crew.seen[w], now) for w in crew.seen) if s > SILENT_S]
            if silent:
                return f"a worker process has not answered for {max(silent):.0f} s"
            if crew.fit:
                return None
            if crew.asked:
                return "the worker processes are loading their networks"
            return next(iter(crew.unfit.values()), "no worker process is connected")

    def models(self) -> tuple[ModelIdentity, ...] | None:
        """The networks that the workers read with; None before one has said so."""
        return self._models

    def memory_mb(self) -> Mapping[str, float]:
        """The memory of each worker process, by its name."""
        with self._lock:
            return dict(self._crew.memory_mb)

    def unfit(self) -> Mapping[str, str]:
        """The workers that are connected and get no work, with the reason."""
        with self._lock:
            return dict(self._crew.unfit)

    # -- what its own loop does -----------------------------------------------------------------------------------

    def wait_for_models(self) -> tuple[ModelIdentity, ...]:
        """The networks, when the first worker has loaded them. Raises what loading them raised."""
        end = time.monotonic() + LOADING_S
        while time.monotonic() < end:
            self.keep()
            if self._models is not None:
                return self._models
            if self._failure is not None:
                raise self._failure
            time.sleep(0.1)
        raise Unavailable("engine", "no worker process has loaded its networks in time")

    def keep(self) -> None:
        """One round: connect when the connection is gone, ask new workers what they are, replace those that need it."""
        client = self._connected()
        if client is None:
            return
        workers: Mapping[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
        with self._lock:
            if client is not self._client:
                return
            self._kept_s = time.monotonic()
            self._note(workers)
            for address in workers.keys() - self._known():
                self._crew.asked[address] = client.submit(self._probe, **_there_alone(address))
            answered = {address: future for address, future in self._crew.asked.items() if future.done()}
            for address, future in answered.items():
                del self._crew.asked[address]
                self._judge(address, future)
            grown = [ticket for ticket, given in self._given.items() if self._is_grown(given)]
            replaced = [(address, self._crew.fit.pop(address)) for address in self._to_replace()]
        for ticket in grown:
            logger.error("job %s: its worker holds more memory than it may; given up", ticket[0][:12])
            self.abandon(ticket, TOO_LARGE)
        for address, facts in replaced:
            self._replace(address, facts)

    def close(self) -> None:
        """Stop at once; executions under way are abandoned."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=10)

    def _idle(self) -> list[str]:
        busy = {given.worker for given in self._given.values()}
        return sorted(address for address in self._crew.fit if address not in busy)

    def _is_over(self, given: _Given) -> bool:
        return given.future.status != "pending" or given.worker not in self._known()

    def _is_grown(self, given: _Given) -> bool:
        """Whether one of our own workers holds more than any analysis needs: others of the machine would be killed."""
        facts = self._crew.fit.get(given.worker)
        return self._cluster is not None and facts is not None and _memory_mb(facts.pid) > self._rules.limit_mb

    def _known(self) -> frozenset[str]:
        crew = self._crew
        return frozenset({*crew.fit, *crew.unfit, *crew.asked})

    def _connected(self) -> Client | None:
        """The client, made anew when its connection is gone; None when there is no scheduler."""
        client = self._client
        if client is not None and client.status == "running":
            return client
        if client is not None:
            self._forget(client)
        try:
            made = self._new_client()
        except OSError:
            outage = "the Dask scheduler cannot be reached"
            if self._outage is None:
                logger.warning("engine: %s; tried again", outage)
            self._outage = outage
            return None
        with self._lock:
            self._client, self._outage = made, None
        logger.info("engine: connected")
        return made

    def _new_client(self) -> Client:
        if self._address is None:
            return Client(self._cluster, set_as_default=False)
        security = self._address.security()
        return Client(self._address.scheduler, security=security, set_as_default=False, timeout=CONNECTING_S)

    def _forget(self, client: Client) -> None:
        """The scheduler is gone, and with it the workers as it knew them; what they did ends as lost."""
        with self._lock:
            self._client, self._crew = None, _Crew()
        self.activity.set()
        client.close(timeout=CONNECTING_S)

    def _note(self, workers: Mapping[str, Any]) -> None:
        """Forget the workers that left; remember when the others last said that they live, and their memory."""
        crew = self._crew
        for known in (crew.fit, crew.unfit, crew.asked):
            for address in known.keys() - workers.keys():
                known.pop(address)
                self._jobs.pop(address, None)
                self.activity.set()
        crew.seen = {address: float(info["last_seen"]) for address, info in workers.items()}
        for address, seen in crew.seen.items():
            self._silence.seconds(address, seen, self._kept_s)
        self._silence.only(crew.seen)
        self._stopped.only(crew.seen)
        metrics = {str(info["name"]): info.get("metrics") or {} for info in workers.values()}
        crew.memory_mb = {name: float(said.get("memory", 0)) / 2**20 for name, said in metrics.items()}

    def _judge(self, address: str, future: Future[WorkerFacts]) -> None:
        """Whether a worker fits, by its answer."""
        if future.status != "finished":
            bug = future.exception() if future.status == "error" else None
            if bug is None or isinstance(bug, KilledWorker):
                return
            self._failure = bug
            reason = bug.text if isinstance(bug, Unavailable) else f"loading its networks raised {type(bug).__name__}"
        else:
            facts = future.result()
            models = facts.models if self._models is None else self._models
            ours = WorkerFacts(self._ours.version, self._ours.installation, models, facts.pid)
            unfit = facts.unfit(ours)
            if unfit is None:
                self._models, self._crew.fit[address] = models, facts
                self.activity.set()
                return
            reason = unfit
        self._crew.unfit[address] = f"a worker process cannot be used: {reason}"
        logger.error("engine: %s", self._crew.unfit[address])

    def _to_replace(self) -> list[str]:
        """The idle workers that have grown or done much, and ours that are stopped."""
        crew, rules = self._crew, self._rules
        info = {facts.pid: address for address, facts in crew.fit.items()} if self._cluster is not None else {}
        stopped = [a for pid, a in info.items() if self._stopped.seconds(a, _is_stopped(pid), self._kept_s) > STOPPED_S]
        stopped = [address for address in stopped if _is_stopped(crew.fit[address].pid)]
        grown = [a for pid, a in info.items() if a in self._idle() and _memory_mb(pid) > rules.memory_mb]
        worn = [address for address in self._idle() if self._jobs[address] >= rules.jobs and self._cluster is not None]
        return list(dict.fromkeys((*stopped, *grown, *worn)))

    def _replace(self, address: str, facts: WorkerFacts | None) -> None:
        """End a worker process, which its nanny starts anew. Ours is killed: it may be stopped, or not listen."""
        logger.warning("engine: a worker process is replaced")
        self._jobs.pop(address, None)
        if self._cluster is not None and facts is not None:
            try:
                os.kill(facts.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
        elif self._client is not None:
            restart = self._client.restart_workers
            options = {"timeout": SILENT_S, "raise_for_error": False}
            threading.Thread(target=restart, args=([address],), kwargs=options, daemon=True).start()


def _there_alone(address: str) -> dict[str, Any]:
    """The options of a task that runs on this worker or not at all, each time anew."""
    return {"workers": [address], "allow_other_workers": False, "pure": False, "retries": 0}


def _is_stopped(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def _memory_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def _ended(ticket: Ticket, given: _Given) -> Ended:
    if given.given_up:
        return Ended(ticket, given_up=given.given_up)
    if given.future.status == "error":
        bug = given.future.exception()
        return Ended(ticket, bug, lost=isinstance(bug, KilledWorker))
    return Ended(ticket, lost=given.future.status != "finished")


def _local_cluster(processes: int) -> LocalCluster:
    """Worker processes of one thread each that share the machine's cores, without Dask's own limits.

    Dask would allow one thread of numeric libraries per worker, pause or kill a worker for its memory (a CT needs
    much of it, briefly), and try a task again on another worker whose first one died; the job table does that.
    """
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {**dict.fromkeys(names, threads), "MALLOC_ARENA_MAX": "2"}
    dask.config.set(
        {
            "distributed.nanny.pre-spawn-environ": environment,
            "distributed.scheduler.allowed-failures": 0,
            "distributed.comm.timeouts.connect": "60s",
            "distributed.worker.profile.enabled": False,  # it would keep an hour of call trees: a megabyte a job
            "distributed.scheduler.http.routes": [],  # its status servers ask nobody who he is: they show nothing
            "distributed.worker.http.routes": [],
            "distributed.nanny.http.routes": [],
        }
    )
    return LocalCluster(
        n_workers=processes,
        threads_per_worker=1,
        memory_limit=0,
        host=LOOPBACK,
        protocol="tls://",
        security=Security.temporary(),  # a certificate of this process alone: other users of the machine are not let in
        scheduler_kwargs={"dashboard": False},
        dashboard_address=f"{LOOPBACK}:0",
        worker_dashboard_address=f"{LOOPBACK}:0",
    )
