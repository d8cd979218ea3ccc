"""Connected parts, holes, depths and thin parts of a region of voxels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, FloatArray

Box = tuple[slice, slice, slice]


def component_nearest(tissue: BoolArray, away_mm: FloatArray) -> BoolArray | None:
    """The connected part of `tissue` [k, j, i] with the voxel of least `away_mm` [k, j, i]; None without tissue."""
    labels, count = ndimage.label(tissue)
    if count == 0:
        return None
    nearest = int(np.where(tissue, away_mm, np.inf).argmin())
    component: BoolArray = labels == labels.flat[nearest]
    return component


def without_holes(inside: BoolArray) -> BoolArray:
    """The region [k, j, i] with its holes and cavities: what is enclosed in space or within an axial slice."""
    filled = inside.copy()
    box = box_around(inside, 0)
    connected_in_slice = ndimage.generate_binary_structure(3, 1)
    connected_in_slice[[0, 2]] = False
    for structure in (ndimage.generate_binary_structure(3, 1), connected_in_slice):
        pads = ((1, 1) if structure[0].any() else (0, 0), (1, 1), (1, 1))
        outside, _ = ndimage.label(np.pad(~filled[box], pads, constant_values=True), structure)
        beyond = np.unique(outside[:, 0, 0])
        within = outside[1:-1, 1:-1, 1:-1] if structure[0].any() else outside[:, 1:-1, 1:-1]
        filled[box] = ~np.isin(within, beyond[beyond > 0])
    return filled


def box_around(inside: BoolArray, margin: int) -> Box:
    """The bounding box of a region [k, j, i] with `margin` voxels around it, within the array."""
    bounds = []
    for axis in range(3):
        hit = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        bounds.append(slice(max(int(hit[0]) - margin, 0), min(int(hit[-1]) + 1 + margin, inside.shape[axis])))
    return bounds[0], bounds[1], bounds[2]


def depth_of(inside: BoolArray, sampling: tuple[float, float, float]) -> FloatArray:
    """Distance [k, j, i] of each voxel inside to the nearest outside, in units of `sampling`.

    Voxels beyond the array count as outside.
    """
    depth: FloatArray = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    return depth
