"""Whatever an input holds, it is read, or refused with a reason: no crash, in bounded time and memory.

The same seeds every time; `LUNGCAD_FUZZ=2000` in the environment tries so many for each kind instead of a few.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import zipfile
from functools import cache
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from cad.case.patient import clinical_context, parse_patient
from cad.commands.validation_references import BadReference, read_manifest, read_truth
from cad.errors import Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.readback import read_back, reported_series, segmentation_series
from dicom_io.read.reading import LoadedSeries, load_datasets, load_series
from tests.made.series import a_series, save_series
from tests.made.subjects import a_full_nodule, loaded, objects_of, two_nodules
from tests.slow.fuzz.changes import broken_bytes, broken_dataset, broken_json, within_bounds

TRIES, FIRST = (
    int(os.environ.get(name, usual)) for name, usual in (("LUNGCAD_FUZZ", "60"), ("LUNGCAD_FUZZ_FROM", "0"))
)
POLICY = SeriesPolicy()
PATIENT = {
    "age": 64,
    "sex": "female",
    "smoking": {"status": "former", "pack_years": 33.5, "quit_years": 4},
    "family_history_of_lung_cancer": True,
    "emphysema": False,
}
TRUTH = {
    "patient": "A",
    "nodules": [{"centre_lps_mm": [1.0, 2.0, 3.0], "diameter_mm": 7.5, "volume_mm3": 220.0, "ignore": False}],
    "calcium": {"agatston": 120.5},
    "followup": {"nodules": [{"status": "growing", "centre_lps_mm": [1, 2, 3], "prior_centre_lps_mm": [1, 2, 2]}]},
}
pytestmark = pytest.mark.filterwarnings("ignore")


def seeds(kind: str) -> list[random.Random]:
    return [random.Random(f"{kind}-{n}") for n in range(FIRST, FIRST + TRIES)]


@cache
def small_series() -> tuple[Dataset, ...]:
    return tuple(a_series(slices=14, rows=32, columns=40, row_spacing_mm=2.0, column_spacing_mm=2.0))


def test_broken_headers_of_a_folder(tmp_path: Path) -> None:
    for n, rng in enumerate(seeds("headers")):
        series = list(small_series())
        for at in rng.sample(range(len(series)), rng.choice([1, 2, len(series)])):
            series[at] = broken_dataset(series[at], rng)
        folder = tmp_path / str(n)
        folder.mkdir()
        for number, ds in enumerate(series):
            with contextlib.suppress(Exception):  # what pydicom cannot write is nobody's input
                ds.save_as(folder / f"{number}.dcm", enforce_file_format=False)
        with within_bounds(), contextlib.suppress(Refusal):
            load_series([folder], POLICY)


def test_broken_headers_from_a_pacs() -> None:
    for rng in seeds("objects"):
        series = list(small_series())
        for at in rng.sample(range(len(series)), rng.choice([1, 2, len(series)])):
            series[at] = broken_dataset(series[at], rng)
        with within_bounds(), contextlib.suppress(Refusal):
            load_datasets(series, POLICY)


def test_broken_bytes_of_a_folder(tmp_path: Path) -> None:
    folder = save_series(list(small_series()), tmp_path / "series")
    files = sorted(folder.rglob("*.dcm"))
    assert files
    whole = {file: file.read_bytes() for file in files}
    for rng in seeds("bytes"):
        broken = rng.sample(files, rng.choice([1, 3]))
        for file in broken:
            file.write_bytes(broken_bytes(whole[file], rng))
        with within_bounds(), contextlib.suppress(Refusal):
            load_series([folder], POLICY)
        for file in broken:
            file.write_bytes(whole[file])


def test_broken_archives(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, ds in enumerate(small_series()):
            part = io.BytesIO()
            ds.save_as(part, enforce_file_format=False)
            archive.writestr(f"series/{n}.dcm", part.getvalue())
    for rng in seeds("archives"):
        path = tmp_path / "in.zip"
        path.write_bytes(broken_bytes(content.getvalue(), rng))
        with within_bounds(), contextlib.suppress(Refusal):
            load_series([path], POLICY)


@cache
def a_report() -> tuple[LoadedSeries, tuple[Dataset, ...]]:
    source = loaded(a_series())
    first, second = (a_full_nodule(nodule) for nodule in two_nodules(source.volume.grid))
    return source, objects_of(source, (first, second)).all()


def test_broken_reports_and_segmentations() -> None:
    source, objects = a_report()
    for rng in seeds("reports"):
        kept = list(objects)
        for at in rng.sample(range(len(kept)), rng.choice([1, len(kept)])):
            kept[at] = broken_dataset(kept[at], rng)
        with within_bounds():
            found, cautions = read_back(kept, source.series)
            assert found is None or found.nodules is not None
            assert found is None or cautions == ()
            for item in kept:
                reported_series(item)
                segmentation_series(item)


def test_broken_patient_files() -> None:
    text = json.dumps(PATIENT).encode()
    for rng in seeds("patients"):
        with within_bounds(), contextlib.suppress(Refusal):
            parse_patient(broken_bytes(text, rng))
        with within_bounds(), contextlib.suppress(Refusal):
            clinical_context(broken_json(PATIENT, rng))


def test_broken_references(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    manifest = json.dumps(
        [{"series": "a", "truth": "a.json"}, {"series": "b", "truth": "b.json", "prior": "c"}]
    ).encode()
    for rng in seeds("references"):
        path.write_text(json.dumps(broken_json(TRUTH, rng)))
        with within_bounds(), contextlib.suppress(BadReference):
            read_truth(path)
        path.write_bytes(broken_bytes(json.dumps(TRUTH).encode(), rng))
        with within_bounds(), contextlib.suppress(BadReference):
            read_truth(path)
        path.write_bytes(broken_bytes(rng.choice([manifest, b"series,truth\na,a.json\nb,b.json\n"]), rng))
        with within_bounds(), contextlib.suppress(BadReference):
            read_manifest(path)
