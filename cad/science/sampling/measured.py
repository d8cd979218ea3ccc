"""A series on the grid on which it is measured, and what was found there back on the grid of its images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from cad.domain import AxialAxis, Diameters, FloatArray, Grid, LungMask, NoduleMask, PointLps, Volume
from cad.geometry import index_of, indices_of, interpolated, mask_of, position_of, positions_of, stepped_grid
from cad.policy import SamplingPolicy
from cad.science.sampling.slices import true_slices

Kji = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The `volume` on which a series is measured, and the `images` whose grid it was made from.

    `is_interpolated`: the slices of the images are not the scanner's own.
    """

    volume: Volume
    images: Grid
    is_interpolated: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it is measured as it is."""
        return self.volume.grid is self.images

    def lungs(self, lungs: LungMask) -> LungMask:
        """The lungs on the grid of the images: each voxel as the nearest one that was measured."""
        if self.is_own:
            return lungs
        nearest = [
            np.clip(np.rint(at), 0, size - 1).astype(int)
            for at, size in zip(self._places((0, 0, 0), self.images.shape), self.volume.grid.shape, strict=True)
        ]
        labels = lungs.labels[np.ix_(*nearest)]
        return LungMask(np.ascontiguousarray(labels), self.images)

    def drawn(self, mask: NoduleMask, volume_mm3: float) -> NoduleMask:
        """A region on the grid of the images, with as many voxels as fill its volume."""
        if self.is_own:
            return mask
        low, size = self._image_box(mask)
        places = [at - first + 1 for at, first in zip(self._places(low, size), mask.offset, strict=True)]
        smooth = ndimage.gaussian_filter(np.pad(mask.voxels, 1).astype(np.float32), 0.6, mode="nearest")
        field = smooth
        for axis, at in enumerate(places):
            field = interpolated(field, at, axis)
        count = int(np.clip(round(volume_mm3 / self.images.voxel_volume_mm3), 1, field.size))
        return mask_of(field >= np.partition(field.ravel(), -count)[-count], low, self.images)

    def nearest(self, mask: NoduleMask) -> NoduleMask:
        """A region on the grid of the images, which is finer: each voxel as the nearest one measured."""
        if self.is_own:
            return mask
        low, size = self._image_box(mask)
        own = []
        for at, first, n in zip(self._places(low, size), mask.offset, mask.voxels.shape, strict=True):
            index = np.rint(at).astype(int) - first
            own.append(np.where((index >= 0) & (index < n), index + 1, 0))
        voxels = np.pad(mask.voxels, ((1, 0), (1, 0), (1, 0)))[np.ix_(*own)]
        return mask_of(voxels, low, self.images)

    def axes(self, diameters: Diameters) -> Diameters:
        """The same axes on the nearest of the images."""
        if self.is_own:
            return diameters
        k = int(np.clip(round(index_of(self.images, diameters.long_axis.start)[0]), 0, self.images.shape[0] - 1))

        def moved(axis: AxialAxis) -> AxialAxis:
            return AxialAxis(_on_slice(axis.start, k, self.images), _on_slice(axis.end, k, self.images))

        return Diameters(moved(diameters.long_axis), moved(diameters.short_axis), k)

    def _places(self, low: Kji, size: Kji) -> list[FloatArray]:
        """Where the images' voxels of a box lie along each axis of the measured grid."""
        inverse = np.linalg.inv(self.volume.grid.affine) @ self.images.affine
        return [
            np.arange(low[n], low[n] + size[n]) * inverse[n, n] + inverse[n, 3]  # both grids have the same axes
            for n in range(3)
        ]

    def _image_box(self, mask: NoduleMask) -> tuple[Kji, Kji]:
        """First voxel and size of the box of the images that covers a region and one voxel around it."""
        ends = np.array([mask.offset, np.array(mask.offset) + mask.voxels.shape], dtype=np.float64)
        ends += np.array([[-1.5], [0.5]])
        found = indices_of(self.images, positions_of(self.volume.grid, ends))
        low = np.clip(np.floor(found[0]), 0, np.array(self.images.shape) - 1).astype(int)
        size = np.clip(np.ceil(found[1]).astype(int) + 1, low + 1, self.images.shape) - low
        return (int(low[0]), int(low[1]), int(low[2])), (int(size[0]), int(size[1]), int(size[2]))


def measured_grid(volume: Volume, policy: SamplingPolicy) -> Measured:
    """A series on its own slices where it was interpolated, and on averages where it is finer than what is measured.

    Most series are measured as they are. `volume.thick_mm` says how thick the slices are where they overlap.
    """
    images = volume.grid
    found = true_slices(volume, policy)
    if found.apart > 1:
        volume = _picked(volume, found.first, found.apart)
    if found.thick > found.apart:
        volume = replace(volume, thick_mm=found.thick * images.spacing_kji_mm[0])
    finest = (policy.finest_slice_mm, policy.finest_pixel_mm, policy.finest_pixel_mm)
    sizes = [
        min(max(1, int(limit / mm + 1e-6)), n)
        for limit, mm, n in zip(finest, volume.grid.spacing_kji_mm, volume.grid.shape, strict=True)
    ]
    return Measured(_averaged(volume, (sizes[0], sizes[1], sizes[2])), images, is_interpolated=found.apart > 1)


def _picked(volume: Volume, first: float, apart: float) -> Volume:
    """The slices at every `apart`-th place from `first` on, between two slices by their distance."""
    last = volume.grid.shape[0] - 1
    places = np.arange(first, last + 0.1 * apart, apart)
    within = np.clip(places, 0, last)
    below = np.minimum(within.astype(int), last - 1)
    hu = np.empty((len(places), *volume.grid.shape[1:]), dtype=np.int16)
    for n, (k, share) in enumerate(zip(below, within - below, strict=True)):
        mean = volume.hu[k] * np.float32(1 - share) + volume.hu[k + 1] * np.float32(share)
        hu[n] = np.rint(mean)
    return replace(volume, hu=hu, grid=stepped_grid(volume.grid, hu.shape, (apart, 1, 1), (first, 0, 0)))


def _averaged(volume: Volume, sizes: tuple[int, int, int]) -> Volume:
    """Means of blocks of so many voxels (k, j, i); what is left over at the end of an axis is not seen."""
    if sizes == (1, 1, 1):
        return volume
    k, j, i = (n // size for n, size in zip(volume.grid.shape, sizes, strict=True))
    hu = np.empty((k, j, i), dtype=np.int16)
    for n in range(k):
        part = volume.hu[n * sizes[0] : (n + 1) * sizes[0], : j * sizes[1], : i * sizes[2]]
        blocks = part.reshape(sizes[0], j, sizes[1], i, sizes[2])
        hu[n] = np.rint(blocks.mean(axis=(0, 2, 4), dtype=np.float32))
    first_k, first_j, first_i = ((size - 1) / 2 for size in sizes)
    return replace(volume, hu=hu, grid=stepped_grid(volume.grid, (k, j, i), sizes, (first_k, first_j, first_i)))


def _on_slice(point: PointLps, k: int, grid: Grid) -> PointLps:
    _, j, i = index_of(grid, point)
    return position_of(grid, (float(k), j, i))
