"""One lung on a reduced grid, and the thin bright plates in it.

Positions here are mm along the array axes (k, j, i) from the centre of the volume's first voxel: a lung is compared
with its own box, for which a small obliquity of the axes does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, FloatArray, LungMask, Side, Volume
from cad.policy import LobePolicy

AIR_HU = -1000.0
"""Attenuation of air by definition of the Hounsfield scale."""

NEIGHBOURS = np.ones((3, 3, 3), dtype=np.bool_)

Box = tuple[slice, slice, slice]
IntArray = npt.NDArray[np.int_]


@dataclass(frozen=True, slots=True, eq=False)
class ReducedLung:
    """A lung made of block means: `hu` float32 and `inside` bool [k, j, i], its block [0, 0, 0] at `origin_mm` [3]."""

    hu: Float32Array
    inside: BoolArray
    spacing_mm: tuple[float, float, float]
    origin_mm: FloatArray

    @property
    def block_mm3(self) -> float:
        """Volume of a block."""
        return float(np.prod(self.spacing_mm))

    def positions_mm(self, indices: IntArray) -> FloatArray:
        """Positions [n, 3] of blocks [n, 3]."""
        moved: FloatArray = indices * np.array(self.spacing_mm) + self.origin_mm
        return moved


@dataclass(frozen=True, slots=True, eq=False)
class Plates:
    """Blocks of a lung that are brighter than what lies on two opposite sides, and like what lies across.

    `indices` [n, 3] are blocks, `positions_mm` [n, 3] their places, `normals` [n, 3] unit vectors along the mm axes, of
    either sign.
    """

    indices: IntArray
    positions_mm: FloatArray
    normals: FloatArray


def box_of(lungs: LungMask, side: Side) -> Box | None:
    """The box around one lung; None when that lung is not in view."""
    inside = lungs.labels == label_of(side)
    rows = inside.any(axis=2)
    sections = (rows.any(axis=1), rows.any(axis=0), inside.any(axis=(0, 1)))
    if not sections[0].any():
        return None
    k, j, i = (np.flatnonzero(section) for section in sections)
    return slice(int(k[0]), int(k[-1]) + 1), slice(int(j[0]), int(j[-1]) + 1), slice(int(i[0]), int(i[-1]) + 1)


def label_of(side: Side) -> int:
    """The label of a lung in a lung mask."""
    return LungMask.LEFT if side is Side.LEFT else LungMask.RIGHT


def reduced_lung(volume: Volume, inside: BoolArray, box: Box, policy: LobePolicy) -> ReducedLung:
    """The lung whose voxels in `box` of the volume are `inside` [k, j, i], on blocks of about `policy.grid_mm`."""
    spacing = np.array(volume.grid.spacing_kji_mm)
    factors = np.maximum(np.rint(policy.grid_mm / spacing), 1).astype(int)
    share = _block_means(inside, factors)
    hu = np.maximum(_block_means(volume.hu[box], factors), np.float32(AIR_HU))
    origin = (np.array([part.start for part in box]) + (factors - 1) / 2) * spacing
    k, j, i = (float(v) for v in spacing * factors)
    return ReducedLung(hu, share >= 0.5, (k, j, i), origin)


def _block_means(array: npt.NDArray[np.int16] | BoolArray, factors: IntArray) -> Float32Array:
    """Means over whole blocks; the last block of an axis is filled up with its last values."""
    pads = [(0, -n % int(f)) for n, f in zip(array.shape, factors, strict=True)]
    padded = np.pad(array, pads, mode="edge") if any(after for _, after in pads) else array
    total = np.zeros([n // int(f) for n, f in zip(padded.shape, factors, strict=True)], dtype=np.float32)
    for k, j, i in np.ndindex(*(int(f) for f in factors)):
        total += padded[k :: int(factors[0]), j :: int(factors[1]), i :: int(factors[2])].astype(np.float32)
    total /= np.float32(np.prod(factors))
    return total


def vessels_mm(lung: ReducedLung, policy: LobePolicy) -> FloatArray:
    """Positions [n, 3] of vessels and other dense blocks deep in the lung."""
    deep = _eroded(lung, 2 * policy.rim_mm)
    return lung.positions_mm(np.argwhere(deep & (lung.hu > policy.vessel_hu)))


def plates_of(lung: ReducedLung, policy: LobePolicy) -> Plates:
    """The plates of a lung by the eigenvalues of the Hessian (Wiemker et al., CARS 2005).

    With eigenvalues ordered by size |a| ≥ |b| ≥ |c|, a plate has a < 0 and |a| much above |b|; its strength is
    (|a| - |b|) / (|a| + |b|), less where it hardly stands out. Vessels and the pleura are left out.
    """
    smooth = _smooth(lung, policy)
    low, high = policy.plate_range_hu
    hessian = _hessian(smooth, lung.spacing_mm)
    chosen = _eroded(lung, policy.rim_mm) & (smooth > low) & (smooth < high)
    chosen &= hessian[0] + hessian[3] + hessian[5] < 0
    chosen &= ~ndimage.binary_dilation(lung.hu > policy.vessel_hu)
    first, second, normals = _strongest(np.stack([part[chosen] for part in hessian]).astype(np.float64))
    stands_out_hu = -(policy.plate_sigma_mm**2) * first
    shape = (np.abs(first) - np.abs(second)) / (np.abs(first) + np.abs(second) + 1e-9)
    kept = shape * np.clip(stands_out_hu / policy.plate_contrast_hu, 0, 1) >= policy.min_plate_strength
    indices = np.argwhere(chosen)[kept]
    return Plates(indices, lung.positions_mm(indices), normals[kept])


def piece_sizes_mm3(lung: ReducedLung, plates: Plates, chosen: BoolArray) -> FloatArray:
    """The size of the connected piece of chosen plates that each plate [n] belongs to; 0 for those not chosen."""
    there = np.zeros(lung.inside.shape, dtype=np.bool_)
    there[tuple(plates.indices[chosen].T)] = True
    labels, _ = ndimage.label(there, NEIGHBOURS)
    blocks = np.bincount(labels.ravel()).astype(np.float64)
    sizes = np.zeros(len(chosen))
    sizes[chosen] = blocks[labels[tuple(plates.indices[chosen].T)]] * lung.block_mm3
    return sizes


def _eroded(lung: ReducedLung, rim_mm: float) -> BoolArray:
    """The lung without its rim, at least a block of it."""
    deep = lung.inside
    for axes in ((0,), (1, 2)):
        structure = np.zeros((3, 3, 3), dtype=np.bool_)
        structure[1, 1, 1] = True
        for axis in axes:
            moved = np.moveaxis(structure, axis, 0)
            moved[:, 1, 1] = True
        steps = max(1, round(rim_mm / lung.spacing_mm[axes[0]]))
        deep = ndimage.binary_erosion(deep, structure, iterations=steps)
    return deep


def _smooth(lung: ReducedLung, policy: LobePolicy) -> Float32Array:
    """Attenuation without the surroundings of the lung and without the peaks of vessels, smoothed."""
    usual = np.median(lung.hu[lung.inside])
    filled = np.where(lung.inside, np.minimum(lung.hu, policy.brightest_hu), usual).astype(np.float32)
    widths = [max(policy.plate_sigma_mm**2 - s**2 / 12, 0.0) ** 0.5 / s for s in lung.spacing_mm]  # blocks blur too
    smooth: Float32Array = ndimage.gaussian_filter(filled, widths, truncate=3.0)
    return smooth


def _hessian(smooth: Float32Array, spacing_mm: tuple[float, float, float]) -> list[Float32Array]:
    """Second derivatives kk, kj, ki, jj, ji, ii in HU per mm²; 0 at the border of the array."""
    kk, jj, ii = (_second(smooth, axis, spacing_mm[axis]) for axis in range(3))
    kj, ki, ji = (_mixed(smooth, a, b, spacing_mm) for a, b in ((0, 1), (0, 2), (1, 2)))
    return [kk, kj, ki, jj, ji, ii]


def _second(smooth: Float32Array, axis: int, spacing_mm: float) -> Float32Array:
    second = np.zeros_like(smooth)
    moved, values = np.moveaxis(second, axis, 0), np.moveaxis(smooth, axis, 0)
    moved[1:-1] = (values[2:] - 2 * values[1:-1] + values[:-2]) / spacing_mm**2
    return second


def _mixed(smooth: Float32Array, a: int, b: int, spacing_mm: tuple[float, float, float]) -> Float32Array:
    mixed = np.zeros_like(smooth)
    moved, values = np.moveaxis(mixed, (a, b), (0, 1)), np.moveaxis(smooth, (a, b), (0, 1))
    corners = values[2:, 2:] - values[2:, :-2] - values[:-2, 2:] + values[:-2, :-2]
    moved[1:-1, 1:-1] = corners / (4 * spacing_mm[a] * spacing_mm[b])
    return mixed


def _strongest(entries: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of symmetric 3 × 3 matrices [6, n]: the eigenvalue of the largest size, the next, and the first's vector [n, 3].

    Closed form of Smith (Commun. ACM 1961); the vector is the longest cross product of two rows of A - aI.
    """
    kk, kj, ki, jj, ji, ii = entries
    mean = (kk + jj + ii) / 3
    spread = np.sqrt(((kk - mean) ** 2 + (jj - mean) ** 2 + (ii - mean) ** 2 + 2 * (kj**2 + ki**2 + ji**2)) / 6) + 1e-12
    a, b, c, d, e, f = (v / spread for v in (kk - mean, jj - mean, ii - mean, kj, ki, ji))
    half_det = (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)) / 2
    angle = np.arccos(np.clip(half_det, -1, 1)) / 3
    high = mean + 2 * spread * np.cos(angle)
    low = mean + 2 * spread * np.cos(angle + 2 * np.pi / 3)
    values = np.stack([low, 3 * mean - high - low, high])
    order = np.argsort(-np.abs(values), axis=0)
    first, second = (np.take_along_axis(values, order[n : n + 1], axis=0)[0] for n in (0, 1))
    rows = np.stack([[kk - first, kj, ki], [kj, jj - first, ji], [ki, ji, ii - first]]).transpose(2, 0, 1)
    crosses = np.stack([np.cross(rows[:, m], rows[:, n]) for m, n in ((0, 1), (0, 2), (1, 2))], axis=1)
    lengths = np.linalg.norm(crosses, axis=2)
    longest = lengths.argmax(axis=1)
    each = np.arange(len(longest))
    normals = crosses[each, longest] / (lengths[each, longest] + 1e-30)[:, None]
    return first, second, normals
