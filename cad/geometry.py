"""Index ↔ patient positions. The two conventions of lungcad, said once:

* **Array index order is (k, j, i)**: slice, row, column. In the canonical orientation of a `Volume`, k runs to the
  head, j to posterior, i to the left of the patient (highdicom's "HPL"; small obliquity stays in the affine).
* **Positions are LPS millimetres** (DICOM PS3.3 C.7.6.2.1.1): x to the left, y to posterior, z to the head.

Every function that mixes the two takes a `Grid`.
"""

from __future__ import annotations

import math

import numpy as np

from cad.domain import BoolArray, Float32Array, FloatArray, Grid, NoduleMask, PointLps


def grid_from(shape: tuple[int, int, int], spacing_kji_mm: tuple[float, float, float], origin: PointLps) -> Grid:
    """An axis-aligned canonical grid whose voxel (0, 0, 0) has its centre at `origin`."""
    dk, dj, di = spacing_kji_mm
    affine = np.array(
        [[0, 0, di, origin.x], [0, dj, 0, origin.y], [dk, 0, 0, origin.z], [0, 0, 0, 1]], dtype=np.float64
    )
    return Grid(shape, affine)


def position_of(grid: Grid, index_kji: tuple[float, float, float]) -> PointLps:
    """The LPS position of a (fractional) voxel index."""
    x, y, z, _ = grid.affine @ np.array([*index_kji, 1.0])
    return PointLps(float(x), float(y), float(z))


def index_of(grid: Grid, position: PointLps) -> tuple[float, float, float]:
    """The fractional voxel index (k, j, i) of a position; outside the grid when the position is."""
    k, j, i, _ = np.linalg.inv(grid.affine) @ np.array([position.x, position.y, position.z, 1.0])
    return float(k), float(j), float(i)


def positions_of(grid: Grid, indices_kji: FloatArray) -> FloatArray:
    """LPS positions [n, 3] of voxel indices [n, 3]."""
    moved: FloatArray = indices_kji @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    return moved


def indices_of(grid: Grid, positions_lps: FloatArray) -> FloatArray:
    """Fractional voxel indices [n, 3] of LPS positions [n, 3]."""
    moved: FloatArray = (positions_lps - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T
    return moved


def distance_mm(a: PointLps, b: PointLps) -> float:
    """Euclidean distance of two positions in mm."""
    return math.dist((a.x, a.y, a.z), (b.x, b.y, b.z))


def crop_grid(grid: Grid, offset_kji: tuple[int, int, int], shape: tuple[int, int, int]) -> Grid:
    """The part of `grid` that starts at voxel `offset_kji`."""
    affine = np.array(grid.affine)
    affine[:3, 3] = position_of(grid, offset_kji).as_array()
    return Grid(shape, affine)


def stepped_grid(
    grid: Grid,
    shape: tuple[int, int, int],
    steps_kji: tuple[float, float, float],
    first_kji: tuple[float, float, float] = (0, 0, 0),
) -> Grid:
    """The grid of `shape` whose voxels lie so many voxels of `grid` apart, the first at `first_kji` of it."""
    affine = np.array(grid.affine)
    affine[:3, :3] *= np.array(steps_kji)
    affine[:3, 3] = position_of(grid, first_kji).as_array()
    return Grid(shape, affine)


def interpolated(array: Float32Array, places: FloatArray, axis: int) -> Float32Array:
    """The array [k, j, i] linearly interpolated at places along an axis, in voxels; beyond its ends as they are."""
    last = array.shape[axis] - 1
    at = np.clip(places, 0, last)
    below = np.minimum(at.astype(int), max(last - 1, 0))
    shape = [1, 1, 1]
    shape[axis] = -1
    share = (at - below).reshape(shape).astype(np.float32)
    above = np.take(array, np.minimum(below + 1, last), axis)
    return np.asarray(np.take(array, below, axis) * (1 - share) + above * share, dtype=np.float32)


def mask_of(voxels: BoolArray, start_kji: tuple[int, int, int], grid: Grid) -> NoduleMask:
    """The smallest mask of what is set in `voxels` bool [k, j, i], whose first voxel is `start_kji` of the grid."""
    low, high = [], []
    for axis in range(3):
        hit = np.flatnonzero(voxels.any(axis=tuple(a for a in range(3) if a != axis)))
        low.append(int(hit[0]))
        high.append(int(hit[-1]) + 1)
    box = voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].copy()
    k, j, i = (start + first for start, first in zip(start_kji, low, strict=True))
    return NoduleMask(box, (k, j, i), grid)


def sphere_volume_mm3(diameter_mm: float) -> float:
    """Volume of a sphere, π d³ / 6, in mm³."""
    return math.pi * diameter_mm**3 / 6


def sphere_diameter_mm(volume_mm3: float) -> float:
    """Diameter of the sphere that has this volume, in mm."""
    return math.cbrt(6 * volume_mm3 / math.pi)


def dice(a: BoolArray, b: BoolArray) -> float:
    """Overlap 2 |a and b| / (|a| + |b|) of two masks [...] of one shape (Dice 1945); 1 when both are empty."""
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / total if total else 1.0
