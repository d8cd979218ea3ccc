"""An external Dask scheduler and its workers, by TLS: they come late, die and come back; the service goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.integration.conftest import MakeService
from tests.integration.rigs import OrthancRig, ServiceRig, a_chest, one_port, wait_for
from tests.made.certificates import Authority
from tests.places import ROOT

pytestmark = pytest.mark.slow


class Cluster:
    """A scheduler and workers as processes, each with a certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        authority = Authority(folder / "certificates")
        self.files = (authority.ca_file, *authority.certificate("cluster"))
        self._address = f"127.0.0.1:{one_port()}"
        self._scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def settings(self) -> dict[str, object]:
        """What a service needs to be told."""
        names = ("dask_tls_ca", "dask_tls_cert", "dask_tls_key")
        return {"dask_scheduler": f"tls://{self._address}", **dict(zip(names, self.files, strict=True))}

    def start_scheduler(self) -> None:
        host, _, port = self._address.partition(":")
        options = ["--protocol", "tls", "--host", host, "--port", port, "--no-dashboard"]
        self._scheduler = self._run("dask_scheduler", options, os.environ)

    def kill_scheduler(self) -> None:
        assert self._scheduler is not None
        self._scheduler.kill()
        self._scheduler.wait()

    def start_worker(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        name = str(len(self.workers))
        options = [f"tls://{self._address}", "--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--name", name]
        options += ["--local-directory", str(self._folder / "scratch"), "--memory-limit", "0", "--host", "127.0.0.1"]
        self.workers.append(self._run("dask_worker", options, environment))
        return self.workers[-1]

    def end(self) -> None:
        for process in [*self.workers, *([self._scheduler] if self._scheduler else [])]:
            _kill(process)

    def _run(self, program: str, options: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        files = [text for name, file in zip(names, self.files, strict=True) for text in (name, str(file))]
        command = [sys.executable, "-m", f"distributed.cli.{program}", *options, *files]
        with (self._folder / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=ROOT, env=dict(environment), stdout=log, stderr=log, start_new_session=True
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """A process and its children, as a machine that goes down."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.end()


def engine_of(service: ServiceRig) -> str:
    return str(service.health()["systems"]["engine"])


def test_a_cluster_comes_late_dies_restarts_and_comes_back(
    cluster: Cluster, orthanc: OrthancRig, make_service: MakeService, tmp_path: Path
) -> None:
    service = make_service(**cluster.settings, retry_first_s=1, retry_longest_s=3, analyses_at_once=2)
    chests = [a_chest(f"cluster/{number}") for number in range(4)]
    uids = [chest[0].SeriesInstanceUID for chest in chests]
    service.start()  # there is not even a scheduler
    orthanc.send(chests[0], tmp_path)
    wait_for(lambda: engine_of(service) == "the Dask scheduler cannot be reached", "health to say so")
    cluster.start_scheduler()
    wait_for(lambda: engine_of(service) == "no worker process is connected", "the scheduler")
    elsewhere = {**service.environment, "LUNGCAD_DATA_FOLDER": str(tmp_path / "elsewhere")}
    (tmp_path / "elsewhere").mkdir()
    stranger = cluster.start_worker(elsewhere)
    assert service.jobs(uids[0]) == []
    worker = cluster.start_worker(service.environment)
    service.wait_until("done", uids[0])
    assert any("another data folder" in text for text in service.health()["attention"])
    _kill(stranger)
    wait_for(lambda: service.health()["status"] == "ok", "the stranger to be forgotten")

    service.hold()
    orthanc.send(chests[1], tmp_path)
    service.wait_until("running", uids[1])
    wait_for(lambda: service.analyses == 2, "the analysis to begin")
    cluster.kill_scheduler()
    wait_for(lambda: engine_of(service) != "ok", "health to say that the scheduler is gone")
    _kill(worker)
    service.let_go()
    cluster.start_scheduler()
    worker = cluster.start_worker(service.environment)
    job = service.wait_until("done", uids[1])
    assert job["interruptions"] in {1, 2}

    service.hold()
    begun = service.analyses
    orthanc.send(chests[2], tmp_path)
    service.wait_until("running", uids[2])
    wait_for(lambda: service.analyses > begun, "the analysis to begin")
    _kill(worker)
    service.let_go()
    wait_for(lambda: engine_of(service) == "no worker process is connected", "the worker to be missed")
    for _ in range(2):
        cluster.start_worker(service.environment)
    service.wait_until("done", uids[2])
    orthanc.send(chests[3], tmp_path)
    service.wait_until("done", uids[3])
    for chest in chests:
        study = chest[0].StudyInstanceUID
        assert (orthanc.count(study, "SR"), orthanc.count(study, "SEG")) == (1, 1)
    assert service.stop() == 0
