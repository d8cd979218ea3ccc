"""Builds every object of the service once; called by the command line and by tests."""

from __future__ import annotations

import ctypes
import fcntl
import functools
import logging
import os
import resource
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import FrameType

import uvicorn

from cad.errors import Unavailable
from cad.policy import SeriesPolicy
from cad.service.dispatch import Dispatcher, Ownership, Plan
from cad.service.engine import ClusterAddress, DaskEngine, Rules, WorkerFacts
from cad.service.health import Alarms, Check, Health, Monitor, TableWatch, check_disk
from cad.service.intake import Identity, PacsIntake, Rest, SpoolIntake, SpoolRules
from cad.service.jobs import RetryPolicy
from cad.service.logs import configure_logging
from cad.service.meter import Meter
from cad.service.outbox import Outbox
from cad.service.settings import ANYBODY, Settings, load_settings
from cad.service.store import Store
from cad.service.worker import LoopInterval, SeriesAnalysis, Tools, WorkerBug, describe_bug, execute, run_loop
from cad.web.api import ApiDependencies, create_api
from cad.web.connections import BoundedProtocol
from cad.web.scan_cache import ScanCache, SeriesPlaces
from orthanc.client import OrthancConnection, OrthancPacs
from orthanc.commitment import Commitments
from orthanc.dicomweb import DicomWebConnection, WebArchive
from orthanc.dimse import DimseDestination, DimsePeer
from orthanc.listener import ListenerAddress, StoreListener
from orthanc.pacs import Archive, Destination
from orthanc.query_retrieve import DimseArchive
from orthanc.spool import Spool
from orthanc.tls import TlsFiles

logger = logging.getLogger(__name__)

DISPATCH_PAUSE_S = 1.0
"""The dispatcher is woken when an execution ends or a job arrives; this bounds the delay of all else."""

ENGINE_PAUSE_S = 1.0

CHECK_S = 2.0
"""How long the check of the PACS waits for an answer."""

TABLE_EVERY_S, ECHO_EVERY_S = 2.0, 10.0
"""Pauses between two checks that write to a disk, or open an association with another's machine."""

HANDLES = 65536

AnalysisMaker = Callable[[Settings], SeriesAnalysis]


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker process needs to build its tools. Travels to it pickled: `make_analysis` is a named function.

    Settings do not travel, since they hold passwords: a worker reads them itself, from the file `config` and from its
    own environment, which is ours for workers that we start.
    """

    config: Path | None
    make_analysis: AnalysisMaker

    def settings(self) -> Settings:
        """The settings, as this process finds them."""
        return load_settings(self.config)


def serve(settings: Settings, make_analysis: AnalysisMaker, config: Path | None = None) -> int:
    """Run the service until SIGTERM or SIGINT; the exit code. `config` is the file that `settings` were read from.

    Raises Unavailable when the data folder is in use by another service, a port is taken or the table is away.
    """
    os.umask(PRIVATE)
    configure_logging(settings)
    raise_handle_limit()
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(locked(settings.data_folder))
        api_socket = stack.enter_context(_listening(settings.api_host, settings.api_port))
        setup = WorkerSetup(None if config is None else config.absolute(), make_analysis)
        engine = make_engine(settings, setup)
        stack.callback(engine.close)
        if settings.dask_scheduler is None:
            engine.wait_for_models()
        service = Service(settings, engine)
        stack.callback(service.close)
        stack.enter_context(service.running(stop))
        api = create_api(service.api_dependencies())
        bounded = uvicorn.Config(
            api, http=BoundedProtocol, log_level="warning", access_log=False, server_header=False, log_config=None
        )
        server = _Server(bounded)
        stack.enter_context(_on_signals(lambda: setattr(server, "should_exit", True)))
        logger.info("lungcad %s listens on %s:%d", version("lungcad"), settings.api_host, settings.api_port)
        server.run(sockets=[api_socket])
        logger.info("stopping")
        stop.set()
    return 0


class Service:
    """The parts of a running service and its threads."""

    def __init__(self, settings: Settings, engine: DaskEngine) -> None:
        self._settings = settings
        self._engine = engine
        self._tools = make_tools(settings)
        self._tools.store.upgrade_tables()
        self._wake_intake = threading.Event()
        self._intakes: tuple[PacsIntake, SpoolIntake] | None = None
        self._threads: list[threading.Thread] = []
        self._installation = installation_id(settings.data_folder)
        self._meter = Meter(engine.memory_mb)
        ownership = Ownership(self._installation, uuid.uuid4().hex, timedelta(seconds=settings.lease_s))
        self._dispatcher = Dispatcher(engine, self._tools, ownership, plan_of(settings), self._meter)
        self._table = TableWatch(self._tools.store)
        self._alarms = Alarms(timedelta(seconds=settings.alarm_waiting_s))
        self._monitor = Monitor(self._checks())

    def api_dependencies(self) -> ApiDependencies:
        """What the API needs."""
        token, tools = self._settings.api_token, self._tools
        return ApiDependencies(
            store=tools.store,
            notify=self._notify,
            health=self._health,
            clock=tools.clock,
            scans=ScanCache(SeriesPlaces(tools.store, tools.pacs, tools.spool, tools.archive).fetch, SeriesPolicy()),
            token=None if token is None else token.get_secret_value(),
            spool=tools.spool,
            resting=self._resting,
            look_now=self._look_now,
            hosts=own_names(self._settings) if token is None else None,
            meter=self._meter,
        )

    @contextmanager
    def running(self, stop: threading.Event) -> Iterator[None]:
        """The loops run until the block ends; then what is under way is given back."""
        listener = self._listener()
        poll = LoopInterval(self._settings.poll_s, self._wake_intake, stop)
        spool = LoopInterval(min(self._settings.poll_s, self._settings.scp_quiet_s), threading.Event(), stop)
        dispatch = LoopInterval(DISPATCH_PAUSE_S, self._engine.activity, stop)
        engine = LoopInterval(ENGINE_PAUSE_S, threading.Event(), stop)
        loops: list[tuple[str, Callable[[], None], LoopInterval]] = [
            ("engine", self._engine.keep, engine),
            ("orthanc intake", self._follow, poll),
            ("spool intake", self._receive, spool),
            ("dispatch", self._dispatcher.step, dispatch),
        ]
        self._threads = [threading.Thread(target=run_loop, args=loop, name=loop[0]) for loop in loops]
        if listener is not None:
            listener.start()
        with self._monitor.running():
            for thread in self._threads:
                thread.start()
            try:
                yield
            finally:
                stop.set()
                if listener is not None:
                    listener.stop()
                for interval in (poll, spool, dispatch, engine):
                    interval.wake.set()
                for thread in self._threads:
                    thread.join()
                self._dispatcher.release()

    def close(self) -> None:
        """Give back the table's connections."""
        self._tools.store.close()

    def _intake(self) -> tuple[PacsIntake, SpoolIntake]:
        """What makes jobs. Raises Unavailable before a worker has said with which networks they will be read."""
        if self._intakes is None:
            models = self._engine.models()
            if models is None:
                raise Unavailable("engine", self._engine.problem() or "no worker has loaded its networks yet")
            settings, tools = self._settings, self._tools
            identity = Identity(version("lungcad"), models)
            backlog = timedelta(hours=settings.backlog_hours)
            rules = SpoolRules(settings.scp_quiet_s, settings.spool_keep_hours, self._installation)
            self._intakes = (
                PacsIntake(tools.pacs, tools.store, identity, backlog, tools.clock),
                SpoolIntake(tools.spool, tools.store, identity, rules, tools.clock),
            )
        return self._intakes

    def _follow(self) -> None:
        self._intake()[0].step()
        self._engine.activity.set()

    def _receive(self) -> None:
        self._intake()[1].step()

    def _resting(self) -> tuple[Rest, ...]:
        return () if self._intakes is None else self._intakes[0].resting()

    def _look_now(self, series_id: str) -> None:
        if self._intakes is not None:
            self._intakes[0].look_now(series_id)
        self._wake_intake.set()

    def _notify(self, series_id: str) -> None:
        self._tools.store.watch(series_id)
        self._look_now(series_id)

    def _checks(self) -> list[Check]:
        """What is needed. The PACS is asked by a connection of its own, which gives up soon."""
        settings = self._settings
        pacs = make_pacs(settings, read_timeout_s=min(CHECK_S, settings.orthanc_read_timeout_s))
        checks = [
            Check("pacs", pacs.check),
            Check("store", self._table.ask, TABLE_EVERY_S),
            Check("disk", lambda: check_disk(settings.data_folder, settings.disk_least_mb)),
            Check("engine", self._engine.check),
        ]
        destination = self._tools.destination
        if isinstance(destination, DimseDestination):
            checks.append(Check("destination", destination.check, ECHO_EVERY_S))
        return checks

    def _health(self) -> Health:
        waiting, now = self._table.last, self._tools.clock()
        attention = [
            *self._alarms.attention(waiting, now, self._dispatcher.away(), len(self._tools.spool.aside())),
            *self._engine.unfit().values(),
        ]
        if self._resting():
            attention.append(f"series of the PACS that cannot be looked at: {len(self._resting())}")
        return Health(
            systems=self._monitor.conditions(),
            attention=tuple(attention),
            counts={state.value: number for state, number in waiting.counts.items()},
            oldest_waiting_s=None if waiting.since is None else (now - waiting.since).total_seconds(),
            dead=tuple(thread.name for thread in self._threads if thread.ident is not None and not thread.is_alive()),
        )

    def _listener(self) -> StoreListener | None:
        settings = self._settings
        if settings.scp_port is None:
            return None
        callers = () if ANYBODY in settings.scp_callers else settings.scp_callers
        tls = tls_of(settings) if settings.scp_tls else None
        address = ListenerAddress(settings.scp_host, settings.scp_port, settings.aet, callers, tls)
        return StoreListener(address, self._tools.spool, commitments_of(settings))


def make_engine(settings: Settings, setup: WorkerSetup) -> DaskEngine:
    """The engine of the settings; `setup` is what its workers build their tools from."""
    limits = (settings.worker_memory_mb, settings.worker_limit_mb)
    rules = Rules(settings.analyses_at_once, settings.worker_jobs, *limits)
    ours = WorkerFacts(version("lungcad"), installation_id(settings.data_folder), (), os.getpid())
    task, probe = functools.partial(run_job, setup), functools.partial(facts_of, setup)
    return DaskEngine(task, probe, rules, ours, cluster_of(settings))


def plan_of(settings: Settings) -> Plan:
    """How much at once, how often and how long."""
    return Plan(
        at_once=settings.analyses_at_once,
        reconcile_every=timedelta(seconds=settings.reconcile_s),
        confirm_after=timedelta(seconds=settings.confirm_after_s),
        analysis_limit=timedelta(seconds=settings.analysis_limit_s),
        delivery_limit=timedelta(seconds=settings.delivery_limit_s),
        keep=None if settings.keep_days is None else timedelta(days=settings.keep_days),
    )


def raise_handle_limit() -> None:
    """As many open files and connections as the machine allows: API, receiver, workers and table share them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = HANDLES if most == resource.RLIM_INFINITY else min(HANDLES, most)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def own_names(settings: Settings) -> tuple[str, ...]:
    """The names under which a loopback installation is asked."""
    return ("localhost", "127.0.0.1", "[::1]", settings.api_host)


def make_tools(settings: Settings) -> Tools:
    """The tools of a job, as the settings describe them."""
    pacs = make_pacs(settings)
    retries = RetryPolicy(first_delay_s=settings.retry_first_s, longest_delay_s=settings.retry_longest_s)
    return Tools(
        store=Store(database_url(settings), retries),
        pacs=pacs,
        spool=Spool(settings.data_folder / "spool"),
        outbox=Outbox(settings.data_folder / "outbox"),
        destination=_destination(settings, pacs),
        clock=utc_now,
        archive=_archive(settings, pacs),
        archive_tries=settings.prior_archive_tries,
        rejection_notes=settings.rejection_notes,
    )


def make_pacs(settings: Settings, read_timeout_s: float | None = None) -> OrthancPacs:
    """Orthanc, as the settings describe it; with another longest silence if given."""
    secret = settings.orthanc_password
    connection = OrthancConnection(
        settings.orthanc_url,
        user=settings.orthanc_user,
        password=None if secret is None else secret.get_secret_value(),
        dicomweb_root=settings.orthanc_dicomweb_root,
        connect_timeout_s=settings.orthanc_connect_timeout_s,
        read_timeout_s=settings.orthanc_read_timeout_s,
        ca_file=settings.orthanc_ca_file,
        image_s=settings.orthanc_image_s,
    )
    return OrthancPacs(connection if read_timeout_s is None else replace(connection, read_timeout_s=read_timeout_s))


def run_job(setup: WorkerSetup, key: str, epoch: int) -> None:
    """Execute a job in this worker process. Raises WorkerBug for whatever is no outage."""
    try:
        execute(key, epoch, _tools_of(setup), _analysis_of(setup))
    except Unavailable:
        raise
    except Exception as bug:  # noqa: BLE001 - see WorkerBug
        raise WorkerBug(type(bug).__name__, describe_bug(bug)) from None
    finally:
        give_memory_back()


def give_memory_back() -> None:
    """What a job freed goes back to the machine: the C library would keep the pieces of a CT between the others."""
    with suppress(OSError, AttributeError):  # another C library than GNU's
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def cluster_of(settings: Settings) -> ClusterAddress | None:
    """The cluster of the settings; None where our own workers do the work."""
    files = (settings.dask_tls_ca, settings.dask_tls_cert, settings.dask_tls_key)
    if settings.dask_scheduler is None or None in files:
        return None
    ca_file, cert_file, key_file = (file for file in files if file is not None)
    return ClusterAddress(settings.dask_scheduler, ca_file, cert_file, key_file)


def facts_of(setup: WorkerSetup) -> WorkerFacts:
    """What this worker process is; loads its networks. Raises Unavailable when they cannot be used here."""
    models = _analysis_of(setup).models
    folder = setup.settings().data_folder
    installation = installation_id(folder) if folder.is_dir() else ""
    return WorkerFacts(version("lungcad"), installation, models, os.getpid())


@functools.lru_cache(maxsize=1)
def _tools_of(setup: WorkerSetup) -> Tools:
    return make_tools(setup.settings())


@functools.lru_cache(maxsize=1)
def _analysis_of(setup: WorkerSetup) -> SeriesAnalysis:
    """Once per process: loading networks takes seconds. A worker process is recognised by this being called."""
    os.umask(PRIVATE)
    settings = setup.settings()
    configure_logging(settings)
    return setup.make_analysis(settings)


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def database_url(settings: Settings) -> str:
    """The table's URL."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return f"sqlite:///{settings.data_folder / 'jobs.sqlite'}"


def installation_id(data_folder: Path) -> str:
    """What tells this data folder from another's: 32 hex digits, made once."""
    path = data_folder / "installation-id"
    if not path.exists():
        partial = path.with_suffix(".part")
        partial.write_text(uuid.uuid4().hex)
        partial.replace(path)
    return path.read_text().strip()


@contextmanager
def locked(data_folder: Path) -> Iterator[None]:
    """The data folder, made if need be, is ours alone; a crash frees it.

    Raises Unavailable("data-folder") when another service has it or it cannot be made.
    """
    try:
        data_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_private(data_folder)
        descriptor = os.open(data_folder / "service.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable("data-folder", f"the data folder cannot be used ({error.strerror})") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("data-folder", "another service is running on this data folder") from None
        yield
    finally:
        os.close(descriptor)


PRIVATE = 0o077
"""The mask of everything that the service writes: for nobody but its own user."""


def make_private(folder: Path) -> None:
    """Take every right on a folder and what is in it from other users, whatever was there before. Raises OSError."""
    folder.chmod(0o700)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket. Its protocol is named: asyncio sends small answers at once (TCP_NODELAY) only then."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise Unavailable("port", f"cannot listen on {host}:{port} ({error.strerror})") from error
    with listening:
        yield listening


def _destination(settings: Settings, pacs: OrthancPacs) -> Destination:
    match settings.results_to:
        case "orthanc":
            return pacs
        case "dimse":
            tls = tls_of(settings) if settings.dimse_tls else None
            peer = DimsePeer(settings.dimse_host, settings.dimse_port, settings.dimse_aet, settings.aet, tls=tls)
            return DimseDestination(peer, commitments_of(settings))


def tls_of(settings: Settings) -> TlsFiles | None:
    """The certificates for DICOM over TLS."""
    files = (settings.dicom_tls_cert, settings.dicom_tls_key, settings.dicom_tls_ca)
    cert_file, key_file, ca_file = files
    return None if cert_file is None or key_file is None or ca_file is None else TlsFiles(cert_file, key_file, ca_file)


def commitments_of(settings: Settings) -> Commitments | None:
    """What is known of storage commitment, where the destination is to be asked for it."""
    return Commitments(settings.data_folder / "commitments") if settings.dimse_commitment else None


def _archive(settings: Settings, pacs: OrthancPacs) -> Archive | None:
    """Where earlier studies are looked for beside Orthanc."""
    timeout_s = settings.prior_archive_timeout_s
    match settings.prior_archive:
        case "none":
            return None
        case "dimse":
            host, port = settings.prior_archive_host, settings.prior_archive_port
            tls = tls_of(settings) if settings.prior_archive_tls else None
            peer = DimsePeer(host, port, settings.prior_archive_aet, settings.aet, timeout_s=timeout_s, tls=tls)
            return DimseArchive(peer, settings.prior_archive_move_to, pacs)
        case "dicomweb":
            secret = settings.prior_archive_password
            password = None if secret is None else secret.get_secret_value()
            url, user = settings.prior_archive_url, settings.prior_archive_user
            return WebArchive(DicomWebConnection(url, user, password, read_timeout_s=timeout_s))


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, which would end the process before we have given back our jobs."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@contextmanager
def _on_signals(react: Callable[[], None]) -> Iterator[None]:
    """Calls `react` on SIGTERM and SIGINT; the former handlers come back afterwards."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        react()

    former = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
