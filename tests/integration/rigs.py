"""A real Orthanc and a real service as processes that tests start, stop and kill."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import requests
import uvicorn
from fastapi import FastAPI
from pydicom.dataset import Dataset

from cad.commands.embedded_orthanc import OrthancSetup, configuration, find_orthanc, free_ports, new_address
from cad.service.intake import CURSOR
from cad.service.jobs import RetryPolicy
from cad.service.store import Store
from orthanc.client import OrthancConnection, OrthancPacs
from tests.integration.paced_service import ANALYSES, HOLD, NODULE, NODULE_DIAMETER_MM
from tests.made.series import Sphere, a_series, save_series
from tests.places import ROOT

PATIENCE_S = 180.0
"""Deadline of a wait. Seconds are usual; a machine that also trains networks can be fifty times slower."""
POLL_S = 0.1
STABLE_AGE_S = 1
DCMTK_STORESCU = "/usr/bin/storescu"

ENDS = {"refused", "failed"}

_numbers = itertools.count(1)

T = TypeVar("T")


def wait_for(claim: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """The first true answer of `claim`, which is asked until then. Fails with `what` when the patience ends."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = claim()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s:.0f} s in vain for {what}")
        time.sleep(POLL_S)


class OrthancRig:
    """Orthanc with our plugin, on ports and in a folder of its own; `options` are added to its configuration."""

    def __init__(self, folder: Path, notify_port: int, options: Mapping[str, object] | None = None) -> None:
        self.address = new_address()
        self._folder = folder
        self._environment = {"PATH": os.environ["PATH"], "LUNGCAD_NOTIFY_URL": f"http://127.0.0.1:{notify_port}"}
        folder.mkdir(parents=True)
        setup = OrthancSetup(ROOT / "docker" / "notify_plugin.py", stable_age_s=STABLE_AGE_S)
        self._config = folder / "orthanc.json"
        self._config.write_text(json.dumps({**configuration(self.address, folder, setup), **(options or {})}))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def auth(self) -> tuple[str, str]:
        return (self.address.username, self.address.password)

    @property
    def pacs(self) -> OrthancPacs:
        return OrthancPacs(OrthancConnection(self.address.url, *self.auth))

    def start(self) -> None:
        executable = find_orthanc()
        assert executable is not None
        with (self._folder / "orthanc.log").open("ab") as log:
            self._process = subprocess.Popen([executable, self._config], env=self._environment, stdout=log, stderr=log)
        wait_for(self._answers, "Orthanc")

    def kill(self) -> None:
        """As a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def send(self, datasets: Sequence[Dataset], folder: Path) -> None:
        """C-STORE by dcmtk."""
        files = save_series(datasets, folder / f"sent{next(_numbers)}")
        store_by_dcmtk(files, self.address.dicom_port, self.address.ae_title)

    def log(self) -> str:
        return (self._folder / "orthanc.log").read_text()

    def wait_for_a_stable_series(self, change: int) -> int:
        """The number of the first announcement of a stable series after that change."""
        url = f"{self.address.url}/changes?since={change}&limit=1000"

        def announced() -> int:
            log = requests.get(url, auth=self.auth, timeout=30).json()["Changes"]
            return next((int(item["Seq"]) for item in log if item["ChangeType"] == "StableSeries"), 0)

        return wait_for(announced, "a stable series")

    def count(self, study_uid: str, modality: str) -> int:
        """How many instances of one modality a study has."""
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": study_uid, "Modality": modality}}
        answer = requests.post(f"{self.address.url}/tools/find", json=query, auth=self.auth, timeout=30)
        return len(answer.json())

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.address.url}/system", auth=self.auth, timeout=2).ok
        except requests.RequestException:
            return False


class ServiceRig:
    """The service as a process, with a data folder that outlives it; `module` says how it reads."""

    module = "tests.integration.paced_service"
    arguments: tuple[str, ...] = ()

    def __init__(self, orthanc: OrthancRig, folder: Path, api_port: int, **settings: object) -> None:
        self.data_folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._api = f"http://127.0.0.1:{api_port}"
        chosen = {
            "data_folder": folder,
            "api_port": api_port,
            "orthanc_url": orthanc.address.url,
            "orthanc_user": orthanc.address.username,
            "orthanc_password": orthanc.address.password,
            "poll_s": 0.3,
            "reconcile_s": 0.5,
            "retry_first_s": 0.3,
            "retry_longest_s": 1.0,
            "confirm_after_s": 0.5,
            "backlog_hours": 0,
            **settings,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LUNGCAD_")}
        self._environment = inherited | {f"LUNGCAD_{name.upper()}": str(value) for name, value in chosen.items()}
        self._environment["PYTHONWARNINGS"] = "default"
        database = str(chosen.get("database_url", f"sqlite:///{folder / 'jobs.sqlite'}"))
        self._store = Store(database, RetryPolicy())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.data_folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.arguments],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers, "the service")

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE_S)

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Whatever is left of it."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._store.close()

    def kill_worker(self) -> None:
        """SIGKILL to the process that analyses."""
        assert self._process is not None
        for pid in _descendants(self._process.pid):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    def hold(self) -> None:
        """Analyses wait from now on."""
        (self.data_folder / HOLD).touch()

    def let_go(self) -> None:
        """Analyses go on."""
        (self.data_folder / HOLD).unlink()

    @property
    def environment(self) -> dict[str, str]:
        """That of the process, which workers elsewhere need too."""
        return self._environment

    @property
    def process(self) -> psutil.Process:
        """The process of the service."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def outbox(self) -> list[str]:
        """The jobs whose results lie on its disk."""
        return sorted(path.name for path in (self.data_folder / "outbox").glob("*"))

    def health(self) -> dict[str, Any]:
        return dict(self.get("/health").json())

    @property
    def analyses(self) -> int:
        """How many analyses have begun."""
        path = self.data_folder / ANALYSES
        return len(path.read_text().splitlines()) if path.exists() else 0

    @property
    def cursor(self) -> int:
        """How far the service has read Orthanc's change log."""
        return self._store.cursor(CURSOR) or 0

    @property
    def watched(self) -> tuple[str, ...]:
        """The series that it still has to look at."""
        return self._store.watched()

    @property
    def log(self) -> str:
        return (self.data_folder / "service.log").read_text()

    def jobs(self, series_uid: str) -> list[dict[str, Any]]:
        """The jobs of a series, newest first."""
        answer = requests.get(f"{self._api}/api/v1/jobs", timeout=30)
        assert answer.ok, answer.text
        return [job for job in answer.json() if job["series_uid"] == series_uid]

    def get(self, path: str) -> requests.Response:
        return requests.get(self._api + path, timeout=30)

    def post(self, path: str, content: object = None) -> requests.Response:
        return requests.post(self._api + path, json=content, timeout=30)

    def wait_until(self, state: str, series_uid: str) -> dict[str, Any]:
        """The newest job of a series, once it is in that state."""

        def newest() -> dict[str, Any] | None:
            jobs = self.jobs(series_uid)
            if jobs and jobs[0]["state"] in ENDS - {state}:
                raise AssertionError(f"the job is {jobs[0]['state']} instead of {state}")
            return jobs[0] if jobs and jobs[0]["state"] == state else None

        try:
            job = wait_for(newest, f"a job {state}")
        except AssertionError as late:
            raise AssertionError(f"{late}; jobs: {self.jobs(series_uid)}; log:\n{self.log[-4000:]}") from None
        assert job is not None
        return job

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the service ended with {self._process.returncode}:\n{self.log[-4000:]}")
        try:
            return requests.get(f"{self._api}/health", timeout=5).status_code in {200, 503}
        except requests.RequestException:
            return False


def a_chest(name: str, **changes: Any) -> list[Dataset]:  # noqa: ANN401 - the options of a_series
    """A small CT series with one nodule, in a study of its own."""
    centre = (NODULE.x, NODULE.y, NODULE.z)
    options = {"spheres": [Sphere(centre, NODULE_DIAMETER_MM)], "study": f"{name}/study", "series": "ct", **changes}
    return a_series(**options)


def store_by_dcmtk(folder: Path, port: int, called: str) -> None:
    """dcmtk's storescu, with every SOP class of the files proposed."""
    files = sorted(str(path) for path in folder.iterdir())
    command = [DCMTK_STORESCU, "-R", "-aec", called, "127.0.0.1", str(port), *files]
    subprocess.run(command, check=True, timeout=PATIENCE_S, capture_output=True)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """A web application on a free port, in a thread; its origin."""
    port = one_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def one_port() -> int:
    """A port that is free now."""
    (port,) = free_ports(1)
    return port


def _descendants(pid: int) -> list[int]:
    children: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text().split():
            children += [int(child), *_descendants(int(child))]
    return children
