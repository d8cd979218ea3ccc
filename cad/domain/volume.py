"""Places, grids, volumes and masks of one scan. Conventions are stated once, in `cad.geometry`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cad.domain.anatomy import Side
from cad.domain.arrays import BoolArray, FloatArray, Int16Array, UInt8Array


@dataclass(frozen=True, slots=True)
class PointLps:
    """A position in the DICOM patient coordinate system: x to the left, y to posterior, z to the head, in mm."""

    x: float
    y: float
    z: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.x, self.y, self.z)):
            raise ValueError(f"position is not finite: ({self.x}, {self.y}, {self.z})")

    def as_array(self) -> FloatArray:
        """The position as an array [3] of x, y, z."""
        return np.array([self.x, self.y, self.z], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A voxel grid in the patient: `shape` (k, j, i) and the 4×4 `affine` from (k, j, i, 1) to (x, y, z, 1) in mm.

    The affine maps voxel *centres*. Its three column vectors must be linearly independent and have no zero length.
    """

    shape: tuple[int, int, int]
    affine: FloatArray

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError("affine must be a finite 4×4 matrix")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape must be three positive numbers, not {self.shape}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("affine is singular")
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)

    @property
    def spacing_kji_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxel centres along k, j and i, in mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def is_same_as(self, other: Grid) -> bool:
        """Whether both grids have the same shape and, within a micrometre, the same affine."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, rtol=0, atol=1e-3))


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A CT volume: `hu` int16 [k, j, i] in Hounsfield units on `grid`, in canonical orientation.

    `thick_mm` is how thick its slices are where they overlap; None where they are as thick as they are apart.
    """

    hu: Int16Array
    grid: Grid
    frame_of_reference_uid: str
    thick_mm: float | None = None

    def __post_init__(self) -> None:
        if self.hu.shape != self.grid.shape:
            raise ValueError(f"array shape {self.hu.shape} differs from grid shape {self.grid.shape}")
        if self.hu.dtype != np.int16:
            raise TypeError(f"hu must be int16, not {self.hu.dtype}")
        self.hu.flags.writeable = False

    @property
    def resolved_mm(self) -> float:
        """How far apart two things must lie across the slices to be told apart, in mm."""
        return max(self.thick_mm or 0.0, self.grid.spacing_kji_mm[0])


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A binary region: `voxels` bool [k, j, i] on `grid`."""

    voxels: BoolArray
    grid: Grid

    def __post_init__(self) -> None:
        if self.voxels.shape != self.grid.shape or self.voxels.dtype != np.bool_:
            raise ValueError("mask voxels must be bool and have the shape of the grid")
        self.voxels.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class LungMask:
    """Left and right lung on the volume's grid: `labels` uint8 [k, j, i], 0 outside, 1 right lung, 2 left lung.

    Juxtapleural nodules, consolidation hulls and peripheral vessels are inside; trachea, main bronchi and
    hilar vessels are outside. At least one lung is present.
    """

    labels: UInt8Array
    grid: Grid

    RIGHT: ClassVar[int] = 1
    LEFT: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.labels.shape != self.grid.shape or self.labels.dtype != np.uint8:
            raise ValueError("lung labels must be uint8 and have the shape of the grid")
        if not self.labels.any():
            raise ValueError("a lung mask is never empty; refuse the series instead")
        self.labels.flags.writeable = False

    def volume_ml(self, side: Side) -> float:
        """Volume of one lung in ml; 0 when that lung is not in view."""
        label = self.LEFT if side is Side.LEFT else self.RIGHT
        return float(np.count_nonzero(self.labels == label)) * self.grid.voxel_volume_mm3 / 1000.0
