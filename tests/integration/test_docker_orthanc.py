"""docker/orthanc.json, started by the Orthanc of this machine with other ports and folders."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from cad.commands.embedded_orthanc import PLUGIN_FOLDER, find_orthanc, free_ports, stop
from tests.places import ROOT

pytestmark = pytest.mark.orthanc

DOCKER = ROOT / "docker"
PATIENCE_S = 120.0
"""Orthanc answers after half a second on an idle machine."""


def options() -> dict[str, Any]:
    """The file's options; Orthanc allows comments in it."""
    text = re.sub(r"^\s*//.*$", "", (DOCKER / "orthanc.json").read_text(), flags=re.MULTILINE)
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_orthanc_takes_the_file_its_plugins_and_the_password_of_the_environment(tmp_path: Path) -> None:
    executable = find_orthanc()
    if executable is None or not all((PLUGIN_FOLDER / Path(name).name).exists() for name in options()["Plugins"]):
        pytest.skip("Orthanc or one of its plug-ins is not installed (Debian: orthanc-dicomweb, -python, -gdcm)")
    http_port, dicom_port = free_ports(2)
    changed = {
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "StorageDirectory": str(tmp_path),
        "IndexDirectory": str(tmp_path),
        "PythonScript": str(DOCKER / "notify_plugin.py"),
    }
    config = tmp_path / "orthanc.json"
    config.write_text(json.dumps(options() | changed))
    environment = {"LUNGCAD_ORTHANC_PASSWORD": "of the environment", "LUNGCAD_NOTIFY_URL": "http://127.0.0.1:9"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([executable, config], cwd=tmp_path, env=environment, stdout=log, stderr=log)
        try:
            plugins = _answer(f"http://127.0.0.1:{http_port}/plugins", process)
        finally:
            stop(process)
    assert {"dicom-web", "gdcm", "python"} <= set(plugins), (tmp_path / "log").read_text()


def _answer(url: str, process: subprocess.Popen[bytes]) -> list[str]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer = requests.get(url, auth=("lungcad", "of the environment"), timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.2)
            continue
        answer.raise_for_status()
        plugins: list[str] = answer.json()
        return plugins
    raise AssertionError(f"Orthanc did not answer (status {process.poll()})")
