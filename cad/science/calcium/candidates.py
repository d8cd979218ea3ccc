"""A heart → the calcified lesions in and around it, bones left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import KDTree

from cad.domain import BoolArray, Grid, Heart, Mask, NoduleMask, Volume
from cad.policy import CalciumPolicy

Box = tuple[slice, slice, slice]
Labels = npt.NDArray[np.int32]
Indices = npt.NDArray[np.intp]

JOINED = np.ones((3, 3, 3), dtype=np.bool_)
"""Voxels that touch, also at a corner, are one lesion: a vessel may run a pixel aside from slice to slice."""


def find_lesions(volume: Volume, heart: Heart, policy: CalciumPolicy) -> tuple[NoduleMask, ...]:
    """Connected lesions at or above the threshold near heart and aorta, feet to head.

    Left out is what lies mostly elsewhere, what reaches out of the heart's surroundings (bone), and what is too large.
    """
    box = surroundings(heart, policy.heart_margin_mm + policy.bone_reach_mm)
    if box is None:
        return ()
    return _lesions(volume, box, lambda voxels: _is_near_heart(voxels, heart, policy), policy)


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Where lesions are looked for: a box about heart and aorta, and which of its voxels lie near one of them."""

    box: Box
    near: BoolArray


def region_of(heart: Heart, policy: CalciumPolicy) -> Region | None:
    """The region of a heart, to look for lesions in many images of it; None when its masks are empty."""
    box = surroundings(heart, policy.heart_margin_mm + policy.bone_reach_mm)
    if box is None:
        return None
    shape = tuple(part.stop - part.start for part in box)
    voxels = np.indices(shape).reshape(3, -1).T + [part.start for part in box]
    return Region(box, _is_near_heart(voxels, heart, policy).reshape(shape))


def lesions_in(volume: Volume, region: Region, policy: CalciumPolicy) -> tuple[NoduleMask, ...]:
    """What `find_lesions` finds, without looking for the heart's surroundings again."""
    start = [part.start for part in region.box]
    return _lesions(volume, region.box, lambda voxels: region.near[tuple((voxels - start).T)], policy)


def _lesions(
    volume: Volume, box: Box, near: Callable[[Indices], BoolArray], policy: CalciumPolicy
) -> tuple[NoduleMask, ...]:
    labels, _ = ndimage.label(volume.hu[box] >= policy.threshold_hu, structure=JOINED)
    sizes = np.bincount(labels.ravel())
    kept = sizes * volume.grid.voxel_volume_mm3 <= policy.max_lesion_mm3
    kept[_leaving(labels, box, volume.grid.shape[0])] = False
    kept[0] = False
    offset = [part.start for part in box]
    voxels = np.argwhere(kept[labels])
    close = voxels[near(voxels + offset)]
    kept &= np.bincount(labels[tuple(close.T)], minlength=len(sizes)) >= policy.min_share_near * sizes
    places = ndimage.find_objects(labels)
    return tuple(_lesion(labels, int(n), places[n - 1], offset, volume.grid) for n in np.flatnonzero(kept))


def _is_near_heart(voxels: Indices, heart: Heart, policy: CalciumPolicy) -> BoolArray:
    near = is_near(voxels, heart.heart, policy.heart_margin_mm)
    return near | is_near(voxels, heart.aorta, policy.aorta_margin_mm)


def surroundings(heart: Heart, margin_mm: float) -> Box | None:
    """The box of heart and aorta with a margin, within the grid; None when both are empty."""
    (found,) = ndimage.find_objects((heart.heart.voxels | heart.aorta.voxels).astype(np.uint8)) or (None,)
    if found is None:
        return None
    grid = heart.heart.grid
    reach = [int(np.ceil(margin_mm / spacing)) for spacing in grid.spacing_kji_mm]
    k, j, i = (
        slice(max(0, part.start - r), min(n, part.stop + r))
        for part, r, n in zip(found, reach, grid.shape, strict=True)
    )
    return k, j, i


def is_near(voxels: Indices, mask: Mask, margin_mm: float) -> BoolArray:
    """Which voxels [n, 3] (k, j, i) lie in a mask or with their centres within a margin of one of its voxels."""
    inside: BoolArray = mask.voxels[tuple(voxels.T)]
    outside = np.flatnonzero(~inside)
    if len(outside) and mask.voxels.any():
        spacing = np.array(mask.grid.spacing_kji_mm)
        surface = KDTree(_surface(mask.voxels) * spacing)
        distances, _ = surface.query(voxels[outside] * spacing, distance_upper_bound=margin_mm * (1 + 1e-9))
        inside[outside] = np.isfinite(distances)
    return inside


def _surface(inside: BoolArray) -> Indices:
    """Voxels [n, 3] of a mask that have a neighbour outside: no other is nearest to a place outside."""
    (box,) = ndimage.find_objects(inside.astype(np.uint8))
    padded = np.pad(inside[box], 1)
    core = padded[1:-1, 1:-1, 1:-1].copy()
    for axis in range(3):
        for side in (slice(None, -2), slice(2, None)):
            around = [slice(1, -1)] * 3
            around[axis] = side
            core &= padded[tuple(around)]
    return np.asarray(np.argwhere(inside[box] & ~core) + [part.start for part in box], dtype=np.intp)


def _leaving(labels: Labels, box: Box, slices: int) -> list[int]:
    """Labels that touch a side of the box: bones reach out of it, lesions do not.

    The first and the last slice of the scan may cut a lesion, and bound only what runs from one to the other.
    """
    sides = [labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]]
    feet, head = labels[0], labels[-1]
    sides.append(np.intersect1d(feet, head) if box[0].start == 0 else feet)
    sides.append(head if box[0].stop < slices else np.intersect1d(feet, head))
    return [int(label) for label in np.unique(np.concatenate([side.ravel() for side in sides]))]


def _lesion(labels: Labels, label: int, own: Box, offset: Sequence[int], grid: Grid) -> NoduleMask:
    """The lesion of one label, which lies at `own` in the box that starts at `offset`."""
    k, j, i = (int(part.start) + start for part, start in zip(own, offset, strict=True))
    return NoduleMask(labels[own] == label, (k, j, i), grid)
