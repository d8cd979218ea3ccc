"""What the long runs share: Orthanc and services in a folder of their own, and what is left of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydicom.dataset import Dataset

from tests.integration.rigs import OrthancRig, ServiceRig, a_chest, one_port
from tests.made.postgres import a_server, binaries


@dataclass(frozen=True, slots=True)
class Stage:
    """One Orthanc and the services beside it."""

    folder: Path
    orthanc: OrthancRig
    services: tuple[ServiceRig, ...]

    def results(self, chest: list[Dataset]) -> tuple[int, int]:
        """How many reports and segmentations Orthanc has of a chest."""
        study = chest[0].StudyInstanceUID
        return self.orthanc.count(study, "SR"), self.orthanc.count(study, "SEG")

    def left_behind(self) -> list[str]:
        """Files of the services that belong to no job that waits: results, partial files, what was set aside."""
        folders = [service.data_folder for service in self.services]
        kinds = ("outbox/*", "**/*.part", "spool/aside/*", ".probe-*")
        found = [(path, folder) for folder in folders for kind in kinds for path in folder.glob(kind)]
        return sorted(str(path.relative_to(folder)) for path, folder in found)


@contextmanager
def a_stage(services: int = 1, postgres: bool = False, **settings: object) -> Iterator[Stage]:
    """Everything started; killed when the block ends. Two services share a table, on PostgreSQL if asked for."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lungcad-endurance-")))
        table = f"sqlite:///{folder / 'jobs.sqlite'}"
        programs = binaries()
        if postgres and programs is not None:
            table = stack.enter_context(a_server(programs)).new_database()
        port = one_port()
        orthanc = OrthancRig(folder / "orthanc", port)
        orthanc.start()
        stack.callback(orthanc.kill)
        common = {"database_url": table, "lease_s": 4, "scp_callers": "*", "scp_quiet_s": 1, **settings}
        made = []
        for number in range(services):
            own = port if number == 0 else one_port()
            service = ServiceRig(orthanc, folder / f"service{number}", own, scp_port=one_port(), **common)
            stack.callback(service.end)
            service.start()
            made.append(service)
        yield Stage(folder, orthanc, tuple(made))


def chests(name: str, number: int) -> list[list[Dataset]]:
    """So many small series, each in a study of its own."""
    return [a_chest(f"{name}/{n}") for n in range(number)]


@dataclass(frozen=True, slots=True)
class Use:
    """What the processes of a service use together, and the largest of them."""

    largest_mb: float
    service_mb: float
    workers_mb: float
    handles: int


def use_of(service: ServiceRig) -> Use:
    """Memory and handles of a service and its workers, now."""
    process = service.process
    workers = [child for child in process.children(recursive=True) if _is_worker(child)]
    sizes = [_mb(process), *(_mb(worker) for worker in workers)]
    handles = sum(one.num_fds() for one in (process, *workers))
    return Use(max(sizes), sizes[0], sum(sizes[1:]), handles)


def disk_mb(folder: Path) -> float:
    """What a folder takes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 2**20
    except psutil.Error:
        return 0.0


def quiet() -> None:
    """One thread for each numeric library: several processes share the machine."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
