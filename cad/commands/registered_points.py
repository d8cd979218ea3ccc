"""`lungcad register`: two scans and points of the one → where these lie in the other, as a document."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from cad.domain import FloatArray, LungMask, Registrar, RegistrationQuality, Volume
from cad.errors import Reason, Refusal
from cad.policy import Policy
from cad.report.json.findings import Document
from cad.science.lungs import segment_lungs
from dicom_io.read.images import is_image_file, load_image, load_mask
from dicom_io.read.reading import load_series

COORDINATES = 3


@dataclass(frozen=True, slots=True)
class RegisterOrder:
    """What to register: a DICOM folder, archive or image file each, with its lungs where they are known."""

    fixed: Path
    moving: Path
    fixed_lungs: Path | None = None
    moving_lungs: Path | None = None


def parse_points(text: bytes) -> FloatArray:
    """Points [n, 3] in LPS mm from JSON: a list of [x, y, z], or an object with such a list as `points`.

    Raises ValueError when it is neither.
    """
    found = json.loads(text)
    points = np.array(found.get("points", ()) if isinstance(found, dict) else found, dtype=np.float64)
    if points.size == 0:
        return np.zeros((0, COORDINATES))
    if points.ndim != 2 or points.shape[1] != COORDINATES or not np.isfinite(points).all():
        raise ValueError("points must be a list of [x, y, z]")
    return points


def registered_points(order: RegisterOrder, points: FloatArray, registrar: Registrar, policy: Policy) -> Document:
    """The points [n, 3] (LPS mm) of the fixed scan in the moving one, the quality of the map and the seconds it took.

    `seconds` are those of the registration; `seconds_read` and `seconds_lungs` are named beside it. Raises Refusal.
    """
    started = perf_counter()
    volumes = _volumes(order, policy)
    read = perf_counter()
    fixed, moving = _with_lungs(order, volumes, policy)
    segmented = perf_counter()
    transform = registrar(*fixed, *moving)
    mapped = transform.to_moving(points) if len(points) else points
    done = perf_counter()
    return {
        "points": np.round(mapped, 3).tolist(),
        "quality": quality_document(transform.quality),
        "seconds": round(done - segmented, 3),
        "seconds_read": round(read - started, 3),
        "seconds_lungs": round(segmented - read, 3),
    }


def quality_document(quality: RegistrationQuality) -> Document:
    """The quality as JSON, with rounded figures."""
    figures = asdict(quality)
    cautions = [{"code": caution.code, "text": caution.text} for caution in quality.cautions]
    return {**{name: _rounded(value) for name, value in figures.items()}, "cautions": cautions}


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def load_with_lungs(order: RegisterOrder, policy: Policy) -> list[tuple[Volume, LungMask]]:
    """The fixed and the moving scan, each with its lungs. Raises Refusal."""
    return _with_lungs(order, _volumes(order, policy), policy)


def _volumes(order: RegisterOrder, policy: Policy) -> list[Volume]:
    return [_load(path, policy) for path in (order.fixed, order.moving)]


def _with_lungs(order: RegisterOrder, volumes: list[Volume], policy: Policy) -> list[tuple[Volume, LungMask]]:
    given = (order.fixed_lungs, order.moving_lungs)
    return [(volume, _lungs(volume, path, policy)) for volume, path in zip(volumes, given, strict=True)]


def _load(path: Path, policy: Policy) -> Volume:
    if is_image_file(path):
        return load_image(path, policy.series)
    return load_series([path], policy.series).volume


def _lungs(volume: Volume, given: Path | None, policy: Policy) -> LungMask:
    if given is None:
        return segment_lungs(volume, policy.lungs).lungs
    mask = load_mask(given, volume.grid)
    if not mask.voxels.any():
        raise Refusal(Reason.NO_LUNGS_IN_VIEW, "the mask of the lungs is empty")
    return LungMask(mask.voxels.astype(np.uint8), volume.grid)


def write_document(document: Document, path: Path) -> None:
    """Writes a document as JSON."""
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
