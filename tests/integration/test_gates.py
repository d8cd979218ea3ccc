"""Gates that bite: each is fed one bad file in a copy of the project and refuses it, naming the file or the rule."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.places import ROOT

PACKAGES = ("cad", "dicom_io", "models", "orthanc")
NOT_CODE = shutil.ignore_patterns("__pycache__", "weights", "cards", "static", "fonts")

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Offence:
    """A bad file: where it goes, what it says, which gate must refuse it and what the gate must say.

    `contract` is the id of the import contract that it breaks, where the gate is that of the contracts.
    """

    gate: str
    path: str
    text: str
    verdict: str
    contract: str = ""


OFFENCES = {
    "science reads DICOM": Offence(
        "gate-imports", "cad/science/bad.py", "import pydicom\n", "cad.science.bad -> pydicom", "core-is-pure"
    ),
    "the domain reads files": Offence(
        "gate-imports", "cad/geometry.py", "import pathlib\n", "cad.geometry -> pathlib", "core-is-pure"
    ),
    "a module without a place": Offence(
        "gate-imports", "cad/sneaky.py", "import dicom_io\n", "cad.sneaky", "cad-exhaustive"
    ),
    "torch outside models": Offence(
        "gate-imports", "dicom_io/bad.py", "import torch\n", "dicom_io.bad -> torch", "torch-home"
    ),
    "a page that reads DICOM": Offence(
        "gate-imports", "cad/report/pdf/bad.py", "import pydicom\n", "cad.report.pdf.bad -> pydicom", "dicom-home"
    ),
    "a network that reads DICOM": Offence(
        "gate-imports", "models/running/bad.py", "import highdicom\n", "models.running.bad -> highdicom", "dicom-home"
    ),
    "adapters that know each other": Offence(
        "gate-imports", "orthanc/bad.py", "import dicom_io.read.files\n", "orthanc.bad -> dicom_io.read.files", "floors"
    ),
    "stages that know each other": Offence(
        "gate-imports",
        "cad/science/bad.py",
        "import cad.science.lungs\n",
        "cad.science.bad -> cad.science.lungs",
        "stages-independent",
    ),
    "the core calls the service": Offence(
        "gate-imports",
        "cad/science/bad.py",
        "import cad.service.settings\n",
        "cad.science.bad -> cad.service.settings",
        "floors",
    ),
    "forms that know each other": Offence(
        "gate-imports",
        "cad/report/json/bad.py",
        "import cad.report.pictures.colours\n",
        "cad.report.json.bad -> cad.report.pictures.colours",
        "report-rooms",
    ),
    "statements that choose words": Offence(
        "gate-imports",
        "cad/report/statements/bad.py",
        "import cad.report.words.numbers\n",
        "cad.report.statements.bad -> cad.report.words.numbers",
        "report-rooms",
    ),
    "a stage that knows the order of all": Offence(
        "gate-imports",
        "cad/exam/followup/bad.py",
        "import cad.exam.analyze\n",
        "cad.exam.followup.bad -> cad.exam.analyze",
        "exam-order",
    ),
    "an untyped function": Offence(
        "gate-types", "cad/science/bad.py", "def area(a, b):\n    return a * b\n", "bad.py:1"
    ),
    "a wrong type": Offence("gate-types", "tests/bad.py", 'hu: int = "air"\n', "bad.py:1"),
    "a broad except": Offence(
        "gate-rules", "cad/service/bad.py", "try:\n    pass\nexcept Exception:\n    pass\n", "BLE001"
    ),
    "a bare except": Offence("gate-rules", "cad/service/bad.py", "try:\n    pass\nexcept:\n    pass\n", "E722"),
    "a print": Offence("gate-rules", "dicom_io/bad.py", 'print("done")\n', "T201"),
    "a naive clock": Offence(
        "gate-rules", "cad/service/bad.py", "from datetime import datetime\n\nNOW = datetime.now()\n", "DTZ005"
    ),
    "six parameters": Offence(
        "gate-rules", "cad/bad.py", "def six(a: int, b: int, c: int, d: int, e: int, f: int) -> None: ...\n", "PLR0913"
    ),
    "a legacy random generator": Offence(
        "gate-rules", "models/bad.py", "import numpy as np\n\nnp.random.seed(1)\n", "NPY002"
    ),
    "a file that is not formatted": Offence("gate-format", "cad/bad.py", "x = {  'a':1 }\n", "cad/bad.py"),
}

CONTRACTS: dict[str, str] = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
"""The name of each import contract by its id."""


def test_every_import_contract_is_broken_on_purpose() -> None:
    assert {offence.contract for offence in OFFENCES.values() if offence.contract} == set(CONTRACTS)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's code and configuration; mypy's cache comes along, since a cold run takes minutes."""
    copy = tmp_path_factory.mktemp("gates") / "project"
    copy.mkdir()
    for package in (*PACKAGES, "tests", "docker"):
        shutil.copytree(ROOT / package, copy / package, ignore=NOT_CODE)
    for name in ("pyproject.toml", "Makefile"):
        shutil.copy2(ROOT / name, copy / name)
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", copy / ".mypy_cache")
    return copy


def gate(name: str, project: Path) -> subprocess.CompletedProcess[str]:
    """One gate of the Makefile, run on `project` with the tools of this environment."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", name, f"BIN={Path(sys.executable).parent}"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("offence", OFFENCES.values(), ids=OFFENCES.keys())
def test_a_gate_refuses(offence: Offence, pristine: Path) -> None:
    bad = pristine / offence.path
    before = bad.read_text() if bad.exists() else None
    bad.write_text((before or "") + offence.text)
    try:
        outcome = gate(offence.gate, pristine)
    finally:
        if before is None:
            bad.unlink()
        else:
            bad.write_text(before)
    assert outcome.returncode != 0, outcome.stdout
    assert offence.verdict in outcome.stdout + outcome.stderr
    if offence.contract:
        assert f"{CONTRACTS[offence.contract]} BROKEN" in outcome.stdout


BAD_TESTS = {
    "a warning": (
        "import warnings\n\ndef test_warns() -> None:\n    warnings.warn('old', DeprecationWarning)\n",
        "old",
    ),
    "an unknown marker": (
        "import pytest\n\n@pytest.mark.sometimes\ndef test_marked() -> None:\n    pass\n",
        "'sometimes' not found in `markers`",
    ),
    "an expected failure that passes": (
        "import pytest\n\n@pytest.mark.xfail\ndef test_passes() -> None:\n    pass\n",
        "XPASS(strict)",
    ),
}


@pytest.mark.parametrize(("text", "verdict"), BAD_TESTS.values(), ids=BAD_TESTS.keys())
def test_the_test_run_refuses(text: str, verdict: str, tmp_path: Path) -> None:
    bad = tmp_path / "test_bad.py"
    bad.write_text(text)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(bad)]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode != 0, outcome.stdout
    assert verdict in outcome.stdout + outcome.stderr


def test_the_test_run_says_why_it_skipped(tmp_path: Path) -> None:
    (tmp_path / "test_skips.py").write_text(
        "import pytest\n\ndef test_skips() -> None:\n    pytest.skip('no Orthanc here')\n"
    )
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "."]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert "no Orthanc here" in outcome.stdout
    assert "1 skipped" in outcome.stdout.splitlines()[-1]
