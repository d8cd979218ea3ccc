"""The network that says where masses lie: a chest at 3 mm → the share of each cell that is mass.

A mass of 30 to 100 mm is larger than what a detector of nodules was taught, and on the mediastinum, hilum or diaphragm
no threshold tells it from them. The network learnt chests with masses of real shape put against all of these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from cad.domain import (
    BoolArray,
    Float32Array,
    FloatArray,
    Int16Array,
    LungMask,
    NoduleMask,
    SeenMass,
    UInt8Array,
    Volume,
)
from models.lungs.network import LungNet, logits_of
from models.running.resample import cell_means, cells_of, lung_bounds

SPACING_MM = 3.0
MARGIN_MM = 36.0
"""How far around the lungs the image is looked at: a mass may have been left out of them."""

CLOSED_CELLS = 8
"""The lungs are closed over 48 mm, for a mass on their border may not be among them."""

LEAST_SHARE = 0.5
SMALLEST_ML = 9.0
"""A ball of 26 mm; what is smaller is a nodule, which the detector shows better."""

SURE = 0.85
"""From this share on a cell is mass also where it holds air: a cavity. Below it the image draws the border to the lung.
"""

HALF_WAY_HU = -400.0
"""Half-way from lung to soft tissue."""


@dataclass(frozen=True, slots=True, eq=False)
class CoarseChest:
    """A box of a chest in cells of about 3 mm: `hu` float32 and `lungs` uint8 [k, j, i]; `start` is its first voxel in
    the volume, `factors` the cell's sides in voxels."""

    hu: Float32Array
    lungs: UInt8Array
    start: tuple[int, int, int]
    factors: FloatArray

    def cells_of(self, voxels: FloatArray) -> FloatArray:
        """Voxel indices [n, 3] of the volume as indices of cells."""
        cells: FloatArray = (voxels - self.start + 0.5) / self.factors - 0.5
        return cells


def coarse_chest(volume: Volume, lungs: LungMask) -> CoarseChest:
    """The lungs' surroundings at 3 mm."""
    start, end = lung_bounds(lungs, MARGIN_MM)
    box = tuple(slice(a, b) for a, b in zip(start, end, strict=True))
    hu, labels = volume.hu[box], lungs.labels[box]
    size = cells_of(hu.shape, volume.grid.spacing_kji_mm, SPACING_MM)
    means = cell_means((plane.astype(np.float32) for plane in hu), size)
    lung = np.zeros(size, dtype=np.uint8)
    for side in (LungMask.RIGHT, LungMask.LEFT):
        lung[cell_means(((plane == side).astype(np.float32) for plane in labels), size) >= 0.5] = side
    return CoarseChest(means, lung, start, np.array(hu.shape) / np.array(size))


def closed(lungs: UInt8Array, cells: int) -> BoolArray:
    """Lungs [k, j, i], labelled by side, each closed over twice so many cells of what lies on its border."""
    whole = np.zeros(lungs.shape, dtype=np.bool_)
    for side in (LungMask.RIGHT, LungMask.LEFT):
        padded = np.pad(lungs == side, cells)
        filled = ndimage.binary_closing(padded, iterations=cells)[tuple(slice(cells, -cells) for _ in range(3))]
        whole |= filled & ((lungs == 0) | (lungs == side))
    return whole


def find_masses(network: LungNet, volume: Volume, lungs: LungMask) -> tuple[SeenMass, ...]:
    """The masses in or on the lungs of a volume, the surest first."""
    chest = coarse_chest(volume, lungs)
    share = mass_shares(network, chest.hu)
    pieces, count = ndimage.label((share >= LEAST_SHARE) & closed(chest.lungs, CLOSED_CELLS))
    cell_ml = float(np.prod(chest.factors) * volume.grid.voxel_volume_mm3) / 1000
    sizes = np.bincount(pieces.ravel(), minlength=count + 1) * cell_ml
    found = []
    for label, box in enumerate(ndimage.find_objects(pieces), start=1):
        if box is not None and sizes[label] >= SMALLEST_ML:
            part = pieces[box] == label
            score = float(share[box][part].mean())
            found.append(SeenMass(_at_source(volume, chest, share, (part, box)), score))
    return tuple(sorted(found, key=lambda m: -m.score))


def mass_shares(network: LungNet, hu: Float32Array) -> Float32Array:
    """How much of each cell of a chest `hu` [k, j, i] at 3 mm is mass, float32 [k, j, i] in 0..1."""
    return np.ascontiguousarray(torch.sigmoid(logits_of(network, torch.from_numpy(hu))[0]).numpy())


Piece = tuple[BoolArray, tuple[slice, ...]]


def _at_source(volume: Volume, chest: CoarseChest, share: Float32Array, piece: Piece) -> NoduleMask:
    """The piece on the source grid: as the network says, and at air as the image says."""
    part, box = piece
    spans, low = [], []
    for axis, cells in enumerate(box):
        first, last = max(0, cells.start - 2), min(share.shape[axis], cells.stop + 2)
        ends = [chest.start[axis] + round(c * chest.factors[axis]) for c in (first, last)]
        low.append(first)
        spans.append(slice(ends[0], min(ends[1], volume.hu.shape[axis])))
    near = np.zeros([min(n, c.stop + 2) - f for n, c, f in zip(share.shape, box, low, strict=True)], dtype=np.bool_)
    near[tuple(slice(c.start - f, c.stop - f) for c, f in zip(box, low, strict=True))] = part
    near = ndimage.binary_dilation(near, iterations=2)
    here = np.where(near, share[tuple(slice(f, f + n) for f, n in zip(low, near.shape, strict=True))], 0)
    hu: Int16Array = volume.hu[tuple(spans)]
    fine = F.interpolate(torch.from_numpy(here)[None, None], size=hu.shape, mode="trilinear")[0, 0].numpy()
    voxels = _drawn(fine, hu)
    return NoduleMask(voxels, (spans[0].start, spans[1].start, spans[2].start), volume.grid)


def _drawn(share: Float32Array, hu: Int16Array) -> BoolArray:
    """Which voxels [k, j, i] are mass: those of more than half where the network is unsure or the neighbour is as
    dense, and where it is air up to the half-way attenuation."""
    dense = hu > HALF_WAY_HU
    voxels: BoolArray = (share >= LEAST_SHARE) & dense | (share >= SURE)
    pieces, count = ndimage.label(voxels)
    if count > 1:
        voxels = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return voxels
