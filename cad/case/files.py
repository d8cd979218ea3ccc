"""A case's results as files, in a folder that is complete or absent."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from cad.case.case import CaseResult
from cad.case.folders import complete_folder
from cad.case.stopwatch import Stopwatch
from cad.errors import Refusal
from cad.report.json.findings import Document, plain_text, refusal_document, with_timings
from cad.report.pictures.overlay import overlay_pictures
from cad.report.words.languages import words_of
from dicom_io.write.source_images import image_numbers

FINDINGS, REFUSAL = "findings.json", "refusal.json"


@dataclass(frozen=True, slots=True)
class Order:
    """Where the results go, and whether pictures are among them."""

    folder: Path
    images: bool = False


def write_results(result: CaseResult, order: Order, stopwatch: Stopwatch) -> None:
    """Writes every result. `write` in the timings of findings.json is all but its own last write."""
    with complete_folder(order.folder) as partial:
        with stopwatch.stage("write"):
            _write_objects(result, partial)
            (partial / "report.pdf").write_bytes(result.pdf)
            (partial / "report.txt").write_text(plain_text(result.document), encoding="utf-8")
            if order.images:
                _write_overlays(result, partial / "overlay")
        write_json(partial / FINDINGS, with_timings(result.document, stopwatch.seconds()))


def write_refusal(refusal: Refusal, folder: Path) -> None:
    """Writes a folder that holds `refusal.json` and nothing else."""
    with complete_folder(folder) as partial:
        write_json(partial / REFUSAL, refusal_document(refusal))


def write_json(path: Path, document: Document) -> None:
    """Writes a document as readable JSON; a value that JSON does not know is a bug and raises ValueError."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _write_objects(result: CaseResult, folder: Path) -> None:
    single: Sequence[tuple[str, Dataset | None]] = (
        ("sr.dcm", result.objects.sr),
        ("report.dcm", result.objects.page),
        ("seg.dcm", result.objects.seg),
        ("gsps.dcm", result.objects.gsps),
        ("key_objects.dcm", result.objects.key_objects),
    )
    for name, dataset in single:
        if dataset is not None:
            _save(dataset, folder / name)
    images = folder / "key_images"
    images.mkdir()
    for number, dataset in enumerate(result.objects.key_images, start=1):
        _save(dataset, images / f"{number:02d}.dcm")


def _save(dataset: Dataset, path: Path) -> None:
    """Encodes in memory first: pydicom re-raises a disk error without its number."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    path.write_bytes(buffer.getvalue())


def _write_overlays(result: CaseResult, folder: Path) -> None:
    folder.mkdir()
    for name, picture in overlay_pictures(
        result.loaded.volume, result.statements, words_of(result.language), image_numbers(result.loaded)
    ):
        picture.save(folder / name, "PNG")
