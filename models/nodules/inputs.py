"""One nodule's surroundings as the channels of the networks that outline and rate it.

The networks learnt from crops whose slices were scaled one by one, so that their HU are lost. What is left
is contrast: how much denser than lung a voxel is, as a part of the soft tissue around and of the nodule itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from skimage.filters import threshold_otsu

from cad.domain import Float32Array, Int16Array, UInt8Array
from cad.geometry import sphere_diameter_mm
from models.nodules.lidc_crops import SIDE

RATED_SIDE = 48
"""Pixels of a slice, along each edge, that the rating networks see: 30 mm and more."""

MIN_PROBABILITY = 0.5
"""Voxels of at least this probability are the nodule."""

MARGIN_SLICES = 1
"""Empty slices added at both ends, so that the networks see where the image ends."""

WINDOW_HU = (-1024, 600)
"""Attenuation is clipped to this; what lies above is bone and metal."""

DENSE_PERCENTILE, DENSE_SHARE, MIN_DENSE_PIXELS, GAIN_RANGE = 90.0, 0.3, 40, (0.5, 2.0)
"""Pixels denser than this share of this percentile tell how neighbouring slices are scaled."""

CORE_MM, CORE_PERCENTILE = 3.0, 90.0
"""What is dense within so many mm of the centre is the nodule's own contrast."""

LEAST_CONTRAST = 0.08
CONTRAST_RANGE = (-0.5, 2.5)

NEAR_MM = 6.0
"""How wide the channel is that says where the centre lies."""


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """Slices around one nodule: `contrast` float32 [k, j, i], 0 for lung and 1 for soft tissue.

    `centre` is the nodule's in voxels (k, j, i); it need not lie on a voxel.
    """

    contrast: Float32Array
    spacing_mm: tuple[float, float, float]
    centre: tuple[float, float, float]


def contrast_of_crop(image: UInt8Array) -> Float32Array:
    """A reader's crop [k, j, i], whose slices were scaled one by one, as contrast: 0 for lung, 1 for soft tissue.

    Each slice's own lung becomes 0. Then, from the middle outwards, each slice is scaled to its neighbour, of which it
    shows nearly the same; then all of them by what is dense in the crop.
    """
    contrast = image - np.array([_lung_level(plane) for plane in image], dtype=np.float32)[:, None, None]
    middle = len(image) // 2
    for k in range(middle + 1, len(image)):
        contrast[k] *= _gain(contrast[k - 1], contrast[k])
    for k in range(middle - 1, -1, -1):
        contrast[k] *= _gain(contrast[k + 1], contrast[k])
    return _scaled(contrast)


def contrast_of_hu(hu: Int16Array) -> Float32Array:
    """Attenuation [k, j, i] around a nodule as contrast: 0 for lung, 1 for the soft tissue that is there."""
    clipped = np.clip(hu, *WINDOW_HU).astype(np.float32)
    return _scaled(clipped - np.float32(_lung_level(clipped)))


def _lung_level(values: npt.NDArray[np.generic]) -> float:
    """The median of what Otsu's threshold calls dark; the least value where all are alike."""
    if values.min() == values.max():
        return float(values.min())
    return float(np.median(values[values <= threshold_otsu(values)]))


def _scaled(contrast: Float32Array) -> Float32Array:
    """Divided by the median of what Otsu's threshold calls bright."""
    if contrast.min() == contrast.max():
        return np.zeros_like(contrast)
    bright = contrast[contrast > threshold_otsu(contrast)]
    level = max(float(np.median(bright)), 1.0)
    return np.asarray(contrast / np.float32(level), dtype=np.float32)


def _gain(reference: Float32Array, plane: Float32Array) -> float:
    """By how much a slice must be multiplied to be as dense as its neighbour where both are dense."""
    dense = [a > DENSE_SHARE * max(float(np.percentile(a, DENSE_PERCENTILE)), 1.0) for a in (reference, plane)]
    both = dense[0] & dense[1]
    if np.count_nonzero(both) < MIN_DENSE_PIXELS:
        return 1.0
    ratio = float(np.exp(np.median(np.log(reference[both] / plane[both]))))
    return min(max(ratio, GAIN_RANGE[0]), GAIN_RANGE[1])


def corner_of(shape: tuple[int, int], centre: tuple[float, float], side: int = SIDE) -> tuple[int, int]:
    """Where `side` x `side` pixels around `centre` (j, i) begin in a slice of `shape`; moved inwards at its edges."""
    j, i = (min(max(round(c) - side // 2, 0), max(n - side, 0)) for c, n in zip(centre, shape, strict=True))
    return j, i


def outline_channels(crop: Crop, shape: tuple[int, int, int]) -> Float32Array:
    """Channels [6, k, j, i] of the outlining network, the crop at the start of `shape` after an empty slice."""
    return _channels(crop, np.exp(_squared_mm(crop) * np.float32(-0.5 / NEAR_MM**2)), shape)


def rating_channels(crop: Crop, outline: Float32Array, shape: tuple[int, int, int]) -> Float32Array:
    """Channels [6, k, j, i] of the rating network; `outline` [k, j, i] is each voxel's probability."""
    return _channels(crop, outline, shape)


def _squared_mm(crop: Crop) -> Float32Array:
    """Squared distance [k, j, i] of each voxel from the centre."""
    k, j, i = (
        ((np.arange(n) - c) * s).astype(np.float32)
        for n, c, s in zip(crop.contrast.shape, crop.centre, crop.spacing_mm, strict=True)
    )
    squared: Float32Array = k[:, None, None] ** 2 + j[None, :, None] ** 2 + i[None, None, :] ** 2
    return squared


def _own_contrast(crop: Crop) -> float:
    """The contrast of the nodule itself: of what is dense at its centre."""
    squared = _squared_mm(crop)
    core = crop.contrast[squared <= max(CORE_MM**2, float(squared.min()))]
    return max(float(np.percentile(core, CORE_PERCENTILE)), LEAST_CONTRAST)


def _channels(crop: Crop, third: Float32Array, shape: tuple[int, int, int]) -> Float32Array:
    channels = np.zeros((6, *shape), dtype=np.float32)
    k, j, i = crop.contrast.shape
    inside = channels[:, MARGIN_SLICES : MARGIN_SLICES + k, :j, :i]
    inside[0] = np.clip(crop.contrast / np.float32(_own_contrast(crop)), *CONTRAST_RANGE)
    inside[1] = 1
    inside[2] = third
    inside[3] = 2 * math.log(crop.spacing_mm[1] / 0.7)
    inside[4] = math.log(crop.spacing_mm[0] / 2.0)
    inside[5] = np.clip(crop.contrast, *CONTRAST_RANGE)
    return channels


def nodule_slices(outline: Float32Array) -> slice:
    """The slices of an outline [k, j, i] that hold some of the nodule: all that the rating networks saw of one."""
    peaks = outline.max(axis=(1, 2))
    filled = np.flatnonzero(peaks >= min(MIN_PROBABILITY, float(peaks.max())))
    return slice(int(filled[0]), int(filled[-1]) + 1)


def rated_part(crop: Crop, outline: Float32Array) -> tuple[Crop, Float32Array]:
    """What the rating networks are given: the nodule's slices, 48 x 48 pixels around it, and its outline [k, j, i]."""
    k = nodule_slices(outline)
    weights = outline[k].sum(axis=0, dtype=np.float64) + 1e-9
    middle = (np.average(np.arange(weights.shape[n]), weights=weights.sum(axis=1 - n)) for n in range(2))
    starts = [
        min(max(round(float(m) - (RATED_SIDE - 1) / 2), 0), max(n - RATED_SIDE, 0))
        for m, n in zip(middle, weights.shape, strict=True)
    ]
    j, i = (slice(start, start + RATED_SIDE) for start in starts)
    centre = (crop.centre[0] - k.start, crop.centre[1] - j.start, crop.centre[2] - i.start)
    return replace(crop, contrast=crop.contrast[k, j, i], centre=centre), outline[k, j, i]


def without_margin(slices: Float32Array, crop: Crop) -> Float32Array:
    """The part of [k, j, i] that `outline_channels` filled with the crop."""
    k, j, i = crop.contrast.shape
    return slices[MARGIN_SLICES : MARGIN_SLICES + k, :j, :i]


def size_facts(outline: Float32Array, spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.float32]:
    """Facts [4] of an outline: logarithms of its volume-equivalent diameter, of its extent in plane and along k, and
    the share of the ball of that extent which it fills.
    """
    inside = outline >= 0.5 if (outline >= 0.5).any() else outline >= outline.max()
    volume = float(np.count_nonzero(inside)) * math.prod(spacing_mm)
    k, j, i = np.nonzero(inside)
    flat = max(np.ptp(j) * spacing_mm[1], np.ptp(i) * spacing_mm[2]) + spacing_mm[1]
    high = np.ptp(k) * spacing_mm[0] + spacing_mm[0]
    diameter = sphere_diameter_mm(volume)
    extent = max(float(flat), float(high))
    facts = [math.log(diameter / 8), math.log(flat / 8), math.log(high / 8), math.log(diameter / extent)]
    return np.array(facts, dtype=np.float32)
