"""Nodules of real shape, as opacity maps on a 1 mm grid, from the readers' masks of LIDC-IDRI crops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cad.domain import BoolArray, Float32Array
from cad.geometry import sphere_diameter_mm

MARGIN_MM = 3.0
"""How far an opacity map reaches beyond the readers' outline: spicules and blur live there."""


@dataclass(frozen=True, slots=True, eq=False)
class NoduleShape:
    """One real nodule at 1 mm, centred in its array.

    `solid` float32 [k, j, i] in 0..1 is the readers' outline with a soft edge; `textured` is the image's own
    opacity inside and just around it, with spicules and density variation. `texture` is the readers' mean rating
    (1 ground-glass .. 5 solid), NaN when unrated.
    """

    patient: str
    solid: Float32Array
    textured: Float32Array
    diameter_mm: float
    texture: float


def _signed_distance_2d(mask: BoolArray, pixel_mm: float) -> Float32Array:
    inside = ndimage.distance_transform_edt(mask) * pixel_mm
    outside = ndimage.distance_transform_edt(~mask) * pixel_mm
    return np.asarray(inside - outside, dtype=np.float32)


def _signed_distance(masks: BoolArray, pixel_mm: float, slice_mm: float) -> Float32Array:
    """Slice-wise signed distance, closed by one slice on either side that lies outside by the slice spacing."""
    slices = [_signed_distance_2d(m, pixel_mm) for m in masks]
    first, last = slices[0] - slice_mm, slices[-1] - slice_mm
    stack = np.stack([np.minimum(first, -0.6 * slice_mm), *slices, np.minimum(last, -0.6 * slice_mm)])
    return stack.astype(np.float32)


def _shape(
    image: npt.NDArray[np.uint8], mask: BoolArray, spacing_kji: tuple[float, float, float]
) -> tuple[Float32Array, Float32Array, float]:
    """Solid and textured opacity at 1 mm, and the diameter of the sphere of the same volume."""
    slice_mm, pixel_mm, _ = spacing_kji
    distance = _signed_distance(mask, pixel_mm, slice_mm)
    intensities = np.concatenate([image[:1], image, image[-1:]]).astype(np.float32)
    distance = ndimage.zoom(distance, spacing_kji, order=1, grid_mode=True, mode="nearest")
    intensities = ndimage.zoom(intensities, spacing_kji, order=1, grid_mode=True, mode="nearest")
    solid = np.clip(distance + 0.5, 0, 1)
    ring = (distance > -6) & (distance < -2)
    floor = np.percentile(intensities[ring], 25) if ring.any() else float(intensities.min())
    core = np.percentile(intensities[distance > 0], 75) if (distance > 0).any() else floor + 1
    opacity = np.clip((intensities - floor) / max(core - floor, 20.0), 0, 1.15)
    textured = opacity * np.clip((distance + 2.5) / 1.5, 0, 1)
    diameter = sphere_diameter_mm(float(max(solid.sum(), 1.0)))
    box = ndimage.find_objects((distance > -MARGIN_MM).astype(np.uint8))[0]
    return solid[box].astype(np.float32), textured[box].astype(np.float32), diameter


def read_shapes(crops: Path, min_readers: int) -> Iterator[NoduleShape]:
    """Every nodule of `lidc_crops.npz` that at least `min_readers` marked, masks by half of those readers."""
    with np.load(crops) as archive:
        image, votes, start = archive["image"], archive["votes"], archive["start"]
        nodules, ratings = archive["nodules"], archive["ratings"]
        texture_column = list(archive["rating_columns"]).index("texture")
    for n, record in enumerate(nodules):
        readers = int(record["readers"])
        rows = slice(int(start[n]), int(start[n + 1]))
        mask = votes[rows] >= max(1, (readers + 1) // 2)
        filled = np.flatnonzero(mask.any(axis=(1, 2)))
        if readers < min_readers or not len(filled):
            continue
        span = slice(int(filled[0]), int(filled[-1]) + 1)
        pixel, gap = float(record["pixel_spacing_mm"]), float(record["slice_spacing_mm"])
        solid, textured, diameter = _shape(image[rows][span], mask[span], (gap, pixel, pixel))
        rated = ratings[n, :, texture_column]
        texture = float(rated[rated > 0].mean()) if (rated > 0).any() else float("nan")
        yield NoduleShape(str(record["patient"]), solid, textured, diameter, texture)


def split_by_patient(
    shapes: Sequence[NoduleShape], fraction: float, seed: int
) -> tuple[tuple[NoduleShape, ...], tuple[NoduleShape, ...]]:
    """Shapes for training and for evaluation; no patient is in both."""
    patients = sorted({s.patient for s in shapes})
    order = np.random.default_rng(seed).permutation(len(patients))
    held_out = {patients[n] for n in order[: round(fraction * len(patients))]}
    return (
        tuple(s for s in shapes if s.patient not in held_out),
        tuple(s for s in shapes if s.patient in held_out),
    )
