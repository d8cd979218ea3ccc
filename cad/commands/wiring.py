"""Builds every object of the service once; called by the command line and by tests."""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import FrameType

import uvicorn

from cad.domain import ModelIdentity
from cad.errors import Unavailable
from cad.policy import SeriesPolicy
from cad.service.dispatch import Dispatcher, Ownership, Plan
from cad.service.engine import ClusterAddress, DaskEngine
from cad.service.intake import Identity, PacsIntake, SpoolIntake, SpoolTimes
from cad.service.jobs import RetryPolicy
from cad.service.outbox import Outbox
from cad.service.settings import Settings, load_settings
from cad.service.store import Store
from cad.service.worker import LoopInterval, SeriesAnalysis, Tools, WorkerBug, describe_bug, execute, run_loop
from cad.web.api import ApiDependencies, create_api
from cad.web.scan_cache import ScanCache, SeriesPlaces
from orthanc.client import OrthancConnection, OrthancPacs
from orthanc.dicomweb import DicomWebConnection, WebArchive
from orthanc.dimse import DimseDestination, DimsePeer, ListenerAddress, StoreListener
from orthanc.pacs import Archive, Destination
from orthanc.query_retrieve import DimseArchive
from orthanc.spool import Spool

logger = logging.getLogger(__name__)

DISPATCH_PAUSE_S = 1.0
"""The dispatcher is woken when an execution ends or a job arrives; this bounds the delay of all else."""

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
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(locked(settings.data_folder))
        api_socket = stack.enter_context(_listening(settings.api_host, settings.api_port))
        setup = WorkerSetup(None if config is None else config.absolute(), make_analysis)
        engine = DaskEngine(functools.partial(run_job, setup), settings.analyses_at_once, cluster_of(settings))
        stack.callback(engine.close)
        service = Service(settings, engine, engine.call(functools.partial(models_of, setup)))
        stack.callback(service.close)
        stack.enter_context(service.running(stop))
        api = create_api(service.api_dependencies())
        server = _Server(uvicorn.Config(api, log_level="warning", access_log=False, server_header=False))
        stack.enter_context(_on_signals(lambda: setattr(server, "should_exit", True)))
        logger.info("lungcad %s listens on %s:%d", version("lungcad"), settings.api_host, settings.api_port)
        server.run(sockets=[api_socket])
        logger.info("stopping")
        stop.set()
    return 0


class Service:
    """The parts of a running service and its threads."""

    def __init__(self, settings: Settings, engine: DaskEngine, models: tuple[ModelIdentity, ...]) -> None:
        self._settings = settings
        self._engine = engine
        self._tools = make_tools(settings)
        self._tools.store.upgrade_tables()
        self._wake_intake = threading.Event()
        identity = Identity(version("lungcad"), models)
        clock = self._tools.clock
        backlog = timedelta(hours=settings.backlog_hours)
        self._pacs_intake = PacsIntake(self._tools.pacs, self._tools.store, identity, backlog, clock)
        times = SpoolTimes(settings.scp_quiet_s, settings.spool_keep_hours)
        self._spool_intake = SpoolIntake(self._tools.spool, self._tools.store, identity, times, clock)
        ownership = Ownership(
            installation_id(settings.data_folder), uuid.uuid4().hex, timedelta(seconds=settings.lease_s)
        )
        plan = Plan(
            settings.analyses_at_once,
            timedelta(seconds=settings.reconcile_s),
            timedelta(seconds=settings.confirm_after_s),
        )
        self._dispatcher = Dispatcher(engine, self._tools, ownership, plan)

    def api_dependencies(self) -> ApiDependencies:
        """What the API needs."""
        token, tools = self._settings.api_token, self._tools
        return ApiDependencies(
            store=tools.store,
            notify=self._notify,
            checks={"pacs": tools.pacs.check, "engine": self._check_engine},
            clock=tools.clock,
            scans=ScanCache(SeriesPlaces(tools.store, tools.pacs, tools.spool, tools.archive).fetch, SeriesPolicy()),
            token=None if token is None else token.get_secret_value(),
            set_aside=tools.spool.aside,
            hosts=own_names(self._settings) if token is None else None,
        )

    @contextmanager
    def running(self, stop: threading.Event) -> Iterator[None]:
        """The loops run until the block ends; then what is under way is given back."""
        listener = self._listener()
        poll = LoopInterval(self._settings.poll_s, self._wake_intake, stop)
        spool = LoopInterval(min(self._settings.poll_s, self._settings.scp_quiet_s), threading.Event(), stop)
        dispatch = LoopInterval(DISPATCH_PAUSE_S, self._engine.activity, stop)
        threads = [
            threading.Thread(target=run_loop, args=("orthanc intake", self._follow, poll)),
            threading.Thread(target=run_loop, args=("spool intake", self._receive, spool)),
            threading.Thread(target=run_loop, args=("dispatch", self._dispatcher.step, dispatch)),
        ]
        if listener is not None:
            listener.start()
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            if listener is not None:
                listener.stop()
            for interval in (poll, spool, dispatch):
                interval.wake.set()
            for thread in threads:
                thread.join()
            self._dispatcher.release()

    def close(self) -> None:
        """Give back the table's connections."""
        self._tools.store.close()

    def _follow(self) -> None:
        self._pacs_intake.step()
        self._engine.activity.set()

    def _receive(self) -> None:
        self._spool_intake.step()

    def _notify(self, series_id: str) -> None:
        self._tools.store.watch(series_id)
        self._wake_intake.set()

    def _check_engine(self) -> None:
        if self._engine.workers() == 0:
            raise Unavailable("engine", "no worker process is connected")

    def _listener(self) -> StoreListener | None:
        settings = self._settings
        if settings.scp_port is None:
            return None
        address = ListenerAddress(settings.scp_host, settings.scp_port, settings.aet, settings.scp_callers)
        return StoreListener(address, self._tools.spool)


def own_names(settings: Settings) -> tuple[str, ...]:
    """The names under which a loopback installation is asked."""
    return ("localhost", "127.0.0.1", "[::1]", settings.api_host)


def make_tools(settings: Settings) -> Tools:
    """The tools of a job, as the settings describe them."""
    secret = settings.orthanc_password
    pacs = OrthancPacs(
        OrthancConnection(
            settings.orthanc_url,
            user=settings.orthanc_user,
            password=None if secret is None else secret.get_secret_value(),
            dicomweb_root=settings.orthanc_dicomweb_root,
            connect_timeout_s=settings.orthanc_connect_timeout_s,
            read_timeout_s=settings.orthanc_read_timeout_s,
        )
    )
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


def run_job(setup: WorkerSetup, key: str, epoch: int) -> None:
    """Execute a job in this worker process. Raises WorkerBug for whatever is no outage."""
    try:
        execute(key, epoch, _tools_of(setup), _analysis_of(setup))
    except Unavailable:
        raise
    except Exception as bug:  # noqa: BLE001 - see WorkerBug
        raise WorkerBug(type(bug).__name__, describe_bug(bug)) from None


def cluster_of(settings: Settings) -> ClusterAddress | None:
    """The cluster of the settings; None where our own workers do the work."""
    files = (settings.dask_tls_ca, settings.dask_tls_cert, settings.dask_tls_key)
    if settings.dask_scheduler is None or None in files:
        return None
    ca_file, cert_file, key_file = (file for file in files if file is not None)
    return ClusterAddress(settings.dask_scheduler, ca_file, cert_file, key_file)


def models_of(setup: WorkerSetup) -> tuple[ModelIdentity, ...]:
    """The networks that a worker process reads with; loads them."""
    return _analysis_of(setup).models


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


def configure_logging(settings: Settings) -> None:
    """Our own lines at the chosen level, warnings of all libraries, on stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for package in ("cad", "dicom_io", "models", "orthanc"):
        logging.getLogger(package).setLevel(settings.log_level)


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
            peer = DimsePeer(settings.dimse_host, settings.dimse_port, settings.dimse_aet, settings.aet)
            return DimseDestination(peer)


def _archive(settings: Settings, pacs: OrthancPacs) -> Archive | None:
    """Where earlier studies are looked for beside Orthanc."""
    timeout_s = settings.prior_archive_timeout_s
    match settings.prior_archive:
        case "none":
            return None
        case "dimse":
            host, port = settings.prior_archive_host, settings.prior_archive_port
            peer = DimsePeer(host, port, settings.prior_archive_aet, settings.aet, timeout_s)
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
