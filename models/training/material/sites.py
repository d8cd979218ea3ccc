"""Places in a scan where nodules are put: by the anatomy that surrounds them.

Arrays are [k, j, i] on the 1 mm working grid, k towards the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, Int16Array, UInt8Array

SHARES: Mapping[str, float] = {
    "parenchyma": 0.20,
    "border": 0.27,
    "vessel": 0.20,
    "fissure": 0.07,
    "apex": 0.07,
    "base": 0.11,
    "hilum": 0.08,
}
"""How often a nodule is put into each kind of place; kinds that a scan lacks fall to the parenchyma."""

SITES_KEPT = 30_000
BORDER_DEPTH_MM = 14.0
APEX_SHARE, BASE_DEPTH_MM, HILUM_REACH_MM = 0.15, 18.0, 45.0
VESSEL_SMOOTHING_MM, VESSEL_HU, SMALLEST_VESSEL, FISSURE_DEPTH_MM = 0.8, -700.0, 10, 14.0


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Voxels [n, 3] by kind of place, and the depth [n] in mm below the lung's surface of those of kind "border"."""

    voxels: Mapping[str, Int16Array]
    border_depth_mm: Float32Array


def sites_of(hu: Int16Array, lungs: UInt8Array, seed: int) -> Sites:
    """Up to 30,000 voxels of each kind of place in one scan `hu` [k, j, i]; `lungs` [k, j, i] is 0 outside."""
    inside = lungs > 0
    rng = np.random.default_rng(seed)
    depth = np.asarray(ndimage.distance_transform_edt(inside), dtype=np.float32)
    border = _drawn(inside & (depth <= BORDER_DEPTH_MM), rng)
    near_vessel = ndimage.binary_dilation(inside & (hu > -500), iterations=3) & inside & (depth > 4)
    kinds = {
        "parenchyma": inside,
        "vessel": near_vessel,
        "fissure": _near_fissure(hu, inside),
        "apex": _apical(inside),
        "base": _basal(inside),
        "hilum": _perihilar(inside),
    }
    voxels = {kind: _drawn(mask, rng) for kind, mask in kinds.items()} | {"border": border}
    return Sites(voxels, depth[tuple(border.T)])


def draw_site(sites: Sites, diameter_mm: float, rng: np.random.Generator) -> tuple[int, int, int]:
    """A place for a nodule of the diameter; at the border its centre lies between 0.15 and 1.1 radii deep."""
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    voxels = sites.voxels[kind]
    if not len(voxels):
        kind, voxels = "parenchyma", sites.voxels["parenchyma"]
    n = int(rng.integers(len(voxels)))
    if kind == "border":
        tries = rng.integers(len(voxels), size=40)
        radii = sites.border_depth_mm[tries] / (diameter_mm / 2)
        fit = tries[(radii > 0.15) & (radii < 1.1)]
        n = int(fit[0]) if len(fit) else n
    k, j, i = voxels[n]
    return int(k), int(j), int(i)


def _drawn(mask: BoolArray, rng: np.random.Generator) -> Int16Array:
    flat = np.flatnonzero(mask)
    picked = rng.permutation(flat)[:SITES_KEPT] if len(flat) < 4 * SITES_KEPT else rng.choice(flat, SITES_KEPT)
    return np.stack(np.unravel_index(picked, mask.shape), axis=1).astype(np.int16)


def _apical(inside: BoolArray) -> BoolArray:
    """The top 15 % of the lungs' height."""
    heights = np.flatnonzero(inside.any(axis=(1, 2)))
    mask = np.zeros_like(inside)
    if len(heights):
        cut = int(np.quantile(heights, 1 - APEX_SHARE))
        mask[cut:] = inside[cut:]
    return mask


def _basal(inside: BoolArray) -> BoolArray:
    """Within 18 mm above the lowest lung voxel of a column: over the diaphragm and in the costophrenic recess."""
    lowest = np.argmax(inside, axis=0)
    k = np.arange(inside.shape[0])[:, None, None]
    return np.asarray(inside & (k - lowest[None] < BASE_DEPTH_MM))


def _perihilar(inside: BoolArray) -> BoolArray:
    """Within 45 mm of the middle of the mediastinum, which lies between both lungs at mid-height."""
    heights = np.flatnonzero(inside.any(axis=(1, 2)))
    if not len(heights):
        return np.zeros_like(inside)
    middle = ndimage.center_of_mass(inside[heights[0] : heights[-1] + 1])
    axes = np.ogrid[tuple(slice(0, n) for n in inside.shape)]
    k, j, i = (np.asarray(a, dtype=np.float32) for a in axes)
    reach = (
        ((k - heights[0] - middle[0]) / 50) ** 2
        + ((j - middle[1]) / HILUM_REACH_MM) ** 2
        + ((i - middle[2]) / (1.6 * HILUM_REACH_MM)) ** 2
    )
    return np.asarray(inside & (reach < 1))


def _near_fissure(hu: Int16Array, inside: BoolArray) -> BoolArray:
    """The tenth of the deep lung that is farthest from vessels: the bands free of vessels along the fissures."""
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), VESSEL_SMOOTHING_MM)[::2, ::2, ::2]
    lung = inside[::2, ::2, ::2]
    labels, count = ndimage.label(lung & (smooth > VESSEL_HU), np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    vessels = (sizes > SMALLEST_VESSEL)[labels]
    away = 2 * ndimage.distance_transform_edt(lung & ~vessels)
    deep = 2 * ndimage.distance_transform_edt(lung) > FISSURE_DEPTH_MM
    if not deep.any():
        return np.zeros_like(inside)
    band = deep & (away > np.quantile(away[deep], 0.9))
    full = np.repeat(np.repeat(np.repeat(band, 2, 0), 2, 1), 2, 2)
    return np.asarray(inside & full[: inside.shape[0], : inside.shape[1], : inside.shape[2]])
