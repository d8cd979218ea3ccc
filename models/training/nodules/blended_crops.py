"""Nodules of real shape blended into real scans, cut like the readers' crops, with lung above and below.

The readers' crops end where the nodule ends. A scan does not, so the outlining network also learns from these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cad.domain import BoolArray, Composition, Float32Array, Int16Array
from models.nodules.lidc_crops import SIDE
from models.running.resample import axis_weights
from models.training.detector.patches import Background
from models.training.material.blend import blend, draw_shape, is_visible, overlap, render
from models.training.material.insertion import KINDS, LOCATIONS, SIZES_MM, Places, places_of, suitable
from models.training.material.shapes import NoduleShape

PIXELS_MM = (0.55, 0.9)
SLICES_MM = (1.0, 1.0, 1.25, 2.0, 2.5, 2.5, 3.0)
ABOVE_MM = (2.0, 12.0)
"""How much of the scan is kept above and below a nodule."""

SIZE_SHARES = (0.3, 0.3, 0.25, 0.15)
READ_ALOUD = 60
"""Half the edge of the box that is cut out of the scan, in mm."""


@dataclass(frozen=True, slots=True, eq=False)
class BlendedCrop:
    """A crop like a reader's: `hu` int16 and `mask` bool [k, j, i]; the patients of the scan and of the shape."""

    patients: tuple[str, str]
    hu: Int16Array
    mask: BoolArray
    spacing_mm: tuple[float, float, float]


def blend_crops(
    backgrounds: Sequence[tuple[str, Background]], shapes: Sequence[NoduleShape], count: int, seed: int
) -> Iterator[BlendedCrop]:
    """`count` crops; backgrounds come with the patient they are of, on the 1 mm working grid."""
    rng = np.random.default_rng(seed)
    places = [places_of(b.hu, b.lungs, seed) for _, b in backgrounds]
    made = 0
    while made < count:
        n = int(rng.integers(len(backgrounds)))
        crop = _blended(backgrounds[n], places[n], shapes, rng)
        if crop is not None:
            made += 1
            yield crop


def _blended(
    scene: tuple[str, Background], places: Places, shapes: Sequence[NoduleShape], rng: np.random.Generator
) -> BlendedCrop | None:
    patient, background = scene
    low, high = SIZES_MM[str(rng.choice(list(SIZES_MM), p=SIZE_SHARES))]
    diameter = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    fit = np.flatnonzero(suitable(places, str(rng.choice(LOCATIONS)), diameter / 2))
    if not len(fit):
        return None
    site = places.voxels[fit[rng.integers(len(fit))]].astype(int)
    shape = draw_shape(shapes, diameter, rng)
    kind: Composition = KINDS[int(rng.integers(len(KINDS)))]
    nodule = render(shape, kind, diameter, background.optics, rng)
    corner = tuple(int(s - n // 2) for s, n in zip(site, nodule.opacity.shape, strict=True))
    box = _box(site)
    hu = background.hu[box].astype(np.float32)
    inner = (corner[0] - box[0].start, corner[1] - box[1].start, corner[2] - box[2].start)
    there, here = overlap(hu.shape, inner, nodule.opacity.shape)
    before = hu[there].copy()
    blend(hu, nodule, inner, background.optics, rng)
    if not is_visible(before, hu[there], nodule.opacity[here]):
        return None
    opacity = np.zeros_like(hu)
    opacity[there] = nodule.opacity[here]
    return _cut((patient, shape.patient), hu, opacity, rng)


def _box(site: Sequence[int]) -> tuple[slice, slice, slice]:
    k, j, i = (slice(max(0, s - READ_ALOUD), s + READ_ALOUD) for s in site)
    return k, j, i


def _cut(
    patients: tuple[str, str], hu: Float32Array, opacity: Float32Array, rng: np.random.Generator
) -> BlendedCrop | None:
    """The box as a scan of a drawn pixel and slice would show it, 64 x 64 pixels around the nodule."""
    spacing = (float(rng.choice(SLICES_MM)), float(rng.uniform(*PIXELS_MM)))
    fine_hu, fine_opacity = (_resampled(a, spacing) for a in (hu, opacity))
    mask = fine_opacity >= 0.5
    if not mask.any():
        return None
    centre = [
        float(np.average(np.arange(n), weights=mask.sum(axis=o))) for n, o in zip(mask.shape, _OTHERS, strict=True)
    ]
    j, i = (round(c + rng.uniform(-2, 2)) - SIDE // 2 for c in centre[1:])
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    below, above = (round(rng.uniform(*ABOVE_MM) / spacing[0]) for _ in range(2))
    rows = slice(max(0, int(filled[0]) - below), int(filled[-1]) + 1 + above)
    truth = mask[rows, j : j + SIDE, i : i + SIDE]
    if min(j, i) < 0 or truth.shape[1:] != (SIDE, SIDE) or len(truth) > SIDE:
        return None
    noise = rng.normal(size=truth.shape, scale=rng.uniform(3, 30)).astype(np.float32)
    part = fine_hu[rows, j : j + SIDE, i : i + SIDE] + noise
    return BlendedCrop(
        patients, np.clip(part, -1024, 3071).astype(np.int16), truth.copy(), (spacing[0], spacing[1], spacing[1])
    )


_OTHERS = ((1, 2), (0, 2), (0, 1))


def _resampled(array: Float32Array, spacing: tuple[float, float]) -> Float32Array:
    steps = (spacing[0], spacing[1], spacing[1])
    k, j, i = (axis_weights(n, int(n / s), s, torch.device("cpu")) for n, s in zip(array.shape, steps, strict=True))
    flat = j @ (torch.from_numpy(array) @ i.T)
    return np.asarray((k @ flat.flatten(1)).reshape(len(k), len(j), len(i)).numpy(), dtype=np.float32)
