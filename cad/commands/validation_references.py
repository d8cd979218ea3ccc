"""Manifests of `lungcad validate` and the references (`truth.json`) beside series, read and checked."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cad.domain import Artery, PointLps
from cad.qa.froc import Reference
from cad.qa.validation import NOT_ASSESSED, STATUSES, CalciumReading


class BadReference(ValueError):
    """A manifest or a reference that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One series of a manifest with its reference, and an earlier series when follow-up is compared.

    `name` is the series as the manifest has it.
    """

    name: str
    series: Path
    truth: Path
    prior: Path | None = None


@dataclass(frozen=True, slots=True)
class TrueNodule:
    """A reference nodule; `volume_mm3` None: not given."""

    reference: Reference
    volume_mm3: float | None


@dataclass(frozen=True, slots=True)
class TrueFate:
    """What became of a nodule: its status, and where it is now or, when it is gone, where it was."""

    status: str
    centre: PointLps | None
    prior_centre: PointLps | None


@dataclass(frozen=True, slots=True)
class CaseTruth:
    """A reference; None: it says nothing of that part. `patient` groups scans that depend on each other."""

    nodules: tuple[TrueNodule, ...] | None
    calcium: CalciumReading | None
    fates: tuple[TrueFate, ...]
    patient: str


def read_manifest(path: Path) -> tuple[ManifestRow, ...]:
    """The rows of a manifest: CSV with a header, or a JSON list of objects, of `series`, `truth` and perhaps `prior`.

    Paths are relative to the manifest. Raises BadReference when it is neither, or a row has no series or truth.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadReference(f"{path.name} is not text") from None
    rows = list(
        _json_rows(text, path.name) if text.lstrip().startswith(("[", "{")) else csv.DictReader(io.StringIO(text))
    )
    if not rows:
        raise BadReference(f"{path.name} has no row")
    return tuple(_row(row, number, path.parent) for number, row in enumerate(rows, start=1))


def _json_rows(text: str, name: str) -> Iterator[Mapping[str, object]]:
    try:
        rows = json.loads(text)
    except ValueError as problem:
        raise BadReference(f"{name} is not JSON: {problem}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadReference(f"{name} is not a list of objects")
    yield from rows


def _row(row: Mapping[str, object], number: int, folder: Path) -> ManifestRow:
    def path_of(name: str) -> Path | None:
        value = row.get(name)
        return folder / value.strip() if isinstance(value, str) and value.strip() else None

    series, truth = path_of("series"), path_of("truth")
    if series is None or truth is None:
        raise BadReference(f"row {number} of the manifest has no series or no truth")
    return ManifestRow(str(row["series"]).strip(), series, truth, path_of("prior"))


def read_truth(path: Path) -> CaseTruth:
    """The reference in a file. Raises BadReference when it is absent or not understood."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise BadReference(f"{path.name} cannot be read: {problem.__class__.__name__}") from None
    if not isinstance(document, dict):
        raise BadReference(f"{path.name} is not an object")
    try:
        return truth_of(document)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise BadReference(f"{path.name} is not understood: {problem}") from None


def truth_of(document: Mapping[str, object]) -> CaseTruth:
    """The reference of a document. Raises KeyError, TypeError, ValueError or AttributeError for other shapes."""
    nodules, calcium, followup = (document.get(name) for name in ("nodules", "calcium", "followup"))
    return CaseTruth(
        nodules=None if nodules is None else tuple(_nodule(one) for one in _objects(nodules)),
        calcium=None if calcium is None else _calcium(_object(calcium)),
        fates=() if followup is None else tuple(_fate(one) for one in _objects(_object(followup)["nodules"])),
        patient=str(document.get("patient", "")),
    )


def _nodule(said: Mapping[str, object]) -> TrueNodule:
    volume = said.get("volume_mm3")
    reference = Reference(
        _point(said["centre_lps_mm"]),
        _number(said["diameter_mm"], least=0.1),
        bool(said.get("ignore", False)),
        str(said.get("kind", "")),
        str(said.get("location", "")),
    )
    return TrueNodule(reference, None if volume is None else _number(volume, least=0.01))


def _calcium(said: Mapping[str, object]) -> CalciumReading:
    """`{"agatston": x, "arteries": {"LAD": y, ...}}`; an artery may be an object with `agatston` of its own."""
    if said.get("status") == NOT_ASSESSED:
        return CalciumReading(None, {})
    arteries = {Artery(name): _artery(score) for name, score in _object(said.get("arteries") or {}).items()}
    total = said.get("agatston")
    if total is None and len(arteries) < len(Artery):
        raise ValueError("calcium has neither a total nor all four arteries")
    return CalciumReading(sum(arteries.values()) if total is None else _number(total), arteries)


def _artery(score: object) -> float:
    return _number(score["agatston"] if isinstance(score, dict) else score)


def _fate(said: Mapping[str, object]) -> TrueFate:
    status = str(said["status"])
    if status not in STATUSES:
        raise ValueError(f"status {status!r} is none of {', '.join(STATUSES)}")
    centres = (said.get(name) for name in ("centre_lps_mm", "prior_centre_lps_mm"))
    now, then = (None if centre is None else _point(centre) for centre in centres)
    if now is None and then is None:
        raise ValueError("a nodule of the follow-up has no place")
    return TrueFate(status, now, then)


def _objects(value: object) -> Sequence[Mapping[str, object]]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} in place of a list")
    return [_object(one) for one in value]


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} in place of an object")
    return value


def _number(value: object, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        raise ValueError(f"{value!r} is not a number of at least {least:g}")
    return float(value)


def _point(value: object) -> PointLps:
    if not isinstance(value, list) or len(value) != 3:
        raise TypeError(f"{value!r} is not a position")
    x, y, z = (float(part) for part in value)
    return PointLps(x, y, z)
