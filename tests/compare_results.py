"""Compares two result folders of `lungcad analyze`: `python -m tests.compare_results BEFORE AFTER [BEFORE AFTER ...]`.

Equal must be findings.json without times, the file names, and of every DICOM object its identity, its tracking UIDs and
its pixels. Words may differ, and are counted. Exits with 1 when anything else differs.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

TIMES = {"timings_s", "started", "seconds"}
"""Names in findings.json that hold a time of day or a duration."""

IDENTITY = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
CLOCK = {"DA", "TM", "DT"}
PDF_LENGTH = "EncapsulatedDocumentLength"
"""Depends on the digits of the time of day that the page prints."""

TEXT = {"UT", "LT", "ST", "LO", "UC"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two folders, and in how many places words do."""

    differences: tuple[str, ...]
    words: int


def compare(before: Path, after: Path) -> Comparison:
    """Compares two result folders."""
    names = [
        {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} for folder in (before, after)
    ]
    differences = [f"only in one folder: {name}" for name in sorted(names[0] ^ names[1])]
    words = 0
    for name in sorted(names[0] & names[1]):
        if name.endswith(".json"):
            differences += [f"{name}: {line}" for line in _json_differences(before / name, after / name)]
        elif name.endswith(".dcm"):
            pair = (pydicom.dcmread(before / name), pydicom.dcmread(after / name))
            differences += [f"{name}: {line}" for line in _dicom_differences(*pair)]
            words += _differing_words(*pair)
        elif name.endswith(".png") and (before / name).read_bytes() != (after / name).read_bytes():
            differences.append(f"{name}: another picture")
    return Comparison(tuple(differences), words)


def _json_differences(before: Path, after: Path) -> Iterator[str]:
    one, other = (dict(_leaves(json.loads(path.read_text(encoding="utf-8")))) for path in (before, after))
    for path in [*one, *(path for path in other if path not in one)]:
        if one.get(path, "absent") != other.get(path, "absent"):
            yield f"{path}: {one.get(path, 'absent')!r} -> {other.get(path, 'absent')!r}"


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value of a document that is no time, by its path."""
    if isinstance(value, dict):
        yield path, tuple(name for name in value if name not in TIMES)
        for name, part in value.items():
            if name not in TIMES:
                yield from _leaves(part, f"{path}.{name}")
    elif isinstance(value, list):
        yield path, len(value)
        for number, part in enumerate(value):
            yield from _leaves(part, f"{path}[{number}]")
    else:
        yield path, value


def _dicom_differences(before: Dataset, after: Dataset) -> Iterator[str]:
    for keyword in IDENTITY:
        if before.get(keyword) != after.get(keyword):
            yield f"{keyword}: {before.get(keyword)} -> {after.get(keyword)}"
    if list(_tracking_uids(before)) != list(_tracking_uids(after)):
        yield "other tracking UIDs"
    if "PixelData" in before and _digest(before.PixelData) != _digest(after.PixelData):
        yield "other pixels"
    if _values(before) != _values(after):
        yield "other values that are neither words nor times"


def _tracking_uids(dataset: Dataset) -> Iterator[str]:
    """Those of segments, and every UID in the content of a report."""
    for element in dataset.iterall():
        if element.keyword in ("TrackingUID", "UID"):
            yield str(element.value)


def _values(dataset: Dataset) -> list[tuple[str, str]]:
    """Every value but words, times, pixels and documents."""
    left_out = {*CLOCK, *TEXT, "SQ", "OB", "OW"}
    return [
        (element.keyword, str(element.value))
        for element in dataset.iterall()
        if element.VR not in left_out and element.keyword != PDF_LENGTH
    ]


def _differing_words(before: Dataset, after: Dataset) -> int:
    one, other = ([str(e.value) for e in dataset.iterall() if e.VR in TEXT] for dataset in (before, after))
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(folders: Sequence[str]) -> int:
    """Compares the folders pairwise and prints what differs."""
    failed = False
    for before, after in zip(folders[::2], folders[1::2], strict=True):
        found = compare(Path(before), Path(after))
        for line in found.differences:
            print(f"{Path(after).name}: {line}")
        print(f"{Path(after).name}: {len(found.differences)} differences, {found.words} texts in other words")
        failed = failed or bool(found.differences)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
