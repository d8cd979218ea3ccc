"""A real scan breathed differently: a known, smooth deformation of a chest CT, to measure registration against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, FloatArray, Grid, LungMask, PointLps, Volume
from cad.geometry import grid_from, indices_of, positions_of

AIR_HU, MOST_HU = -1024, 3071
NODE = 4
WAVES = 6
NOISE_SMOOTHING_VOXELS = 0.6
"""Neighbouring voxels of a CT share noise; white noise would be easier to tell from anatomy."""


@dataclass(frozen=True, slots=True, eq=False)
class Breath:
    """Maps positions of the breathed scan to the same tissue in the real one.

    The diaphragm (`floor_mm`, as z) stands `depth_mm` higher or lower and the apex (`top_mm`) stays; towards the back
    the lung moves more. `widening` is the change of width and depth of the chest at the diaphragm. The rows of
    `waves` [n, 3, 3] are wave vector (1/mm), amplitude (mm) and phase of smooth local differences.
    """

    centre: tuple[float, float]
    floor_mm: float
    top_mm: float
    half_depth_mm: float
    depth_mm: float
    widening: float
    waves: FloatArray

    def to_real(self, positions: FloatArray) -> FloatArray:
        """Where the tissue at `positions` [n, 3] of the breathed scan lies in the real one, in LPS mm."""
        x, y = positions[:, 0] - self.centre[0], positions[:, 1] - self.centre[1]
        height = np.clip((self.top_mm - positions[:, 2]) / (self.top_mm - self.floor_mm), 0, 1.3)
        low = height * height * (3 - 2 * np.minimum(height, 1))
        back = 1 + 0.25 * np.tanh(y / self.half_depth_mm)
        moved = np.array(positions, dtype=np.float64)
        moved[:, 0] += self.widening * low * x
        moved[:, 1] += self.widening * low * y
        moved[:, 2] += self.depth_mm * low * back / 1.25
        for vector, amplitude, phase in self.waves:
            moved += np.sin(positions @ vector + phase[0])[:, None] * amplitude
        return moved


def breath_of(lungs: LungMask, depth_mm: float, seed: int) -> Breath:
    """A breath of `depth_mm` at the diaphragm of these lungs, with local differences of about a tenth of that."""
    places = positions_of(lungs.grid, np.argwhere(lungs.labels > 0)[::37].astype(np.float64))
    low, high = np.percentile(places, (1, 99), axis=0)
    rng = np.random.default_rng(seed)
    waves = np.zeros((WAVES, 3, 3))
    for wave in waves:
        directions = rng.normal(size=(2, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        wave[0] = directions[0] * 2 * np.pi / rng.uniform(90, 160)
        wave[1] = directions[1] * abs(depth_mm) * rng.uniform(0.02, 0.05)
        wave[2] = rng.uniform(0, 2 * np.pi)
    middle = (low + high) / 2
    return Breath(
        centre=(float(middle[0]), float(middle[1])),
        floor_mm=float(low[2]),
        top_mm=float(high[2]),
        half_depth_mm=float(high[1] - low[1]) / 2,
        depth_mm=depth_mm,
        widening=-depth_mm / 500,
        waves=waves,
    )


def breathe(volume: Volume, breath: Breath, grid: Grid, noise_hu: float, seed: int) -> Volume:
    """The scan on `grid` after a breath: lung density follows its volume, and noise is added again.

    The deformation is computed at every `NODE`th row and column and is linear between them: with waves of 90 mm and
    more the places are right within a hundredth of a millimetre. Beyond the real image its border is repeated.
    """
    coefficients = ndimage.spline_filter(volume.hu.astype(np.float32), order=3, output=np.float32)
    rows, columns = (_nodes(n) for n in grid.shape[1:])
    hu = np.empty(grid.shape, dtype=np.float32)
    for k in range(grid.shape[0]):
        j, i = np.meshgrid(rows.at, columns.at, indexing="ij")
        here = positions_of(grid, np.stack([np.full(j.size, float(k)), j.ravel(), i.ravel()], axis=1))
        known = np.stack([*indices_of(volume.grid, breath.to_real(here)).T, _expansion(breath, here)])
        *there, expansion = rows.between @ known.reshape(4, *j.shape) @ columns.between.T
        image = ndimage.map_coordinates(coefficients, there, order=3, prefilter=False, mode="nearest")
        hu[k] = _at_density(image, expansion)
    noise = np.random.default_rng(seed).standard_normal(grid.shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, NOISE_SMOOTHING_VOXELS)
    hu += noise * (noise_hu / float(noise.std()))
    voxels = np.clip(np.rint(hu), AIR_HU, MOST_HU).astype(np.int16)
    return Volume(voxels, grid, f"{volume.frame_of_reference_uid}.breathed")


@dataclass(frozen=True, slots=True, eq=False)
class _Nodes:
    """Places `at` [n] along an axis, and the weights `between` [voxels, n] of linear interpolation from them."""

    at: FloatArray
    between: FloatArray


def _nodes(voxels: int) -> _Nodes:
    count = -(-(voxels - 1) // NODE) + 1
    place = np.arange(voxels) / NODE
    weights = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(count)))
    return _Nodes(np.arange(count, dtype=np.float64) * NODE, weights)


def _expansion(breath: Breath, here: FloatArray) -> FloatArray:
    """Volume of the real tissue per volume of the breathed one at positions [n, 3], by differences."""
    base = breath.to_real(here)
    columns = [breath.to_real(here + np.eye(3)[axis]) - base for axis in range(3)]
    expansion: FloatArray = np.linalg.det(np.stack(columns, axis=-1))
    return expansion


def _at_density(hu: Float32Array, expansion: FloatArray) -> FloatArray:
    """The attenuation of the same gas and tissue in another volume; tissue without gas keeps its own."""
    gas = np.clip(-hu / 1000, 0, 1)
    return np.where(hu < -500, (hu + 1000) * (1 + gas * (expansion - 1)) - 1000, hu)


def coarser_grid(grid: Grid, spacing_kji_mm: tuple[float, float, float], shift: tuple[float, float, float]) -> Grid:
    """A grid of another spacing over the same place, moved by `shift` (x, y, z) mm, as at another examination."""
    shape = [max(1, int(n * s / t)) for n, s, t in zip(grid.shape, grid.spacing_kji_mm, spacing_kji_mm, strict=True)]
    first = grid.affine[:3, 3] + np.array(shift)
    return grid_from((shape[0], shape[1], shape[2]), spacing_kji_mm, PointLps(*(float(v) for v in first)))


def tissue_points(lungs: LungMask, count: int, seed: int) -> FloatArray:
    """Random positions [count, 3] inside the lungs, in LPS mm."""
    inside: BoolArray = lungs.labels > 0
    voxels = np.flatnonzero(inside)
    chosen = np.random.default_rng(seed).choice(voxels, count, replace=False)
    return positions_of(lungs.grid, np.stack(np.unravel_index(chosen, inside.shape), axis=1).astype(np.float64))
