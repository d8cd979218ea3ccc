"""Small volumes with calcium of known size, a box for a heart, and a reader that is told where lesions belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cad.domain import (
    Artery,
    BoolArray,
    CalciumSite,
    Heart,
    Int16Array,
    LungMask,
    Mask,
    ModelIdentity,
    NoduleMask,
    PointLps,
    Volume,
)
from cad.geometry import grid_from, index_of, position_of

Spacing = tuple[float, float, float]
Index = tuple[int, int, int]
HALF_MM: Spacing = (3.0, 0.5, 0.5)
"""Pixels of 0.25 mm² on slices of 3 mm."""
READER = ModelIdentity("told", "1", "cd" * 32)


def a_volume(
    voxels: Mapping[Index, int], shape: Index = (12, 40, 40), spacing: Spacing = HALF_MM, blood_hu: int = 40
) -> Volume:
    """Blood with single voxels of other values."""
    hu = np.full(shape, blood_hu, dtype=np.int16)
    for place, value in voxels.items():
        hu[place] = value
    return volume_of(hu, spacing)


def volume_of(hu: Int16Array, spacing: Spacing = HALF_MM) -> Volume:
    """An array as a volume whose first voxel lies at the origin."""
    k, j, i = hu.shape
    return Volume(np.array(hu, dtype=np.int16), grid_from((k, j, i), spacing, PointLps(0.0, 0.0, 0.0)), "1.2")


def a_row(pixels: int, hu: int, k: int = 5, highest: int | None = None) -> dict[Index, int]:
    """Pixels in a row of one slice; the first has the highest value."""
    row = {(k, 20, 10 + n): hu for n in range(pixels)}
    return row if highest is None else {**row, (k, 20, 10): highest}


def whole(volume: Volume) -> NoduleMask:
    """A lesion that holds every voxel."""
    return NoduleMask(np.ones(volume.grid.shape, dtype=np.bool_), (0, 0, 0), volume.grid)


def heart_box(volume: Volume, margin: Index = (2, 8, 8), coverage: float = 1.0) -> Heart:
    """A heart that is a box in the middle of a volume, with blood in its middle, and no aorta."""
    k, j, i = (slice(m, n - m) for m, n in zip(margin, volume.grid.shape, strict=True))
    inside: BoolArray = np.zeros(volume.grid.shape, dtype=np.bool_)
    inside[k, j, i] = True
    blood: BoolArray = np.zeros(volume.grid.shape, dtype=np.bool_)
    blood[k, j.start + 2 : j.stop - 2, i.start + 2 : i.stop - 2] = True
    nothing: BoolArray = np.zeros(volume.grid.shape, dtype=np.bool_)
    grid = volume.grid
    return Heart(Mask(inside, grid), Mask(nothing, grid), Mask(blood, grid), (), coverage)


@dataclass(frozen=True)
class ToldReader:
    """Finds the heart by a function, and puts lesions where another says for their voxel nearest to the middle."""

    heart_of: Callable[[Volume], Heart | None] = heart_box
    site_of: Callable[[PointLps], CalciumSite] = lambda _: Artery.LAD
    identities: tuple[ModelIdentity, ...] = (READER,)

    def heart(self, volume: Volume, lungs: LungMask | None) -> Heart | None:  # noqa: ARG002
        return self.heart_of(volume)

    def sites(
        self,
        volume: Volume,  # noqa: ARG002
        heart: Heart,  # noqa: ARG002
        lesions: tuple[NoduleMask, ...],
    ) -> tuple[tuple[CalciumSite, float], ...]:
        return tuple((self.site_of(middle_of(lesion)), 0.9) for lesion in lesions)


def middle_of(lesion: NoduleMask) -> PointLps:
    """The middle of a lesion's voxels."""
    k, j, i = np.argwhere(lesion.voxels).mean(axis=0) + lesion.offset
    return position_of(lesion.grid, (float(k), float(j), float(i)))


def voxel_at(volume: Volume, point: PointLps) -> Index:
    """The voxel that holds a position."""
    k, j, i = (round(v) for v in index_of(volume.grid, point))
    return k, j, i


def flanked(volume: Volume) -> LungMask:
    """Lungs at the outermost columns of a volume on both sides of the heart in it."""
    labels = np.zeros(volume.hu.shape, dtype=np.uint8)
    labels[:, :, 0], labels[:, :, -1] = LungMask.RIGHT, LungMask.LEFT
    return LungMask(labels, volume.grid)
