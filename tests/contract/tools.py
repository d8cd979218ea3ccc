"""The independent implementations that judge our objects, each behind a function that skips when it is absent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # its own documentation's name
from pydicom.dataset import Dataset

from cad.domain import FloatArray

JAVA_LIMITS = "-Djdk.xml.xpathExprGrpLimit=0 -Djdk.xml.xpathExprOpLimit=0 -Djdk.xml.xpathTotalOpLimit=0"


def tool(name: str) -> str:
    """The path of a program beside this Python or on the PATH; skips the test when there is none."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def save(dataset: Dataset, folder: Path, name: str) -> Path:
    """Writes one object as a DICOM file."""
    path = folder / f"{name}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def run(name: str, *arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a tool and keeps its output; its text may hold any bytes."""
    return subprocess.run(
        [tool(name), *map(str, arguments)],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **(env or {})},
    )


def complaints(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines that report an error, and the exit code when it is not 0."""
    lines = (result.stdout + "\n" + result.stderr).splitlines()
    errors = [line for line in lines if line.startswith(("Error", "E:", "F:"))]
    return errors + ([f"exit code {result.returncode}"] if result.returncode else [])


def dciodvfy(path: Path) -> list[str]:
    """What David Clunie's IOD verifier finds wrong."""
    return complaints(run("dciodvfy", "-new", path))


def dsrdump(path: Path) -> str:
    """The document tree as dcmtk reads it; fails when dcmtk rejects it."""
    result = run("dsrdump", "+U8", path)
    assert complaints(result) == []
    return result.stdout


def tid1500_groups(path: Path) -> list[dict[str, Any]]:
    """The measurement groups that dcmqi reads from a TID 1500 report."""
    output = path.with_suffix(".json")
    result = run("tid1500reader", "--inputDICOM", path, "--outputMetadata", output)
    assert result.returncode == 0, result.stderr
    groups: list[dict[str, Any]] = json.loads(output.read_text(encoding="utf-8"))["Measurements"]
    return groups


def segment_positions(path: Path, folder: Path) -> list[FloatArray]:
    """The LPS positions [n, 3] of the voxels of each segment, as dcmqi writes them for ITK."""
    folder.mkdir()
    result = run(
        "segimage2itkimage", "--inputDICOM", path, "--outputDirectory", folder, "--prefix", "s", "--outputType", "nii"
    )
    assert result.returncode == 0, result.stderr
    images = [sitk.ReadImage(str(found)) for found in sorted(folder.glob("s-*.nii*"), key=_segment_number)]
    return [_positions(image) for image in images]


def _segment_number(path: Path) -> int:
    return int(path.name.split("-")[1].split(".")[0])


def _positions(image: sitk.Image) -> FloatArray:
    voxels = np.argwhere(sitk.GetArrayViewFromImage(image) != 0)[:, ::-1]
    direction = np.array(image.GetDirection()).reshape(3, 3)
    positions: FloatArray = np.array(image.GetOrigin()) + (voxels * np.array(image.GetSpacing())) @ direction.T
    return positions


def dicom_sr_validator(path: Path) -> subprocess.CompletedProcess[str]:
    """PixelMed's template checker; about a minute a file."""
    return run("DicomSRValidator", path, env={"JAVA_TOOL_OPTIONS": JAVA_LIMITS})


def sr_errors(output: str) -> list[str]:
    """What the checker calls errors, but for the chest procedure: CID 100 is a baseline group, so it may be used."""
    errors = [line for line in output.splitlines() if line.startswith("Error")]
    return [line for line in errors if '(24627-2,LN,"CT Chest") not found in context group 100' not in line]


def walk(item: Dataset) -> Iterator[Dataset]:
    yield item
    for child in item.get("ContentSequence", ()):
        yield from walk(child)
