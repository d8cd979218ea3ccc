"""What executes jobs: Dask, on worker processes of our own or on a cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import dask
from distributed import Client, Future, KilledWorker, LocalCluster
from distributed.security import Security

Ticket = tuple[str, int]
"""Key and epoch (`claims`) of one execution."""

MODEL_LOADING_TIMEOUT_S = 600.0
"""Reading weights from a slow disk and compiling for the device; beyond this the installation is broken."""


LOOPBACK = "127.0.0.1"
"""Our own workers are reached from this machine alone; Dask's status servers would listen on every address."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An execution that is over. `bug` is what it raised; `lost` says that its worker died."""

    ticket: Ticket
    bug: BaseException | None = None
    lost: bool = False


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


class Engine(Protocol):
    """Runs executions somewhere."""

    def submit(self, ticket: Ticket) -> None:
        """Start an execution."""
        ...

    def collect(self) -> tuple[Ended, ...]:
        """The executions that ended since the last call."""
        ...

    def running(self) -> frozenset[Ticket]:
        """The executions that have not been collected."""
        ...


class DaskEngine:
    """Runs executions on Dask: on worker processes of our own, or on a cluster at `scheduler`."""

    def __init__(self, task: Callable[[str, int], None], processes: int, cluster: ClusterAddress | None = None) -> None:
        self._task = task
        self._futures: dict[Ticket, Future[Any]] = {}
        self._cluster = None if cluster else _local_cluster(processes)
        if cluster is None:
            self._client = Client(self._cluster, set_as_default=False)
        else:
            self._client = Client(cluster.scheduler, security=cluster.security(), set_as_default=False)
        self.activity = threading.Event()
        """Set whenever an execution ends."""

    def call(self, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the function returns
        """The result of a function in a worker process."""
        return self._client.submit(function, pure=False, retries=0).result(timeout=MODEL_LOADING_TIMEOUT_S)

    def submit(self, ticket: Ticket) -> None:
        """Start an execution in a worker process."""
        key, epoch = ticket
        name = f"lungcad-{key[:16]}-{epoch}"
        future = self._client.submit(self._task, key, epoch, key=name, pure=False, retries=0)
        future.add_done_callback(lambda _future: self.activity.set())
        self._futures[ticket] = future

    def collect(self) -> tuple[Ended, ...]:
        """The executions that ended; a worker's death ends its execution."""
        over = {ticket: future for ticket, future in self._futures.items() if future.status != "pending"}
        for ticket in over:
            del self._futures[ticket]
        return tuple(_ended(ticket, future) for ticket, future in over.items())

    def running(self) -> frozenset[Ticket]:
        """The executions that have not been collected."""
        return frozenset(self._futures)

    def workers(self) -> int:
        """How many worker processes are connected."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def close(self) -> None:
        """Stop at once; executions under way are abandoned."""
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=10)


def _ended(ticket: Ticket, future: Future[Any]) -> Ended:
    if future.status == "error":
        bug = future.exception()
        return Ended(ticket, bug, lost=isinstance(bug, KilledWorker))
    return Ended(ticket, lost=future.status in {"lost", "cancelled"})


def _local_cluster(processes: int) -> LocalCluster:
    """Worker processes of one thread each that share the machine's cores, without Dask's own limits.

    Dask would allow one thread of numeric libraries per worker, pause or kill a worker for its memory (a CT needs
    much of it, briefly), and try a task again on another worker whose first one died; the job table does that.
    """
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    dask.config.set(
        {
            "distributed.nanny.pre-spawn-environ": dict.fromkeys(names, threads),
            "distributed.scheduler.allowed-failures": 0,
            "distributed.comm.timeouts.connect": "60s",
        }
    )
    return LocalCluster(
        n_workers=processes,
        threads_per_worker=1,
        memory_limit=0,
        host=LOOPBACK,
        protocol="tls://",
        security=Security.temporary(),  # a certificate of this process alone: other users of the machine are not let in
        dashboard_address=f"{LOOPBACK}:0",
        worker_dashboard_address=f"{LOOPBACK}:0",
    )
