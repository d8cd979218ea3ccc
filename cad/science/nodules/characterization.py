"""Candidates → measured nodules, each with all that is measured of it."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import (
    BoolArray,
    Candidate,
    FloatArray,
    Grid,
    LungMask,
    Marks,
    Nodule,
    NoduleMask,
    NoduleReading,
    PointLps,
    Side,
    UInt8Array,
    Volume,
)
from cad.geometry import index_of, mask_of, position_of
from cad.policy import NodulePolicy
from cad.science.nodules.axes import axial_axes
from cad.science.nodules.composition import composition_of
from cad.science.nodules.delineation import Extent, delineate
from cad.science.nodules.measures import measures_of, volume_mm3
from cad.science.nodules.morphology import box_around, depth_of
from cad.science.nodules.window import Window, window_around

TRACKING_NAMESPACE = uuid.UUID("6a0f3d0e-3c55-5d0b-9a5e-8d4c7f1f2b6a")
"""Namespace of tracking UIDs; arbitrary, and never changed, or follow-up of old results would break."""

DRAWN_BLUR = 0.4
"""Smoothing, in voxels of the images, of what is drawn: single voxels of noise do not stick out."""


def characterise(
    volume: Volume, lungs: LungMask, marks: Marks, policy: NodulePolicy, identity_seed: str
) -> tuple[Nodule, ...]:
    """One measured nodule per candidate, in the same order, labelled "Nodule 1", "Nodule 2", ….

    A reading with a certainty of at least `policy.min_certainty` says which tissue is nodule; without one the
    attenuation alone does. Nothing else is dropped than a candidate whose mask overlaps by
    `policy.same_nodule_overlap` of the smaller mask with that of an earlier, better candidate: both are then the same
    lesion. `identity_seed` and the candidate's voxel make the tracking UID.
    """
    nodules: list[Nodule] = []
    for candidate, reading in marks.pairs():
        identity = _Identity(f"Nodule {len(nodules) + 1}", identity_seed)
        trusted = reading if reading is not None and reading.certainty >= policy.min_certainty else None
        window = window_around(volume, lungs, candidate, trusted, policy)
        nodule = _measured(volume, lungs, window, _Mark(candidate, reading, identity), policy)
        if all(_overlap(nodule.mask, other.mask) < policy.same_nodule_overlap for other in nodules):
            nodules.append(nodule)
    return tuple(nodules)


def tracking_uid(identity_seed: str, grid: Grid, centre: PointLps) -> str:
    """The UID "2.25.<UUIDv5 as integer>" (PS3.5 B.2) of a nodule at the voxel nearest to `centre`."""
    k, j, i = (round(v) for v in index_of(grid, centre))
    return f"2.25.{uuid.uuid5(TRACKING_NAMESPACE, f'{identity_seed}|{k},{j},{i}').int}"


@dataclass(frozen=True, slots=True)
class _Identity:
    label: str
    seed: str


@dataclass(frozen=True, slots=True, eq=False)
class _Mark:
    candidate: Candidate
    reading: NoduleReading | None
    identity: _Identity


def _measured(volume: Volume, lungs: LungMask, window: Window, mark: _Mark, policy: NodulePolicy) -> Nodule:
    extent = delineate(window, policy)
    mask = _source_mask(window, extent, volume.grid)
    centre = _centre(mask)
    composition = composition_of(window, extent, policy)
    return Nodule(
        tracking_uid=tracking_uid(mark.identity.seed, volume.grid, mark.candidate.centre),
        label=mark.identity.label,
        centre=centre,
        mask=mask,
        diameters=axial_axes(window, extent.inside, extent.occupancy, volume.grid),
        volume_mm3=volume_mm3(window, extent.occupancy),
        mean_hu=float(volume.hu[mask.slices][mask.voxels].mean()),
        composition=composition,
        side=_side(lungs, centre),
        score=mark.candidate.score,
        delineation=extent.delineation,
        measures=measures_of(window, extent, composition, volume.grid, policy),
        ratings=None if mark.reading is None else mark.reading.ratings,
    )


def _source_mask(window: Window, extent: Extent, grid: Grid) -> NoduleMask:
    """The voxels of the images that are filled most, as many as the volume has: what is drawn is what is reported."""
    k, j, i = window.steps
    box = box_around(extent.occupancy > 0, 2 * max(window.steps))
    whole, part = window.at_source(box)
    filled = ndimage.gaussian_filter(extent.occupancy[box], [DRAWN_BLUR * n for n in window.steps])[part]
    inside = extent.inside[box][part]
    count = max(1, round(volume_mm3(window, extent.occupancy) / grid.voxel_volume_mm3))
    # what the border's half way encloses goes first among voxels that are filled alike
    ranked = filled + inside * np.float32(1e-3)
    voxels = ranked >= np.partition(ranked.ravel(), -min(count, ranked.size))[-min(count, ranked.size)]
    starts = (
        window.offset[0] + whole[0].start // k,
        window.offset[1] + whole[1].start // j,
        window.offset[2] + whole[2].start // i,
    )
    return mask_of(_largest(voxels), starts, grid)


def _largest(voxels: BoolArray) -> BoolArray:
    """The largest part of a region [k, j, i] that hangs together at least by corners."""
    labels, count = ndimage.label(voxels, np.ones((3, 3, 3)))
    largest: BoolArray = labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1
    return largest if count > 1 else voxels


def _centre(mask: NoduleMask) -> PointLps:
    """The centroid of the mask, or its deepest voxel when the centroid is not in it (a bent or hollow nodule)."""
    centroid = ndimage.center_of_mass(mask.voxels)
    if not mask.voxels[tuple(round(v) for v in centroid)]:
        depth = depth_of(mask.voxels, mask.grid.spacing_kji_mm)
        centroid = np.unravel_index(int(depth.argmax()), depth.shape)
    k, j, i = (float(c) + o for c, o in zip(centroid, mask.offset, strict=True))
    return position_of(mask.grid, (k, j, i))


def _side(lungs: LungMask, centre: PointLps) -> Side:
    """The lung whose nearest voxel is closest to the nodule's centre."""
    indices = np.array(index_of(lungs.grid, centre))
    label = _label_near(lungs.labels, lungs.grid, indices)
    return Side.LEFT if label == LungMask.LEFT else Side.RIGHT


def _label_near(labels: UInt8Array, grid: Grid, index_kji: FloatArray) -> int:
    spacing = np.array(grid.spacing_kji_mm)
    for reach_mm in (5.0, 20.0, math.inf):
        reach = np.minimum(reach_mm / spacing, np.array(grid.shape, dtype=np.float64))
        low = np.maximum(np.floor(index_kji - reach), 0).astype(int)
        high = np.maximum(np.ceil(index_kji + reach).astype(int) + 1, low)
        box = labels[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        where = np.argwhere(box)
        if len(where):
            nearest = (((where + low - index_kji) * spacing) ** 2).sum(axis=1).argmin()
            return int(box[tuple(where[nearest])])
    raise AssertionError("a lung mask is never empty")


def _overlap(a: NoduleMask, b: NoduleMask) -> float:
    """Shared voxels as a part of the smaller mask."""
    low = [max(x, y) for x, y in zip(a.offset, b.offset, strict=True)]
    high = [min(x + n, y + m) for x, n, y, m in zip(a.offset, a.voxels.shape, b.offset, b.voxels.shape, strict=True)]
    if any(h <= o for o, h in zip(low, high, strict=True)):
        return 0.0
    boxes = [
        mask.voxels[tuple(slice(first - o, end - o) for first, end, o in zip(low, high, mask.offset, strict=True))]
        for mask in (a, b)
    ]
    return int(np.count_nonzero(boxes[0] & boxes[1])) / min(a.voxel_count, b.voxel_count)
