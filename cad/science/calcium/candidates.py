"""A heart → the calcified lesions in and around it, bones left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cad.domain import BoolArray, Grid, Heart, Mask, NoduleMask, Volume
from cad.policy import CalciumPolicy

Box = tuple[slice, slice, slice]
Labels = npt.NDArray[np.int32]

JOINED = np.ones((3, 3, 3), dtype=np.bool_)
"""Voxels that touch, also at a corner, are one lesion: a vessel may run a pixel aside from slice to slice."""


def find_lesions(volume: Volume, heart: Heart, policy: CalciumPolicy) -> tuple[NoduleMask, ...]:
    """Connected lesions at or above the threshold near heart and aorta, feet to head.

    Left out is what lies mostly elsewhere, what reaches out of the heart's surroundings (bone), and what is too large.
    """
    box = surroundings(heart, policy.heart_margin_mm + policy.bone_reach_mm)
    if box is None:
        return ()
    labels, _ = ndimage.label(volume.hu[box] >= policy.threshold_hu, structure=JOINED)
    near = _near(heart, box, policy)
    sizes = np.bincount(labels.ravel())
    kept = np.bincount(labels[near], minlength=len(sizes)) >= policy.min_share_near * sizes
    kept &= sizes * volume.grid.voxel_volume_mm3 <= policy.max_lesion_mm3
    kept[_leaving(labels, box, volume.grid.shape[0])] = False
    kept[0] = False
    places, offset = ndimage.find_objects(labels), [part.start for part in box]
    return tuple(_lesion(labels, int(n), places[n - 1], offset, volume.grid) for n in np.flatnonzero(kept))


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


def within(mask: Mask, box: Box, margin_mm: float) -> BoolArray:
    """Which voxels of a box lie in the mask or within a margin of it."""
    voxels = mask.voxels[box]
    if not voxels.any():
        return voxels
    distance = ndimage.distance_transform_edt(~voxels, sampling=mask.grid.spacing_kji_mm)
    return np.asarray(distance <= margin_mm, dtype=np.bool_)


def _near(heart: Heart, box: Box, policy: CalciumPolicy) -> BoolArray:
    near_heart = within(heart.heart, box, policy.heart_margin_mm)
    return near_heart | within(heart.aorta, box, policy.aorta_margin_mm)


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
