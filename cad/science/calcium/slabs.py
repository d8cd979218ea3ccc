"""Thin slices → slices of the thickness for which the Agatston score was made.

A new slice is the mean of the old ones over its height, each with the part of its own height that lies in there: with
slices 1.25 mm apart, 3 mm take two whole ones and two fifths of the next. So every series is scored at the same 3 mm,
and nothing is skipped but the last millimetres at the head, where no whole slice is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from cad.domain import FloatArray, Grid, LungMask, NoduleMask, Volume
from cad.geometry import index_of, position_of, stepped_grid
from cad.policy import CalciumPolicy


@dataclass(frozen=True, slots=True, eq=False)
class Slabs:
    """The images that are scored: `volume`, and for every slice of the series the slice of it that holds its centre.

    `slab_of_k` is [slices], with -1 for slices that lie in none. Without averaging it counts the slices.
    """

    volume: Volume
    slab_of_k: tuple[int, ...]
    series_grid: Grid

    @property
    def are_averaged(self) -> bool:
        """Whether the slices were averaged."""
        return self.volume.grid.shape != self.series_grid.shape

    def on_series(self, lesion: NoduleMask) -> NoduleMask:
        """A lesion of the averaged slices on the grid of the series: each of its slices shows what was scored there."""
        if not self.are_averaged:
            return lesion
        slabs = np.array(self.slab_of_k) - lesion.offset[0]
        own = np.flatnonzero((slabs >= 0) & (slabs < lesion.voxels.shape[0]))
        voxels = lesion.voxels[slabs[own]]
        return NoduleMask(voxels, (int(own[0]), *lesion.offset[1:]), self.series_grid)

    def lungs(self, lungs: LungMask | None) -> LungMask | None:
        """Lungs of the series on the averaged slices, as the slice nearest to the middle of each shows them."""
        if lungs is None or not self.are_averaged:
            return lungs
        slabs = range(self.volume.grid.shape[0])
        middles = [index_of(self.series_grid, position_of(self.volume.grid, (k, 0, 0)))[0] for k in slabs]
        labels = lungs.labels[np.rint(middles).astype(int)]
        return LungMask(np.ascontiguousarray(labels), self.volume.grid) if labels.any() else None


def scored_slabs(volume: Volume, policy: CalciumPolicy) -> Slabs:
    """The images of a series as they are scored: its own slices, or averages of them where they are closer together.

    A series lower than one averaged slice stays as it is.
    """
    depth = volume.grid.spacing_kji_mm[0]
    if volume.resolved_mm >= policy.averaged_below_mm:
        return _every(volume, max(1, round(volume.resolved_mm / depth)))
    # slices that overlap are blurred over their own thickness: less of them makes up the same profile
    mean_of_mm = math.sqrt(max(policy.averaged_to_mm**2 - volume.resolved_mm**2 + depth**2, depth**2))
    weights = slab_weights(volume.grid.shape[0], depth, policy.averaged_to_mm, mean_of_mm)
    if not len(weights):
        return Slabs(volume, tuple(range(volume.grid.shape[0])), volume.grid)
    flat = volume.hu.reshape(volume.hu.shape[0], -1)
    shape = (len(weights), *volume.grid.shape[1:])
    hu = np.empty(shape, dtype=np.int16)
    for n, row in enumerate(weights):
        own = np.flatnonzero(row)
        mean = row[own].astype(np.float32) @ flat[own].astype(np.float32)
        hu[n] = np.rint(mean).reshape(shape[1:])
    grid = _thicker(volume.grid, len(weights), policy.averaged_to_mm)
    middles = (np.arange(volume.grid.shape[0]) + 0.5) * depth / policy.averaged_to_mm
    slab_of_k = tuple(int(slab) if slab < len(weights) else -1 for slab in middles)
    return Slabs(Volume(hu, grid, volume.frame_of_reference_uid), slab_of_k, volume.grid)


def _every(volume: Volume, step: int) -> Slabs:
    """Every `step`-th slice, as thick as they are then apart: the ones between them overlap."""
    count = volume.grid.shape[0]
    if step == 1 or count < 2 * step:
        return Slabs(volume, tuple(range(count)), volume.grid)
    hu = np.ascontiguousarray(volume.hu[::step])
    grid = stepped_grid(volume.grid, (hu.shape[0], *volume.grid.shape[1:]), (step, 1, 1))
    picked = replace(volume, hu=hu, grid=grid)
    return Slabs(picked, tuple(min((k + step // 2) // step, len(hu) - 1) for k in range(count)), volume.grid)


def slab_weights(slices: int, depth_mm: float, thick_mm: float, mean_of_mm: float | None = None) -> FloatArray:
    """The share [slab, slice] of each slice in each whole slab; every row adds up to 1.

    With `mean_of_mm` only so much in the middle of each slab is averaged.
    """
    slabs = int(np.floor(slices * depth_mm / thick_mm + 1e-6))
    height = thick_mm if mean_of_mm is None else min(mean_of_mm, thick_mm)
    low = np.arange(slabs)[:, None] * thick_mm + (thick_mm - height) / 2
    bottom = np.arange(slices)[None] * depth_mm
    shared = np.minimum(low + height, bottom + depth_mm) - np.maximum(low, bottom)
    shares: FloatArray = np.clip(shared, 0.0, None)
    shares[shares < 1e-6 * depth_mm] = 0.0
    return np.asarray(shares / shares.sum(axis=1, keepdims=True)) if slabs else shares


def _thicker(grid: Grid, slabs: int, thick_mm: float) -> Grid:
    """The grid of the slabs: the same pixels, centres in the middle of each slab."""
    step = thick_mm / grid.spacing_kji_mm[0]
    return stepped_grid(grid, (slabs, *grid.shape[1:]), (step, 1, 1), ((step - 1) / 2, 0, 0))
