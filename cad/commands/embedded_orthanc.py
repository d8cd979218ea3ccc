"""A private Orthanc for demonstrations and tests: own folder, free loopback ports, a password made for the run."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from cad.errors import Unavailable

AE_TITLE = "ORTHANC"
USERNAME = "lungcad"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
PLUGIN_FOLDER = Path("/usr/share/orthanc/plugins")
PLUGINS = ("libOrthancDicomWeb.so", "libOrthancPython.so", "libOrthancGdcm.so")
START_TIMEOUT_S = 60.0
"""Orthanc answers after about half a second; a loaded machine may need much longer."""
STOP_TIMEOUT_S = 15.0
"""Orthanc closes its database in a second or two."""
POLL_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class OrthancAddress:
    """Where an embedded Orthanc listens and how to log in."""

    http_port: int
    dicom_port: int
    password: str = field(repr=False)
    username: str = USERNAME
    ae_title: str = AE_TITLE

    @property
    def url(self) -> str:
        """The root of its REST API."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dicomweb_url(self) -> str:
        """The root of its DICOMweb API."""
        return f"{self.url}/dicom-web"


@dataclass(frozen=True, slots=True)
class OrthancSetup:
    """What an embedded Orthanc runs with.

    `plugin` is the Python script it loads, `environment` is added to its own (the plug-in reads its settings
    there), `stable_age_s` is how long a series must rest before Orthanc calls it stable.
    """

    plugin: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stable_age_s: int = 3


def find_orthanc() -> Path | None:
    """The Orthanc executable of this machine, or None."""
    found = shutil.which("Orthanc", path=SYSTEM_PATH)
    return Path(found) if found else None


def new_address() -> OrthancAddress:
    """An address on two loopback ports that are free now."""
    http_port, dicom_port = free_ports(2)
    return OrthancAddress(http_port, dicom_port, secrets.token_urlsafe(16))


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different TCP ports of the loopback address that nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for door in held:
            door.bind(("127.0.0.1", 0))
        return tuple(int(door.getsockname()[1]) for door in held)
    finally:
        for door in held:
            door.close()


def configuration(address: OrthancAddress, folder: Path, setup: OrthancSetup) -> dict[str, object]:
    """The content of Orthanc's configuration file.

    "BuiltinDecoderTranscoderOrder" is "Before" because orthanc-gdcm 1.5 crashes Orthanc 1.10 on a JPEG-LS transcode
    when it comes first.
    """
    plugins = [str(PLUGIN_FOLDER / name) for name in PLUGINS if (PLUGIN_FOLDER / name).exists()]
    options: dict[str, object] = {
        "Name": "lungcad demonstration",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": address.http_port,
        "DicomPort": address.dicom_port,
        "DicomAet": address.ae_title,
        "DicomCheckCalledAet": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {address.username: address.password},
        "StableAge": setup.stable_age_s,
        "OverwriteInstances": True,
        "DefaultEncoding": "Utf8",
        "BuiltinDecoderTranscoderOrder": "Before",
        "Plugins": plugins,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "StudiesMetadata": "Full", "SeriesMetadata": "Full"},
    }
    if setup.plugin is not None:
        options["PythonScript"] = str(setup.plugin.resolve())
        options["PythonVerbose"] = False
    return options


@contextmanager
def embedded_orthanc(address: OrthancAddress, folder: Path, setup: OrthancSetup) -> Iterator[OrthancAddress]:
    """Runs Orthanc at `address` with its data in `folder` until the block ends.

    Raises Unavailable when Orthanc is not installed or does not come up.
    """
    executable = find_orthanc()
    if executable is None:
        raise Unavailable("pacs", "Orthanc is not installed (Debian: orthanc)")
    folder.mkdir(parents=True, exist_ok=True)
    config_path = folder / "orthanc.json"
    config_path.touch(mode=0o600)
    config_path.write_text(json.dumps(configuration(address, folder, setup), indent=2))
    with (folder / "orthanc.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own executable and configuration
            [str(executable), str(config_path)], cwd=folder, stdout=log, stderr=log, env=_environment(setup)
        )
        try:
            _wait_until_it_answers(process, address, folder / "orthanc.log")
            yield address
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process: politely, then, after `STOP_TIMEOUT_S`, for certain."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment(setup: OrthancSetup) -> dict[str, str]:
    """This process's environment without a Python path: our package `orthanc` would hide Orthanc's own module."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return inherited | dict(setup.environment)


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: OrthancAddress, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable("pacs", f"Orthanc ended with status {process.returncode}; its log is {log}")
        if _answers(address):
            return
        time.sleep(POLL_INTERVAL_S)
    raise Unavailable("pacs", f"Orthanc did not answer within {START_TIMEOUT_S:.0f} s; its log is {log}")


def _answers(address: OrthancAddress) -> bool:
    try:
        answer = requests.get(f"{address.url}/system", auth=(address.username, address.password), timeout=2)
    except (requests.ConnectionError, requests.Timeout):
        return False
    return answer.ok
