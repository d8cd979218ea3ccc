"""The demonstration: a made-up study through an embedded Orthanc and the service, and its results on disk.

Everything lives in one folder: the study, Orthanc's and the service's data, their logs, and `results`. Without Orthanc
or dcmtk the same study is read from its files.
"""

from __future__ import annotations

import enum
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import uvicorn

from cad.case.folders import FolderInUse
from cad.commands.embedded_orthanc import (
    SYSTEM_PATH,
    OrthancAddress,
    OrthancSetup,
    embedded_orthanc,
    find_orthanc,
    free_ports,
    new_address,
    stop,
)
from cad.domain import PointLps
from cad.errors import Unavailable
from cad.qa.froc import is_hit
from cad.web.ohif import ohif_dist, study_path
from cad.web.viewer import DicomWebServer, viewer_app

MARKER = ".lungcad-demo"
FROM_FILES = "from_files"
SEED, NODULES = 1, 3
"""The patient of the demonstration: any will do, this one has nodules in both lungs."""
SENDER_AE_TITLE = "DEMO"
SERVICE_START_TIMEOUT_S = 180.0
"""The service loads its networks first: seconds, and a minute or two from a cold disk."""
JOB_TIMEOUT_S = 1800.0
"""An analysis takes about a minute; a loaded laptop may need ten."""
SEND_TIMEOUT_S = 300.0
POLL_INTERVAL_S = 0.5
REMINDER_S = 10.0
REQUEST_TIMEOUT_S = 30.0
LOG_LINES_SHOWN = 20
ENDS = frozenset({"done", "refused", "failed", "superseded"})
RESULT_NAMES = {"SR": "sr.dcm", "SEG": "seg.dcm", "PR": "gsps.dcm", "KO": "key_objects.dcm"}
PLUGIN = Path(__file__).parents[2] / "docker" / "notify_plugin.py"
"""Beside the packages in a checkout; an installed wheel has none, and the service then polls."""

Tell = Callable[[str], None]


class Afterwards(enum.StrEnum):
    """What to do when the results are there."""

    EXIT = "exit"
    SERVE = "serve"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """Where the service listens, and the token that it asks for."""

    port: int
    token: str = field(repr=False)

    @property
    def url(self) -> str:
        """The root of its API."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str) -> requests.Response:
        """The answer to a GET."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.get(self.url + path, headers=headers, timeout=REQUEST_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class Installation:
    """An Orthanc and a service that know each other."""

    orthanc: OrthancAddress
    service: ServiceAddress


def run_demo(out: Path, afterwards: Afterwards, tell: Tell) -> int:
    """Runs the demonstration in the folder `out`; the exit code.

    A plain demonstration starts afresh; to serve or to view goes on with what an earlier run left in `out`. Raises
    FolderInUse when `out` holds something else, and Unavailable when a system does not come up.
    """
    claim_folder(out, afterwards)
    study = _study(out, tell)
    lacking = missing_programs()
    if lacking:
        tell(f"Not installed: {', '.join(lacking)}. Reading the files without a PACS.")
        _analyse_files(study, out / "results", tell)
        summarise(out, tell)
        return 0
    with installation(out, tell) as running:
        send(study, running.orthanc, tell)
        job = wait_for_result(running.service, tell)
        fetch_results(job, running, out / "results")
        _analyse_files(study, out / "results" / FROM_FILES, tell)
        summarise(out, tell)
        _stay(afterwards, running, str(job["study_uid"]), tell)
    return 0


def missing_programs() -> tuple[str, ...]:
    """What the demonstration with a PACS needs and this machine lacks."""
    orthanc = () if find_orthanc() else ("orthanc",)
    return (*orthanc, *(() if _storescu() else ("dcmtk",)))


@contextmanager
def installation(folder: Path, tell: Tell) -> Iterator[Installation]:
    """An embedded Orthanc with our plug-in and the service beside it, both with their data in `folder`."""
    folder = folder.resolve()
    orthanc = new_address()
    service = ServiceAddress(free_ports(1)[0], secrets.token_urlsafe(16))
    setup = OrthancSetup(
        plugin=PLUGIN if PLUGIN.exists() else None,
        environment={"LUNGCAD_NOTIFY_URL": service.url, "LUNGCAD_NOTIFY_TOKEN": service.token},
    )
    tell("Starting Orthanc ...")
    with embedded_orthanc(orthanc, folder / "orthanc", setup):
        tell(f"Starting the service (its log is {folder / 'service.log'}) ...")
        with _service(service, orthanc, folder):
            yield Installation(orthanc, service)


def send(study: Path, orthanc: OrthancAddress, tell: Tell) -> None:
    """Sends a folder by C-STORE with dcmtk. Raises Unavailable when Orthanc does not take it."""
    files = sum(1 for path in study.rglob("*") if path.is_file())
    tell(f"Sending {files} files by C-STORE to {orthanc.ae_title} on port {orthanc.dicom_port} ...")
    command = [_storescu() or "storescu", "+sd", "+r", "-aet", SENDER_AE_TITLE, "-aec", orthanc.ae_title]
    command += ["127.0.0.1", str(orthanc.dicom_port), str(study)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=SEND_TIMEOUT_S, check=False)  # noqa: S603 - fixed program, our own folder
    if outcome.returncode != 0:
        raise Unavailable("pacs", f"C-STORE failed: {outcome.stderr.strip()[-300:]}")


def wait_for_result(service: ServiceAddress, tell: Tell) -> dict[str, object]:
    """The newest job once it has ended well, with the study UID of its findings added.

    Tells of each change of its state. Raises Unavailable when it ends otherwise, or not in time.
    """
    started, told, told_at = time.monotonic(), "", 0.0
    while time.monotonic() - started < JOB_TIMEOUT_S:
        answer = service.ask("/api/v1/jobs?limit=1")
        if not answer.ok:
            raise Unavailable("service", f"its API answered with status {answer.status_code}")
        jobs = answer.json()
        state = str(jobs[0]["state"]) if jobs else "waiting for the series to be complete"
        elapsed_s = time.monotonic() - started
        if state != told or elapsed_s - told_at >= REMINDER_S:
            tell(f"  {elapsed_s:5.0f} s  {state}")
            told, told_at = state, elapsed_s
        if state in ENDS:
            return _ended_well(jobs[0], service)
        time.sleep(POLL_INTERVAL_S)
    raise Unavailable("service", f"no result within {JOB_TIMEOUT_S:.0f} s")


def fetch_results(job: dict[str, object], running: Installation, folder: Path) -> None:
    """Writes the objects that Orthanc now holds for a job, and its findings.json, into `folder`."""
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "key_images").mkdir(parents=True)
    objects = job["objects"]
    assert isinstance(objects, list)
    for number, item in enumerate(objects, start=1):
        name = RESULT_NAMES.get(item["modality"], f"key_images/{number:02d}.dcm")
        (folder / name).write_bytes(_instance(item["sop_uid"], running.orthanc))
    (folder / "findings.json").write_text(json.dumps(job["findings"], indent=2) + "\n")


def claim_folder(out: Path, afterwards: Afterwards) -> None:
    """Makes `out` ours, and empty for a plain demonstration.

    Raises FolderInUse for a folder that holds something and was not made by a demonstration.
    """
    if out.exists() and not (out / MARKER).exists() and (not out.is_dir() or any(out.iterdir())):
        raise FolderInUse(f"{out} exists and is not the folder of a demonstration")
    if afterwards is Afterwards.EXIT and out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).touch()


def _study(out: Path, tell: Tell) -> Path:
    """The folder of the made-up series, simulated when an earlier run has not left it."""
    from models.phantom.simulation import StudyRecipe, simulate  # scipy's filters take a second to import

    study = out / "study"
    if not study.exists():
        tell("Making up a chest CT ...")
        partial = out / "study.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        simulate(partial, StudyRecipe(SEED, NODULES))
        partial.rename(study)
    return study / "series"


def _storescu() -> str | None:
    """dcmtk's storescu, not pynetdicom's program of the same name in the virtual environment."""
    return shutil.which("storescu", path=SYSTEM_PATH)


@contextmanager
def _service(service: ServiceAddress, orthanc: OrthancAddress, folder: Path) -> Iterator[None]:
    settings = {
        "LUNGCAD_DATA_FOLDER": str(folder / "service"),
        "LUNGCAD_API_PORT": str(service.port),
        "LUNGCAD_API_TOKEN": service.token,
        "LUNGCAD_ORTHANC_URL": orthanc.url,
        "LUNGCAD_ORTHANC_USER": orthanc.username,
        "LUNGCAD_ORTHANC_PASSWORD": orthanc.password,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LUNGCAD_")}
    command = [sys.executable, "-m", "cad", "serve"]
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=inherited | settings)  # noqa: S603 - our own command
        try:
            _wait_until_it_is_well(process, service, folder / "service.log")
            yield
        finally:
            stop(process)


def _wait_until_it_is_well(process: subprocess.Popen[bytes], service: ServiceAddress, log: Path) -> None:
    deadline = time.monotonic() + SERVICE_START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable("service", f"it ended with status {process.returncode}:\n{_last_lines(log)}")
        try:
            if service.ask("/health").ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(POLL_INTERVAL_S)
    raise Unavailable("service", f"it was not ready within {SERVICE_START_TIMEOUT_S:.0f} s:\n{_last_lines(log)}")


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def _ended_well(job: dict[str, object], service: ServiceAddress) -> dict[str, object]:
    if job["state"] != "done":
        raise Unavailable("service", f"the job ended as {job['state']}: {job['text'] or job['code']}")
    findings = service.ask(f"/api/v1/jobs/{job['key']}/findings").json()
    return job | {"findings": findings, "study_uid": findings["series"]["study_uid"]}


def _instance(sop_uid: str, orthanc: OrthancAddress) -> bytes:
    login = (orthanc.username, orthanc.password)
    found = requests.post(f"{orthanc.url}/tools/lookup", data=sop_uid, auth=login, timeout=REQUEST_TIMEOUT_S).json()
    ids = [item["ID"] for item in found if item["Type"] == "Instance"]
    if not ids:
        raise Unavailable("pacs", "Orthanc does not hold an object that the service has delivered")
    answer = requests.get(f"{orthanc.url}/instances/{ids[0]}/file", auth=login, timeout=REQUEST_TIMEOUT_S)
    answer.raise_for_status()
    return answer.content


def _analyse_files(series: Path, folder: Path, tell: Tell) -> None:
    """`lungcad analyze` on the files: the page and the pictures as files."""
    tell("Drawing the report and the pictures from the files ...")
    if folder.exists():
        shutil.rmtree(folder)
    command = [sys.executable, "-m", "cad", "analyze", str(series), "--out", str(folder), "--images"]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode  # noqa: S603 - our own command
    if code != 0:
        raise Unavailable("analysis", f"lungcad analyze ended with status {code}")


def summarise(out: Path, tell: Tell) -> None:
    """Tells what was found in the study of `out`, and where each kind of result is."""
    results = out / "results"
    findings = json.loads((results / "findings.json").read_text())
    truth = json.loads((out / "study" / "truth.json").read_text())
    tell("")
    for line in against_truth(findings["nodules"], truth["nodules"]):
        tell(line)
    tell("")
    for label, name in (
        ("SR", "sr.dcm"),
        ("SEG", "seg.dcm"),
        ("findings", "findings.json"),
        ("report", "report.pdf"),
        ("overlay", "overlay"),
    ):
        for folder in (results, results / FROM_FILES):
            if (folder / name).exists():
                tell(f"  {label:9} {folder / name}")
                break


def against_truth(found: Sequence[Mapping[str, Any]], made_up: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What became of each made-up nodule, and which marks are on none, by the hit rule of validation."""

    def is_on(mark: Mapping[str, Any], nodule: Mapping[str, Any]) -> bool:
        places = PointLps(*mark["centre_lps_mm"]), PointLps(*nodule["centre_lps_mm"])
        return is_hit(*places, nodule["diameter_mm"])

    hit = [next((mark for mark in found if is_on(mark, nodule)), None) for nodule in made_up]
    false = [mark for mark in found if not any(is_on(mark, nodule) for nodule in made_up)]
    count = sum(mark is not None for mark in hit)
    yield (
        f"{count} of {len(made_up)} made-up nodules found, {len(made_up) - count} missed; "
        f"{len(false)} mark{'' if len(false) == 1 else 's'} on nothing."
    )
    for nodule, mark in zip(made_up, hit, strict=True):
        truth = f"{nodule['id']}, {nodule['kind']}, {nodule['diameter_mm']:.1f} mm, {nodule['volume_mm3']:.0f} mm³"
        yield f"  {truth}: {'missed' if mark is None else describe(mark)}"
    for mark in false:
        yield f"  no made-up nodule here: {describe(mark)}"


def describe(nodule: Mapping[str, Any]) -> str:
    """One line about a nodule of findings.json."""
    diameters = nodule["diameters_mm"]
    return (
        f"{nodule['label']}: {diameters['mean']:.1f} mm, {nodule['volume_mm3']:.0f} mm³, {nodule['composition']}, "
        f"{nodule['side']} lung, score {nodule['score']:.2f}"
    )


def _stay(afterwards: Afterwards, running: Installation, study_uid: str, tell: Tell) -> None:
    match afterwards:
        case Afterwards.EXIT:
            return
        case Afterwards.SERVE:
            _tell_addresses(running, tell)
            tell("Running until Ctrl-C.")
            _wait_for_interrupt()
        case Afterwards.VIEWER:
            _tell_addresses(running, tell)
            _view(running.orthanc, study_uid, tell)


def _tell_addresses(running: Installation, tell: Tell) -> None:
    orthanc = running.orthanc
    tell("")
    tell(f"  C-STORE   {orthanc.ae_title}@127.0.0.1:{orthanc.dicom_port}")
    tell(f"  Orthanc   {orthanc.url}  (user {orthanc.username}, password {orthanc.password})")
    tell(f"  service   {running.service.url}  (any user, password {running.service.token})")


def _wait_for_interrupt() -> None:
    try:
        while True:
            time.sleep(REMINDER_S)
    except KeyboardInterrupt:
        return


def _view(orthanc: OrthancAddress, study_uid: str, tell: Tell) -> None:
    """Serves OHIF until Ctrl-C."""
    tell("Fetching the OHIF viewer (50 MB, once) ...")
    dist = ohif_dist(Path.cwd() / ".cache" / "viewer")
    pacs = DicomWebServer(orthanc.dicomweb_url, orthanc.username, orthanc.password)
    (port,) = free_ports(1)
    tell(f"  viewer    http://127.0.0.1:{port}{study_path(study_uid)}")
    tell("Open it in a browser. Running until Ctrl-C.")
    uvicorn.run(viewer_app(dist, pacs), host="127.0.0.1", port=port, log_level="warning")
